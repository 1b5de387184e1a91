/**
 * Live output of one watched attempt: reads what was appended to its spool, through the mask, at most so much a second. What
 * is skipped is counted; the final record does not depend on it.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { limits } from '../base/limits.ts';
import type { Mask, MaskStream } from './mask.ts';

const BLOCK = 64 * 1024;
const POLL_MS = { young: 2, old: 40 };
/** The first seconds are when somebody stares at the screen. */
const YOUNG_MS = 2_000;

interface StreamTail {
  readonly path: string;
  fd: number;
  readAt: number;
  sentAt: number;
  masked: MaskStream;
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
      masked: options.mask.stream(),
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
    for (const stream of [1, 2] as const) this.#read(stream, true);
    this.close();
  }

  /** Nobody watches any more. It is not pumped again. */
  close(): void {
    for (const stream of Object.values(this.#streams)) {
      if (stream.fd >= 0) closeSync(stream.fd);
      stream.fd = -1;
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
    // Far behind what may be sent: jump ahead, and say how much was left out.
    if (behind > this.#budget + limits.liveOutputBytesPerSecondMax)
      this.#jump(stream, stream.readAt + behind - Math.floor(this.#budget));
    while (stream.readAt < size && this.#budget > 0) {
      const block = Buffer.allocUnsafe(Math.min(BLOCK, size - stream.readAt));
      const read = readSync(stream.fd, block, 0, block.length, stream.readAt);
      if (read === 0) break;
      stream.readAt += read;
      this.#budget -= read;
      this.#pass(number, stream, block.subarray(0, read), false);
    }
    // An end that may begin a secret is kept back until more comes, or the end.
    if (final) this.#pass(number, stream, Buffer.alloc(0), true);
  }

  /** The mask reads what is right before the place, and tells none of it: a secret may have begun there. */
  #jump(stream: StreamTail, to: number): void {
    const left = to - stream.readAt + stream.masked.heldBytes;
    stream.skipped += left;
    stream.sentAt += left;
    stream.masked = this.#options.mask.stream();
    const before = Buffer.allocUnsafe(Math.min(to, 2 * this.#options.mask.longest));
    const read = before.length === 0 ? 0 : readSync(stream.fd, before, 0, before.length, to - before.length);
    stream.masked.push(before.subarray(0, read), false);
    stream.readAt = to;
  }

  #pass(number: 1 | 2, stream: StreamTail, input: Buffer, final: boolean): void {
    const masked = stream.masked.push(input, final);
    if (masked.length === 0) return;
    this.#options.onOutput(number, stream.sentAt, masked, stream.skipped);
    stream.sentAt += masked.length;
    stream.skipped = 0;
  }
}
