/**
 * Output larger than a report carries, on its way into the store, of all partitions: one write at a time, so that it
 * never takes the connections that commits need; senders in turn, of each in the order it came; acknowledged once it is
 * there. What waits is bounded for each sender and in all, and what the database refuses is the fault of its sender
 * alone. A piece that is there already, or that waits, is not sent to the database again, however often it is told.
 */
import { limits } from '../base/limits.ts';
import { attemptId, type WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { writeApart } from '../base/write-apart.ts';
import { executorKey, type Executor } from '../domain/run/executor.ts';
import type { OutputChunk } from '../store/contract/output.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { StoredPieces } from './stored-pieces.ts';

/** 2 MiB: what a write keeps the database, and the turn of this process, busy with. */
const CHUNKS_PER_WRITE = 16;
/** Of an agent both streams of all that it may have running at once; of a worker a part of what it may have, for the others come again. */
const WAITING_MAX: Readonly<Record<Executor['kind'], number>> = {
  agent: 2 * limits.outputChunksInFlightMax * limits.executionsPerAgentConcurrent,
  worker: 512,
};
/** 128 MiB of all senders. Where so much waits, none is given more than its part of that. */
const ALL_WAITING_MAX = 1_024;

export interface ChunkWriterOptions {
  readonly log: Log;
  /** Places in the list of what may be acknowledged. */
  readonly write: (chunks: readonly WaitingChunk[]) => Promise<ReadonlySet<number>>;
  readonly written: (workerId: WorkerId, chunk: OutputChunk) => void;
}

export interface WaitingChunk {
  readonly partition: OwnedPartition;
  readonly workerId: WorkerId;
  readonly chunk: OutputChunk;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  /** By sender; whose turn is next stands first. */
  readonly #waiting = new Map<string, WaitingChunk[]>();
  /** What waits or is being written. */
  readonly #underWay = new Set<string>();
  readonly #stored = new StoredPieces();
  #count = 0;
  #writing = false;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Executors send few chunks ahead of their acknowledgements; what a sender sends beyond is dropped, and comes again if it was honest. */
  push(partition: OwnedPartition, workerId: WorkerId, chunk: OutputChunk): void {
    if (this.#stored.has(chunk)) return this.#options.written(workerId, chunk);
    const piece = pieceKey(chunk);
    if (this.#underWay.has(piece)) return;
    const sender = executorKey(chunk.executor);
    const own = this.#waiting.get(sender) ?? [];
    if (own.length >= this.#room(chunk.executor)) return;
    own.push({ partition, workerId, chunk });
    this.#underWay.add(piece);
    this.#waiting.set(sender, own);
    this.#count++;
    if (!this.#writing) void this.#drain();
  }

  #room({ kind }: Executor): number {
    const part = this.#count < ALL_WAITING_MAX ? ALL_WAITING_MAX : Math.floor(ALL_WAITING_MAX / this.#waiting.size);
    return Math.min(WAITING_MAX[kind], part);
  }

  async #drain(): Promise<void> {
    const { log } = this.#options;
    this.#writing = true;
    while (this.#count > 0) {
      const batch = this.#next();
      try {
        for (const { item, error } of await writeApart(batch, (part) => this.#write(part)))
          log.warn(
            { executor: item.chunk.executor, err: error },
            'a piece of output cannot be kept, and was passed over',
          );
        for (const { chunk } of batch) this.#underWay.delete(pieceKey(chunk));
      } catch (error) {
        // Not acknowledged, so it comes again.
        log.warn({ err: error }, 'output could not be written');
        break;
      }
    }
    this.#waiting.clear();
    this.#underWay.clear();
    this.#count = 0;
    this.#writing = false;
  }

  /** One of each sender, and again, as many as are written at once. */
  #next(): WaitingChunk[] {
    const batch: WaitingChunk[] = [];
    while (batch.length < CHUNKS_PER_WRITE && this.#count > 0) {
      const [sender, own] = this.#waiting.entries().next().value!;
      batch.push(own.shift()!);
      this.#count--;
      this.#waiting.delete(sender);
      if (own.length > 0) this.#waiting.set(sender, own);
    }
    return batch;
  }

  async #write(batch: readonly WaitingChunk[]): Promise<void> {
    for (const at of await this.#options.write(batch)) {
      const { workerId, chunk } = batch[at]!;
      this.#stored.add(chunk);
      this.#options.written(workerId, chunk);
    }
  }
}

function pieceKey(chunk: OutputChunk): string {
  return `${executorKey(chunk.executor)} ${attemptId(chunk)} ${chunk.stream} ${chunk.seq}`;
}
