/** A link over one WebSocket; both ends use it. One sweep watches all links of a process for silence: no timer per link. */
import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { decodeFrame, encodeFrame } from './codec.ts';
import type { FrameShapes } from '../protocol/link/shape.ts';
import type { Link, LinkFault, LinkHandlers, OnLink, Peer } from './link.ts';
import type { LoopTurns } from './loop-turns.ts';
import { messageOf } from './ws-message.ts';

/**
 * The event loop reads of a socket what is there, up to two megabytes at once: of a peer that never stops, so much is
 * carried out before others have their turn.
 */
const TURN_MS = 10;
const SEND_BUFFER_MAX = 2 * limits.frameBytesMax;
/** Beyond it a copy costs more than it saves. */
const MESSAGE_COPIED_MAX = 16_384;

/** Handlers are shared by all links and find theirs at its socket: five closures per link are half a megabyte for every thousand agents. */
interface LinkedSocket extends WebSocket {
  link: WsLink<never, never>;
}

function linkOf(socket: WebSocket): WsLink<never, never> {
  return (socket as LinkedSocket).link;
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  linkOf(this).receive(data as Buffer, isBinary);
}

/** It is answered by the socket itself, so that the peer hears of us as well. */
function onPing(this: WebSocket): void {
  const link = linkOf(this);
  link.heard = link.spoken = true;
}

function onPong(this: WebSocket): void {
  linkOf(this).heard = true;
}

function onSocketClose(this: WebSocket, _code: number, reason: Buffer): void {
  linkOf(this).gone(reason.toString() || 'connection closed');
}

/** A close follows. */
function onSocketError(): void {}

/** What all links of one end have in common. */
export interface LinkEnd {
  readonly shapes: FrameShapes;
  /** A link was ended because of a frame; told once for each link. */
  readonly onFault?: (fault: LinkFault) => void;
  /** A frame was of a type that is not known here; `count` of them have come over this link. */
  readonly onPassedOver?: (peer: Peer, count: number) => void;
  /** The connection of a link is gone: later than the link's own end, which does not wait for the peer. */
  readonly onGone?: (link: WsLink<never, never>) => void;
}

export class WsLink<In extends { t: string }, Out extends { t: string }> implements Link<Out> {
  readonly peer: Peer;
  readonly openedAtMs: number;
  /** Set by whatever arrives, read and cleared by the sweep; so is `spoken` by whatever is sent. */
  heard = true;
  spoken = false;
  silentSweeps = 0;
  readonly #socket: WebSocket;
  readonly #below: Writable | undefined;
  readonly #end: LinkEnd;
  readonly #turns: LoopTurns;
  readonly #clock: Clock;
  /** The last turn of the loop in which frames came, and how long they have taken in it. */
  #turn = -1;
  #tookMs = 0;
  #isHeld = false;
  #isTurnOver = false;
  #passedOver = 0;
  #closed = false;
  #isEndedHere = false;
  #reason = '';
  #handlers: LinkHandlers<In> | undefined;
  readonly #onEnded: ((reason: string) => void) | undefined;

  /**
   * `turns`: one for all links of this end. `below`: what the WebSocket itself writes to, where its messages go out as
   * they are, without a mask.
   * `onEnded`: for the end that keeps the link up; told after its handlers.
   */
  constructor(
    socket: WebSocket,
    peer: Peer,
    end: LinkEnd,
    {
      turns,
      clock,
      below,
      onEnded,
    }: {
      readonly turns: LoopTurns;
      readonly clock: Clock;
      readonly below?: Writable;
      readonly onEnded?: (reason: string) => void;
    },
  ) {
    this.#socket = socket;
    this.#turns = turns;
    this.#clock = clock;
    this.#below = below;
    this.#onEnded = onEnded;
    this.peer = peer;
    this.openedAtMs = clock.nowMs();
    this.#end = end;
    (socket as LinkedSocket).link = this as WsLink<never, never>;
    socket.on('message', onMessage);
    socket.on('ping', onPing);
    socket.on('pong', onPong);
    socket.on('error', onSocketError);
    socket.on('close', onSocketClose);
  }

