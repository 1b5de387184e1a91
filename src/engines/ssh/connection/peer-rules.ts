/**
 * What ssh2 leaves to whoever uses it: a host that does not keep to the rules of SSH, so that it would cost the worker more than itself,
 * is a broken peer, and its connection is cut. Held against them from before the login on, for every connection, of jump hosts too:
 *
 * - a channel takes no more than the window that was given for it; ssh2 counts below zero, and keeps whatever comes;
 * - a channel takes our words in pieces of a fair size; for pieces of no bytes ssh2 would write for ever, in one turn;
 * - questions are asked no faster than their answers are taken; ssh2 answers each, and holds what is not read;
 * - keys of the host that it tells of by itself are not looked at; ssh2 would keep each list until they are proved.
 */
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';

/** OpenSSH takes 32 KiB, and the smallest device some hundred bytes. */
const PIECE_BYTES_MIN = 256;
/** Far more than a host asks by itself while a line is slow: it asks whether we are there, and little else. */
const ANSWERS_WAITING_MAX = 1_024;
const HOST_KEYS = 'hostkeys-00@openssh.com';

type Handler = (protocol: unknown, ...args: never[]) => void;
interface Channel {
  readonly incoming: { readonly window: number };
}
interface Inner extends Client {
  readonly _protocol: { readonly _handlers: Record<string, Handler>; readonly _queue?: readonly unknown[] };
  readonly _chanMgr: { get(id: number): Channel | ((...args: never[]) => void) | null | undefined };
}

/** For a client that connects over `line`: a breach is its `error`, and nothing that comes after it is heard. */
export function holdToRules(client: Client, line: Duplex): void {
  const { _protocol: protocol, _chanMgr: channels } = client as Inner;
  const handlers = protocol._handlers;
  let isBroken = false;
  let waiting = 0;

  function before(name: string, check: (...args: never[]) => string | undefined): void {
    const heard = handlers[name]!;
    handlers[name] = (from, ...args) => {
      if (isBroken) return;
      const breach = check(...args);
      if (breach === undefined) return heard(from, ...args);
      isBroken = true;
      client.emit('error', new Error(breach));
    };
  }
  function fitsWindow(id: number, data: Buffer): string | undefined {
    const channel = channels.get(id);
    return typeof channel === 'object' && channel !== null && data.length > channel.incoming.window
      ? 'the host sends more than it was allowed to'
      : undefined;
  }
  function areAnswersTaken(): string | undefined {
    // What we write while keys are exchanged waits in a queue of its own.
    if (line.writableLength === 0 && (protocol._queue?.length ?? 0) === 0) waiting = 0;
    return ++waiting > ANSWERS_WAITING_MAX ? 'the host asks on and on, and does not take the answers' : undefined;
  }

  before('CHANNEL_DATA', fitsWindow);
  before('CHANNEL_EXTENDED_DATA', fitsWindow);
  before('CHANNEL_OPEN_CONFIRMATION', ({ packetSize }: { readonly packetSize: number }) =>
    packetSize < PIECE_BYTES_MIN ? 'the host takes no more than some bytes at once' : undefined,
  );
  before('CHANNEL_OPEN', areAnswersTaken);
  before('USERAUTH_INFO_REQUEST', areAnswersTaken);
  before('CHANNEL_REQUEST', (_id, _type, wantsReply) => (wantsReply ? areAnswersTaken() : undefined));
  before('GLOBAL_REQUEST', (_name, wantsReply) => (wantsReply ? areAnswersTaken() : undefined));
  const asked = handlers.GLOBAL_REQUEST as (from: unknown, name: string, ...rest: never[]) => void;
  handlers.GLOBAL_REQUEST = (from: unknown, name: string, ...rest: never[]) =>
    asked(from, name === HOST_KEYS ? 'not looked at' : name, ...rest);
}
