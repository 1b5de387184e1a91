/** Where somebody at work dials, and hears bytes instead of frames: a server or a worker that was taken over. It lets every link in that a good one would. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Packr } from 'msgpackr';
import { WebSocketServer, type WebSocket } from 'ws';
import type { HostileMessage } from './frame-arbitraries.ts';
import { mainThreadCpuMs } from './turn-watch.ts';
import { until } from './until.ts';

const packr = new Packr({ useRecords: false });

interface Identity {
  readonly privateKey: string;
  readonly certificate: string;
  readonly ca: string;
}

/** Whoever heard a protocol that it does not speak comes back after 30 to 90 seconds. */
export const LONGEST_PAUSE_MS = 120_000;

export class HostileListener {
  /** With what its links were ended, as it was told: error codes, or the numbers of the WebSocket protocol. */
  readonly ends: string[] = [];
  /** What was said first on each link. */
  readonly hellos: Record<string, unknown>[] = [];
  readonly #https: Server;
  #socket: WebSocket | undefined;

  private constructor(identity: Identity) {
    const { privateKey: key, certificate, ca } = identity;
    this.#https = createServer({ key, cert: `${certificate}\n${ca}` });
    new WebSocketServer({ server: this.#https, perMessageDeflate: false }).on('connection', (socket) =>
      this.#linked(socket),
    );
  }

  static async listen(identity: Identity): Promise<HostileListener> {
    const listener = new HostileListener(identity);
    listener.#https.listen(0, '127.0.0.1');
    await once(listener.#https, 'listening');
    return listener;
  }

  get port(): number {
    return (this.#https.address() as AddressInfo).port;
  }

  get isLinked(): boolean {
    return this.#socket !== undefined;
  }

  #linked(socket: WebSocket): void {
    let code: string | undefined;
    socket.on('error', () => undefined);
    socket.on('message', (bytes: Buffer) => {
      const frame = packr.unpack(bytes) as Record<string, unknown>;
      if (frame.t === 'hello') {
        this.hellos.push(frame);
        this.#socket = socket;
      }
      if (frame.t !== 'bye') return;
      // It has been told why. Nothing is said in answer: whoever hears its own reason from the other end would think itself sent away.
      code = String(frame.code);
      socket.terminate();
    });
    socket.on('close', (number) => {
      if (this.#socket === socket) this.#socket = undefined;
      this.ends.push(code ?? String(number));
    });
  }

  /** Says it on the link that it has, or gets. Resolves when it has been read, or has ended the link, with what that cost `pid` in ms of its main thread. */
  async say(message: HostileMessage, pid: number): Promise<number> {
    const socket = await until('a link', () => this.#socket, LONGEST_PAUSE_MS);
    const before = mainThreadCpuMs(pid);
    if ('ping' in message) socket.ping(message.ping);
    else if ('text' in message) socket.send(message.text, { binary: false }, () => undefined);
    else socket.send(message.bytes, { binary: true }, () => undefined);
    const closed = socket.readyState === socket.CLOSED ? undefined : once(socket, 'close');
    const answered = heard(socket);
    socket.ping('heard', undefined, () => undefined);
    await Promise.race([closed, answered]);
    return mainThreadCpuMs(pid) - before;
  }

  end(): void {
    this.#socket?.terminate();
    this.#https.close();
    this.#https.closeAllConnections();
  }
}

/** Listens all the time: answers to two pings may come in one piece, and who listens anew after each misses the second. */
function heard(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const onPong = (told: Buffer): void => {
      if (String(told) !== 'heard') return;
      socket.off('pong', onPong);
      resolve();
    };
    socket.on('pong', onPong);
  });
}
