/**
 * The line to a host behind a jump host: a channel of the jump host's connection, which ends as a socket does. A channel by itself
 * stays half open when the far end is gone, cannot be destroyed, and is closed only when the jump host says so.
 */
import { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';

export class ForwardedLine extends Duplex {
  readonly #channel: ClientChannel;

  constructor(channel: ClientChannel) {
    super({ allowHalfOpen: false });
    this.#channel = channel;
    channel.on('data', (bytes: Buffer) => {
      if (!this.destroyed && !this.push(bytes)) channel.pause();
    });
    channel.once('end', () => this.push(null));
    channel.once('close', () => this.destroy());
    // How it ended is told by the end.
    channel.on('error', () => this.destroy());
    // A line has one stream: what is said beside it is dropped.
    channel.stderr.on('error', () => undefined);
    channel.stderr.resume();
    // What is still to be written cannot be read over there any more; waiting for it could be for ever.
    this.once('end', () => this.destroy());
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(bytes: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.write(bytes, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // The jump host is told, and what it still has is read to the end, or the channel would never count as closed.
    this.#channel.resume();
    this.#channel.close();
    done(error);
  }
}
