/**
 * Looks at the requests that are on their way in: whose body comes slower than the least rate is cut, long before the
 * deadline of the whole.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export class BodyPace {
  readonly #bytesMin: number;
  readonly #onSlow: (socket: Socket) => void;
  /** What had come when it was looked at last; nothing where nobody read it then, which is not the sender's fault. */
  readonly #coming = new Map<IncomingMessage, number | undefined>();

  /** `bytesMin`: from one look to the next. */
  constructor(bytesMin: number, onSlow: (socket: Socket) => void) {
    this.#bytesMin = bytesMin;
    this.#onSlow = onSlow;
  }

  watch(request: IncomingMessage): void {
    if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return;
    this.#coming.set(request, undefined);
    request.once('close', () => this.#coming.delete(request));
  }

  look(): void {
    for (const [request, before] of this.#coming) {
      const { socket } = request;
      if (request.complete) this.#coming.delete(request);
      else if (request.readableFlowing !== true) this.#coming.set(request, undefined);
      else if (before === undefined || socket.bytesRead - before >= this.#bytesMin)
        this.#coming.set(request, socket.bytesRead);
      else {
        this.#coming.delete(request);
        this.#onSlow(socket);
      }
    }
  }
}
