/** Lets new runs that come at once share a transaction: what comes while others are being written goes with the next. One that comes alone waits for nobody. */
import type { RunRecord } from '../store.ts';
import type { Creation } from './run-create.ts';

const RUNS_MAX = 100;
/** Of runs that share a transaction: large ones go alone, so that small ones do not wait for them. */
const HOSTS_MAX = 2_000;
/** While one waits for the disk, another is read and written. */
const AT_ONCE = 2;

interface Waiting extends Creation {
  readonly resolve: (record: RunRecord) => void;
  readonly reject: (error: unknown) => void;
}

export class RunCreations {
  readonly #write: (creations: readonly Creation[]) => Promise<readonly RunRecord[]>;
  readonly #waiting: Waiting[] = [];
  #underWay = 0;

  /** `write`: all of them in one transaction, or none and a rejection. */
  constructor(write: (creations: readonly Creation[]) => Promise<readonly RunRecord[]>) {
    this.#write = write;
  }

  create(creation: Creation): Promise<RunRecord> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...creation, resolve, reject });
      if (this.#underWay < AT_ONCE) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#underWay++;
    while (this.#waiting.length > 0) await this.#writeTogether(this.#take());
    this.#underWay--;
  }

  #take(): Waiting[] {
    let hosts = 0;
    const fit = this.#waiting.findIndex(
      ({ run }, i) => i >= RUNS_MAX || ((hosts += run.targets.length) > HOSTS_MAX && i > 0),
    );
    return this.#waiting.splice(0, fit === -1 ? this.#waiting.length : fit);
  }

  /** One that is refused takes no other with it: then each is written by itself. */
  async #writeTogether(batch: readonly Waiting[]): Promise<void> {
    let records: readonly RunRecord[];
    try {
      records = await this.#write(batch);
    } catch (error) {
      if (batch.length === 1) return batch[0]!.reject(error);
      for (const one of batch) await this.#writeTogether([one]);
      return;
    }
    for (const [i, { resolve }] of batch.entries()) resolve(records[i]!);
  }
}
