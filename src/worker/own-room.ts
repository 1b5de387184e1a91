/**
 * What the machine of a worker has to give to tasks that it carries out itself, and what of it is promised. It has the last word on that: a
 * server reckons with what it was told some time ago.
 */
import type { Resources } from '../domain/placement/plugins.ts';

/** As the machine has it now, whoever uses it. */
export interface MachineSample {
  readonly total: Resources;
  /** Memory that could be had without anything being pushed out, and room on the disk of the data folder. */
  readonly freeMemoryMiB: number;
  readonly freeDiskMiB: number;
  /** CPUs that are busy on average over the last minute. */
  readonly loadMilliCpus: number;
}

export interface ToldRoom {
  readonly total: Resources;
  readonly free: Resources;
  readonly loadMilliCpus: number;
}

export class OwnRoom {
  readonly #sample: () => MachineSample;
  readonly #promised = new Map<string, Resources>();

  constructor(sample: () => MachineSample) {
    this.#sample = sample;
  }

  /** By attempt; asked again for one that has its part, it is still its own. False: there is not so much. */
  promise(attempt: string, needs: Resources): boolean {
    if (this.#promised.has(attempt)) return true;
    const { free } = this.told();
    if (needs.milliCpus > free.milliCpus || needs.memoryMiB > free.memoryMiB || needs.diskMiB > free.diskMiB)
      return false;
    this.#promised.set(attempt, needs);
    return true;
  }

  release(attempt: string): void {
    this.#promised.delete(attempt);
  }

  /** What is free is neither promised nor, of memory and disk, used by anybody. */
  told(): ToldRoom {
    const { total, freeMemoryMiB, freeDiskMiB, loadMilliCpus } = this.#sample();
    const free = { ...total };
    for (const { milliCpus, memoryMiB, diskMiB } of this.#promised.values()) {
      free.milliCpus -= milliCpus;
      free.memoryMiB -= memoryMiB;
      free.diskMiB -= diskMiB;
    }
    return {
      total,
      free: {
        milliCpus: Math.max(0, free.milliCpus),
        memoryMiB: Math.max(0, Math.min(free.memoryMiB, freeMemoryMiB)),
        diskMiB: Math.max(0, Math.min(free.diskMiB, freeDiskMiB)),
      },
      loadMilliCpus,
    };
  }
}
