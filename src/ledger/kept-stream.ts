/**
 * Head and tail of one stream while it comes in. What is small stays in memory and never sees the disk; beyond that a file of fixed
 * size takes it: the head, then a ring that the tail runs round in. Offsets count the bytes as they were appended.
 */
import { open, rm, type FileHandle } from 'node:fs/promises';
import { limits } from '../base/limits.ts';
import type { StreamReport } from '../protocol/link/agent-v1.ts';
import { writeWhole } from './journal.ts';
import { describeStream } from './stream-report.ts';

export class KeptStream {
  readonly #path: string;
  readonly #headMax: number;
  readonly #tailMax: number;
  #memory: Buffer[] = [];
  #file: FileHandle | undefined;
  #size = 0;

  /** Bytes that are kept at most, half of them from the end where it is one number. */
  constructor(path: string, kept: number | Pick<StreamReport, 'head' | 'tail'>) {
    const { head, tail } = typeof kept === 'number' ? { head: Math.ceil(kept / 2), tail: Math.floor(kept / 2) } : kept;
    this.#path = path;
    this.#headMax = head;
    this.#tailMax = tail;
  }

  /** A stream of an earlier process of ours, as its report says. */
  static async reopen(path: string, report: StreamReport): Promise<KeptStream> {
    const kept = new KeptStream(path, { head: report.head, tail: report.tail });
    kept.#size = report.size;
    // Small ones travel in the report. Where there was a gap the file has them too, at their places.
    if (report.inline && !kept.hasGap) kept.#memory = [Buffer.from(report.inline)];
    else if (report.size > 0) kept.#file = await open(path, 'r');
    return kept;
  }

  get size(): number {
    return this.#size;
  }

  get hasGap(): boolean {
    return this.#size > this.#headMax + this.#tailMax;
  }

  /** One at a time. When it rejects (a full disk), nothing is counted and the same bytes may come again. */
  async append(bytes: Buffer): Promise<void> {
    const inMemory = Math.min(limits.outputInlineBytesMax, this.#headMax + this.#tailMax);
    if (!this.#file && this.#size + bytes.length > inMemory) {
      const file = await open(this.#path, 'w+', 0o600);
      try {
        await writeWhole(file, Buffer.concat(this.#memory), 0);
      } catch (error) {
        await file.close();
        throw error;
      }
      this.#file = file;
      this.#memory = [];
    }
    if (this.#file) await this.#write(this.#file, bytes);
    // A copy: a few bytes must not hold the whole packet that they came in.
    else this.#memory.push(Buffer.from(bytes));
    this.#size += bytes.length;
  }

  /** On disk, as far as it is on disk: before the record that counts on it. */
  async sync(): Promise<void> {
    await this.#file?.datasync();
  }

  describe(): Promise<StreamReport> {
    const size = this.#size;
    const kept = this.hasGap ? { size, head: this.#headMax, tail: this.#tailMax } : { size, head: size, tail: 0 };
    return describeStream(kept, (offset, length) => this.readKept(offset, length));
  }

  /** Offsets count in the kept bytes: the head, then the tail. */
  async readKept(offset: number, length: number): Promise<Buffer> {
    const isInTail = this.hasGap && offset >= this.#headMax;
    const from = isInTail ? this.#size - this.#tailMax + (offset - this.#headMax) : offset;
    const end = this.hasGap && !isInTail ? this.#headMax : this.#size;
    return this.read(from, Math.min(length, end - from));
  }

  /** What is still there from `offset` on without a break; empty where nothing is. */
  async read(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(this.#size, offset + length);
    if (end <= offset || !this.#has(offset)) return Buffer.alloc(0);
    if (!this.#file) return Buffer.concat(this.#memory).subarray(offset, end);
    // Neither over the end of the head nor over the end of the ring.
    const stop =
      offset < this.#headMax ? this.#headMax : offset + this.#tailMax - ((offset - this.#headMax) % this.#tailMax);
    const bytes = Buffer.allocUnsafe(Math.min(end, stop) - offset);
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, this.#position(offset));
    return bytes.subarray(0, bytesRead);
  }

  /** Where what is there goes on at or after `offset`. */
  nextAvailable(offset: number): number {
    return this.#has(offset) ? offset : Math.max(offset, this.#size - this.#tailMax);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true });
  }

  #has(offset: number): boolean {
    return offset < this.#headMax || offset >= this.#size - this.#tailMax;
  }

  #position(offset: number): number {
    return offset < this.#headMax ? offset : this.#headMax + ((offset - this.#headMax) % this.#tailMax);
  }

  async #write(file: FileHandle, bytes: Buffer): Promise<void> {
    const end = this.#size + bytes.length;
    for (let at = this.#size; at < end; ) {
      let stop = this.#headMax;
      if (at >= this.#headMax) {
        // What the ring would overwrite at once is not written at all.
        at = Math.max(at, end - this.#tailMax);
        if (at >= end || this.#tailMax === 0) return;
        stop = at + this.#tailMax - ((at - this.#headMax) % this.#tailMax);
      }
      const piece = bytes.subarray(at - this.#size, Math.min(end, stop) - this.#size);
      await writeWhole(file, piece, this.#position(at));
      at += piece.length;
    }
  }
}
