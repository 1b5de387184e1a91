/**
 * The connection of a call to a database, as a driver speaks over it: already there, no more of it read than may be, and
 * encrypted under the driver's feet where the protocol wants it so.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';

type Done = (error?: Error | null) => void;

/** Hears what comes before the driver does. */
export interface MessageGuard {
  /** What of it may be passed on by now. Throws where the far end does not speak as it should. */
  take(bytes: Buffer): readonly Buffer[];
}

export class DatabaseStream extends Duplex {
  #socket: Socket;
  #received = 0;
  /** So much may come before it is encrypted; whoever says more speaks for another. */
  #before: ((received: Buffer) => boolean) | undefined;
  #early = Buffer.alloc(0);
  readonly #guard: MessageGuard | undefined;

  constructor(
    socket: Socket,
    options: { readonly beforeTls?: (received: Buffer) => boolean; readonly guard?: MessageGuard } = {},
  ) {
    super();
    this.#socket = socket;
    this.#before = options.beforeTls;
    this.#guard = options.guard;
    this.#listen();
  }

  /** Drivers connect what they are given. */
  connect(): this {
    process.nextTick(() => this.emit('connect'));
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** What is spoken from here on goes over this one, which encrypts what went until now. */
  encrypted(socket: Socket): void {
    this.#before = undefined;
    this.#socket = socket;
    this.#listen();
  }

  /** Nothing is heard any more until it is encrypted. */
  plain(): Socket {
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('end');
    this.#socket.removeAllListeners('close');
    return this.#socket;
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  #take(bytes: Buffer): void {
    if (this.destroyed) return;
    this.#received += bytes.length;
    if (this.#received > callLimits.callAnswerBytesMax) {
      this.destroy(
        new DroverError('output-limit', {
          detail: `The database has said more than ${callLimits.callAnswerBytesMax} bytes. Ask for fewer rows, or for less of them.`,
        }),
      );
      return;
    }
    if (this.#before) {
      this.#early = Buffer.concat([this.#early, bytes]);
      if (!this.#before(this.#early)) {
        this.destroy(new Error('it has spoken in clear where it was to be encrypted'));
        return;
      }
    }
    for (const passed of this.#guarded(bytes)) if (!this.push(passed)) this.#socket.pause();
  }

  #guarded(bytes: Buffer): readonly Buffer[] {
    if (!this.#guard) return [bytes];
    try {
      return this.#guard.take(bytes);
    } catch (error) {
      this.destroy(error as Error);
      return [];
    }
  }

  /** A driver that falls over what it hears has heard nothing more, and takes nobody with it. */
  override emit(event: string | symbol, ...said: unknown[]): boolean {
    if (event !== 'data') return super.emit(event, ...said);
    try {
      return super.emit(event, ...said);
    } catch (error) {
      this.destroy(error as Error);
      return true;
    }
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: Done): void {
    this.#socket.write(bytes, done);
  }

  override _final(done: Done): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.destroy();
    done(error);
  }
}
