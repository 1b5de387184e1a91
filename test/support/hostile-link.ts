/** A peer with a good certificate that says bytes, not frames, over a WebSocket of its own: nothing of ours keeps it from anything. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { encodeFrame } from '../../src/link/codec.ts';
import { endProved } from '../../src/pki/peer-proof.ts';
import type { HostileMessage } from './frame-arbitraries.ts';
import { until } from './until.ts';

export interface HostileLinkOptions {
  readonly url: string;
  readonly identity: { readonly privateKey: string; readonly certificate: string; readonly ca: string };
  /** Said first on every link; absent for one that says no hello. */
  readonly hello?: () => object;
}

export class HostileLink {
  /** With what its links were ended, as it was told: error codes, or the numbers of the WebSocket protocol. */
  readonly ends: string[] = [];
  readonly #options: HostileLinkOptions;
  #socket: WebSocket | undefined;

  constructor(options: HostileLinkOptions) {
    this.#options = options;
  }

  /** Links anew where the last link was ended. Resolves when the message is on its way. */
  async say(message: HostileMessage): Promise<void> {
    const socket = await this.#linked();
    await new Promise<void>((resolve) => {
      // An error is that the link was ended under it.
      const sent = (): void => resolve();
      if ('ping' in message) socket.ping(message.ping, undefined, sent);
      else if ('text' in message) socket.send(message.text, { binary: false }, sent);
      else socket.send(message.bytes, { binary: true }, sent);
    });
  }

  /** Resolves when the other end has answered. */
  async ping(): Promise<void> {
    const socket = await this.#linked();
    const answered = once(socket, 'pong');
    socket.ping();
    await answered;
  }

  /** Resolves when whatever was said has been read, or has ended the link. */
  async heard(): Promise<void> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.ping('heard');
    await new Promise<void>((resolve) => {
      socket.once('pong', () => resolve());
      socket.once('close', () => resolve());
    });
  }

  end(): void {
    this.#socket?.terminate();
  }

  /** Whoever is ended again and again has no place for a moment: it knocks until it has one. */
  async #linked(): Promise<WebSocket> {
    if (this.#socket?.readyState === WebSocket.OPEN) return this.#socket;
    return until('a place for the link', async () => this.#dialed().catch((error: Error) => isBusy(error)), 60_000);
  }

  async #dialed(): Promise<WebSocket> {
    const { url, identity, hello } = this.#options;
    const socket = new WebSocket(url, {
      ca: identity.ca,
      perMessageDeflate: false,
      checkServerIdentity: (() => undefined) as never,
      finishRequest: (request) => endProved(request, identity),
    });
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => void this.ends.push(reason.toString() || String(code)));
    await once(socket, 'open');
    if (hello) socket.send(encodeFrame(hello()), { binary: true });
    return socket;
  }
}

function isBusy(error: Error): undefined {
  if (!error.message.includes('503')) throw error;
}
