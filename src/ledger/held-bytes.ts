/**
 * Bytes of a stream that wait, in order: put in piece by piece, let go of from the front. Each is copied once, however small the pieces
 * are and however long it waits; a piece that was put in may be used for something else afterwards.
 */
const BLOCK_BYTES = 16 * 1024;

export class HeldBytes {
  /** All but the last are full. What was written is never written over, so parts of them can be given away. */
  #blocks: Buffer[] = [];
  /** Taken of the first block, and used of the last one. */
  #taken = 0;
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  put(bytes: Buffer): void {
    this.#length += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      let block = this.#blocks.at(-1);
      if (!block || this.#used === block.length) {
        // Small while little is held: there are many streams, and most hold a few bytes.
        block = Buffer.allocUnsafe(Math.max(bytes.length - at, Math.min(BLOCK_BYTES, this.#length)));
        this.#blocks.push(block);
        this.#used = 0;
      }
      const copied = bytes.copy(block, this.#used, at);
      this.#used += copied;
      at += copied;
    }
  }

  /** The first so many of them, or all where there are fewer: in as many parts as they lie in. */
  take(count: number): Buffer[] {
    const parts: Buffer[] = [];
    for (let left = Math.min(count, this.#length); left > 0; ) {
      const block = this.#blocks[0]!;
      const part = block.subarray(this.#taken, Math.min(block.length, this.#taken + left));
      parts.push(part);
      left -= part.length;
      this.#length -= part.length;
      this.#taken += part.length;
      if (this.#taken < block.length && this.#length > 0) continue;
      this.#blocks.shift();
      this.#taken = 0;
    }
    return parts;
  }
}
