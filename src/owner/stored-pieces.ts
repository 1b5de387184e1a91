/**
 * Which pieces of output are known to be in the store, so that a sender who repeats them is answered without their bytes going to the
 * database again. Kept of the streams that pieces were stored of last; of others the store is asked, which knows all of them.
 */
import { attemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { executorKey } from '../domain/run/executor.ts';
import type { OutputChunk } from '../store/contract/output.ts';

type PieceKey = Omit<OutputChunk, 'bytes'>;

/** Streams, of some 300 bytes each. Only what was stored counts, so nobody drives out those of others in a hurry. */
const STREAMS_MAX = 10_000;
const PIECES_MAX = Math.ceil(limits.outputKeptBytesMax / limits.outputChunkBytes);

export class StoredPieces {
  /** One bit for each piece; what was added to last stands last. */
  readonly #streams = new Map<string, Uint8Array>();

  has(piece: PieceKey): boolean {
    const bits = this.#streams.get(streamKey(piece));
    return bits !== undefined && (bits[piece.seq >> 3]! & (1 << (piece.seq & 7))) !== 0;
  }

  add(piece: PieceKey): void {
    if (piece.seq >= PIECES_MAX) return;
    const key = streamKey(piece);
    const bits = this.#streams.get(key) ?? new Uint8Array(Math.ceil(PIECES_MAX / 8));
    bits[piece.seq >> 3]! |= 1 << (piece.seq & 7);
    this.#streams.delete(key);
    this.#streams.set(key, bits);
    if (this.#streams.size > STREAMS_MAX) this.#streams.delete(this.#streams.keys().next().value!);
  }
}

function streamKey(piece: PieceKey): string {
  return `${executorKey(piece.executor)} ${attemptId(piece)} ${piece.stream}`;
}
