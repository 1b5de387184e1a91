/**
 * Output larger than a report carries, on its way into the store: written in the order it came, acknowledged once it is there. What waits is bounded for
 * each sender, and what the database refuses is the fault of its sender alone.
 */
import { limits } from '../base/limits.ts';
import type { AgentId, WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { writeApart } from '../base/write-apart.ts';
import type { OutputChunk } from '../store/contract/output.ts';

const CHUNKS_PER_WRITE = 64;
/** Of both streams of all that an agent may have running at once. */
const WAITING_PER_SENDER_MAX = 2 * limits.outputChunksInFlightMax * limits.executionsPerAgentConcurrent;

export interface ChunkWriterOptions {
  readonly log: Log;
  /** Places in the list of what may be acknowledged; `fenced` when the partition is not ours any more. */
  readonly write: (chunks: readonly OutputChunk[]) => Promise<ReadonlySet<number> | 'fenced'>;
  readonly written: (workerId: WorkerId, agentId: AgentId, chunk: OutputChunk) => void;
}

interface Waiting {
  readonly workerId: WorkerId;
  readonly chunk: OutputChunk;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  #waiting: Waiting[] = [];
  readonly #bySender = new Map<AgentId, number>();
  #writing = false;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Agents send few chunks ahead of their acknowledgements; what a sender sends beyond is dropped, and comes again if it was honest. */
  push(workerId: WorkerId, chunk: OutputChunk): void {
    const waiting = this.#bySender.get(chunk.agentId) ?? 0;
    if (waiting >= (chunk.agentId === (workerId as string) ? limits.sshExecutionsMax : WAITING_PER_SENDER_MAX)) return;
    this.#bySender.set(chunk.agentId, waiting + 1);
    this.#waiting.push({ workerId, chunk });
    if (!this.#writing) void this.#drain();
  }

  async #drain(): Promise<void> {
    const { log } = this.#options;
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, CHUNKS_PER_WRITE);
      for (const { chunk } of batch) this.#count(chunk.agentId);
      try {
        for (const { item, error } of await writeApart(batch, (part) => this.#write(part)))
          log.warn(
            { agentId: item.chunk.agentId, err: error },
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
    for (const at of known) this.#options.written(batch[at]!.workerId, batch[at]!.chunk.agentId, batch[at]!.chunk);
  }

  #count(agentId: AgentId): void {
    const left = this.#bySender.get(agentId)! - 1;
    if (left > 0) this.#bySender.set(agentId, left);
    else this.#bySender.delete(agentId);
  }
}
