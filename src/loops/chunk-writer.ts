/** Output larger than a report carries, on its way into the store: written in the order it came, acknowledged once it is there. */
import type { AgentId, WorkerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { OutputChunk } from '../store/store.ts';

const CHUNKS_PER_WRITE = 64;

export interface ChunkWriterOptions {
  readonly log: Log;
  /** False when the partition is not ours any more. */
  readonly write: (chunks: readonly OutputChunk[]) => Promise<boolean>;
  readonly written: (workerId: WorkerId, agentId: AgentId, chunk: OutputChunk) => void;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  #waiting: { readonly workerId: WorkerId; readonly agentId: AgentId; readonly chunk: OutputChunk }[] = [];
  #writing = false;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Agents send few chunks ahead of their acknowledgements, so what waits here is bounded by them. */
  push(workerId: WorkerId, agentId: AgentId, chunk: OutputChunk): void {
    this.#waiting.push({ workerId, agentId, chunk });
    if (!this.#writing) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, CHUNKS_PER_WRITE);
      try {
        if (!(await this.#options.write(batch.map((item) => item.chunk)))) break;
        for (const { workerId, agentId, chunk } of batch) this.#options.written(workerId, agentId, chunk);
      } catch (error) {
        // Not acknowledged, so it comes again.
        this.#options.log.warn({ err: error }, 'output could not be written');
        break;
      }
    }
    this.#waiting = [];
    this.#writing = false;
  }
}
