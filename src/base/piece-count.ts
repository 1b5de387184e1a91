/**
 * In how many pieces a connection says what it says. TLS hands over each record by itself, and one of a single byte costs as much as one of
 * a thousand: 60 kB in records of one byte were a fifth of a second of processor. Who has proved who it is may send as it likes.
 */
import type { Socket } from 'node:net';
import { portLimits } from './port-limits.ts';

export class PieceCount {
  readonly #onTooMany: (socket: Socket) => void;
  /** What is left to each; an average of `pieceBytesMin` bytes keeps it level. */
  readonly #left = new WeakMap<Socket, number>();
  /** One for all: of ten thousand connections each would keep its own. */
  readonly #onData: (this: Socket, bytes: Buffer) => void;

  constructor(onTooMany: (socket: Socket) => void) {
    this.#onTooMany = onTooMany;
    const hear = (socket: Socket, bytes: number): void => this.#hear(socket, bytes);
    this.#onData = function (bytes) {
      hear(this, bytes.length);
    };
  }

  watch(socket: Socket): void {
    this.#left.set(socket, portLimits.piecesMax);
    socket.on('data', this.#onData);
  }

  /** A request has come. */
  onRequest(socket: Socket): void {
    const left = this.#left.get(socket);
    if (left !== undefined) this.#left.set(socket, Math.min(portLimits.piecesMax, left + portLimits.piecesPerRequest));
  }

  /** It has proved who it is. */
  forget(socket: Socket): void {
    if (this.#left.delete(socket)) socket.off('data', this.#onData);
  }

  #hear(socket: Socket, bytes: number): void {
    const before = this.#left.get(socket);
    // It has proved who it is by this very piece.
    if (before === undefined) return;
    const left = before - 1 + bytes / portLimits.pieceBytesMin;
    this.#left.set(socket, Math.min(portLimits.piecesMax, left));
    if (left >= 0) return;
    this.forget(socket);
    this.#onTooMany(socket);
  }
}
