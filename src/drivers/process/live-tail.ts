/**
 * Live output of one watched attempt: reads what was appended to its spool, through the mask, at most so much a second. What
 * is skipped is counted; the final record does not depend on it.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { limits } from '../../base/limits.ts';
import type { Mask } from './mask.ts';

const BLOCK = 64 * 1024;
const POLL_MS = { young: 2, old: 40 };
/** The first seconds are when somebody stares at the screen. */
const YOUNG_MS = 2_000;

interface StreamTail {
  readonly path: string;
  fd: number;
  readAt: number;
  sentAt: number;
  held: Buffer;
  skipped: number;
}

export interface LiveTailOptions {
  readonly files: Readonly<Record<1 | 2, string>>;
  readonly mask: Mask;
  /** `offset` counts masked bytes, skipped ones included. */
  readonly onOutput: (stream: 1 | 2, offset: number, bytes: Buffer, skipped: number) => void;
}

export class LiveTail {
  readonly #options: LiveTailOptions;
  readonly #streams: Record<1 | 2, StreamTail>;
  #begunAt = -1;
  #nextAt = 0;
  #budget = BLOCK;
  #budgetAt = 0;

  constructor(options: LiveTailOptions) {
    this.#options = options;
    const stream = (path: string): StreamTail => ({
      path,
      fd: -1,
      readAt: 0,
      sentAt: 0,
      held: Buffer.alloc(0),
      skipped: 0,
    });
    this.#streams = { 1: stream(options.files[1]), 2: stream(options.files[2]) };
  }

  /** Reads what is new; answers when it wants to be called again. */
  pump(now: number): number {
    if (this.#begunAt < 0) this.#begunAt = this.#budgetAt = now;
    if (now < this.#nextAt) return this.#nextAt;
    this.#budget = Math.min(
      limits.liveOutputBytesPerSecondMax,
      this.#budget + ((now - this.#budgetAt) / 1_000) * limits.liveOutputBytesPerSecondMax + BLOCK,
    );
    this.#budgetAt = now;
    for (const stream of [1, 2] as const) this.#read(stream, false);
    this.#nextAt = now + (now - this.#begunAt < YOUNG_MS ? POLL_MS.young : POLL_MS.old);
    return this.#nextAt;
  }

  /** The rest, as far as the budget goes, and the end of it. */
  finish(): void {
    for (const stream of [1, 2] as const) {
      this.#read(stream, true);
      const { fd } = this.#streams[stream];
      if (fd >= 0) closeSync(fd);
    }
  }

  #read(number: 1 | 2, final: boolean): void {
    const stream = this.#streams[number];
    if (stream.fd < 0) {
      try {
        stream.fd = openSync(stream.path, 'r');
      } catch {
        return;
      }
    }
    const { size } = fstatSync(stream.fd);
    const behind = size - stream.readAt;
    // Far behind what may be sent: jump ahead, and say how much was left out. A masked stream jumps only where nothing is held.
    if (behind > this.#budget + limits.liveOutputBytesPerSecondMax) {
      const skip = behind - Math.floor(this.#budget);
      stream.skipped += skip + stream.held.length;
      stream.sentAt += skip + stream.held.length;
      stream.readAt += skip;
      stream.held = Buffer.alloc(0);
    }
    while (stream.readAt < size && this.#budget > 0) {
      const block = Buffer.allocUnsafe(Math.min(BLOCK, size - stream.readAt));
      const read = readSync(stream.fd, block, 0, block.length, stream.readAt);
      if (read === 0) break;
      stream.readAt += read;
      this.#budget -= read;
      this.#pass(number, stream, Buffer.concat([stream.held, block.subarray(0, read)]), false);
    }
    // An end that may begin a secret is kept back until more comes, or the end.
    if (final && stream.held.length > 0) this.#pass(number, stream, stream.held, true);
  }

  #pass(number: 1 | 2, stream: StreamTail, input: Buffer, final: boolean): void {
    const { masked, consumed } = this.#options.mask.apply(input, final || this.#options.mask.isEmpty);
    stream.held = input.subarray(consumed);
    if (masked.length === 0) return;
    this.#options.onOutput(number, stream.sentAt, masked, stream.skipped);
    stream.sentAt += masked.length;
    stream.skipped = 0;
  }
}
