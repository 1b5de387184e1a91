/**
 * Output larger than a report carries, on its way into the store: written in the order it came, acknowledged once it is there. What waits is bounded for
 * each sender, and what the database refuses is the fault of its sender alone.
 */
import { limits } from '../base/limits.ts';
import type { WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { writeApart } from '../base/write-apart.ts';
import { executorKey, type Executor } from '../domain/run/executor.ts';
import type { OutputChunk } from '../store/contract/output.ts';

const CHUNKS_PER_WRITE = 64;
/** Of both streams of all that an agent may have running at once. */
const AGENT_WAITING_MAX = 2 * limits.outputChunksInFlightMax * limits.executionsPerAgentConcurrent;
const WAITING_MAX: Readonly<Record<Executor['kind'], number>> = {
  agent: AGENT_WAITING_MAX,
  worker: limits.sshExecutionsMax,
};

export interface ChunkWriterOptions {
  readonly log: Log;
  /** Places in the list of what may be acknowledged; `fenced` when the partition is not ours any more. */
  readonly write: (chunks: readonly OutputChunk[]) => Promise<ReadonlySet<number> | 'fenced'>;
  readonly written: (workerId: WorkerId, chunk: OutputChunk) => void;
}

interface Waiting {
  readonly workerId: WorkerId;
  readonly chunk: OutputChunk;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  #waiting: Waiting[] = [];
  readonly #bySender = new Map<string, number>();
  #writing = false;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Executors send few chunks ahead of their acknowledgements; what a sender sends beyond is dropped, and comes again if it was honest. */
  push(workerId: WorkerId, chunk: OutputChunk): void {
    const sender = executorKey(chunk.executor);
    const waiting = this.#bySender.get(sender) ?? 0;
    if (waiting >= WAITING_MAX[chunk.executor.kind]) return;
    this.#bySender.set(sender, waiting + 1);
    this.#waiting.push({ workerId, chunk });
    if (!this.#writing) void this.#drain();
  }

  async #drain(): Promise<void> {
    const { log } = this.#options;
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, CHUNKS_PER_WRITE);
      for (const { chunk } of batch) this.#count(executorKey(chunk.executor));
      try {
        for (const { item, error } of await writeApart(batch, (part) => this.#write(part)))
          log.warn(
            { executor: item.chunk.executor, err: error },
            'a piece of output cannot be kept, and was passed over',
          );
      } catch (error) {
        // Not acknowledged, so it comes again.
        log.warn({ err: error }, 'output could not be written');
        break;
      }
    }
    this.#waiting = [];
    this.#bySender.clear();
    this.#writing = false;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const known = await this.#options.write(batch.map(({ chunk }) => chunk));
    if (known === 'fenced') return;
    for (const at of known) this.#options.written(batch[at]!.workerId, batch[at]!.chunk);
  }

  #count(sender: string): void {
    const left = this.#bySender.get(sender)! - 1;
    if (left > 0) this.#bySender.set(sender, left);
    else this.#bySender.delete(sender);
  }
}