  /** Once, before anything is read. */
  open(onLink: OnLink<In, Out>): void {
    const handlers = onLink(this);
    this.#handlers = handlers;
    if (this.#closed) handlers.onClose(this.#reason);
  }

  /** What the socket brings; for the socket's handlers only. */
  receive(data: Buffer, isBinary: boolean): void {
    this.heard = true;
    // Between our farewell and its answer the peer may still talk; nobody listens any more.
    if (this.#closed) return;
    const begunAt = this.#clock.monotonicMs();
    try {
      if (!isBinary) throw new DroverError('frame-invalid', { detail: 'Only binary messages are frames.' });
      const frame = decodeFrame(data, this.#end.shapes);
      if (!frame) this.#end.onPassedOver?.(this.peer, ++this.#passedOver);
      const work = frame && this.#handlers?.onFrame(frame as In);
      if (work) work.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
    this.#took(this.#clock.monotonicMs() - begunAt);
  }

  /** Who takes more than a turn's time waits for the next turn, in which everybody else is heard first. */
  #took(ms: number): void {
    const turn = this.#turns.current;
    this.#tookMs = (turn === this.#turn ? this.#tookMs : 0) + ms;
    this.#turn = turn;
    if (this.#tookMs < TURN_MS || this.#isTurnOver || this.#closed) return;
    this.#isTurnOver = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#isTurnOver = false;
      if (!this.#isHeld) this.#socket.resume();
    });
  }

  /** A frame that is none, or that nobody could carry out, is the fault of this link alone. The peer is told no more than it may know. */
  #failed(error: unknown): void {
    if (this.#closed) return;
    const code = errorCodeOf(error);
    this.close(code, error instanceof DroverError ? error.detail : 'A frame could not be carried out.');
    this.#end.onFault?.({ peer: this.peer, code, error });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** By our farewell: what the peer answers to it is an echo, and says nothing of the peer. */
  get isEndedHere(): boolean {
    return this.#isEndedHere;
  }

  send(frame: Out): boolean {
    return this.sendEncoded(encodeFrame(frame));
  }

  sendEncoded(bytes: Uint8Array): boolean {
    if (this.#closed || this.#socket.readyState !== this.#socket.OPEN || this.#socket.bufferedAmount > SEND_BUFFER_MAX)
      return false;
    this.spoken = true;
    // A fan-out is tens of thousands of small frames: with head and content in one piece each costs a tenth less.
    if (this.#below && bytes.length <= MESSAGE_COPIED_MAX) this.#below.write(messageOf(bytes));
    else this.#socket.send(bytes, { binary: true, compress: false });
    return true;
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  pause(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isHeld = false;
    if (!this.#isTurnOver) this.#socket.resume();
  }

  close(code = 'shutting-down', detail = ''): void {
    if (this.#closed) return;
    this.#isEndedHere = true;
    this.#socket.send(encodeFrame({ t: 'bye', code, detail }), () => undefined);
    this.#socket.close(1000, code);
    this.ended(code);
  }

  /** The peer does not answer: no farewell. */
  abandon(reason: string): void {
    this.#socket.terminate();
    this.ended(reason);
  }

  /** For the socket's handlers only. */
  gone(reason: string): void {
    this.ended(reason);
    this.#end.onGone?.(this as WsLink<never, never>);
  }

  ended(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reason = reason;
    this.#handlers?.onClose(reason);
    this.#onEnded?.(reason);
  }
}

/**
 * Pings every link each heartbeat over which not both ends have spoken since the last, and abandons those that stay silent for `silentMs`.
 * Anything heard counts, not only pongs.
 */
export function watchLinks(
  links: Iterable<WsLink<never, never>>,
  clock: Clock,
  heartbeatMs: number,
  silentMs: number,
): () => void {
  let cancel = (): void => undefined;
  // The peer may have spoken just after a sweep, so one more sweep than this is what passes at most. Two at least: a single
  // late sweep of our own must not end a link.
  const sweepsMax = Math.max(2, Math.floor(silentMs / heartbeatMs));
  const sweep = (): void => {
    for (const link of links) {
      link.silentSweeps = link.heard ? 0 : link.silentSweeps + 1;
      const isAlive = link.heard && link.spoken;
      link.heard = link.spoken = false;
      // After a pause of our own, what the peer sent meanwhile is read before the next sweep: a busy process blames nobody.
      if (link.silentSweeps >= sweepsMax) link.abandon('silent for too long');
      else if (!isAlive) link.ping();
    }
    cancel = clock.after(heartbeatMs, sweep, { unref: true });
  };
  cancel = clock.after(heartbeatMs, sweep, { unref: true });
  return () => cancel();
}
