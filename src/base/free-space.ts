/**
 * How much a filesystem has left for a folder of ours. Looked at by time, and anew whenever it decides something; told when it becomes
 * less than what is wanted, and when there is enough again.
 */
import { statfsSync } from 'node:fs';
import type { Clock } from './clock.ts';
import type { Service } from './service.ts';

const LOOK_MS = 5_000;
/** Enough again is so much more than what was wanted: it must not be said at every look. */
const AGAIN = 1.1;

export interface FreeSpaceOptions {
  readonly folder: string;
  readonly bytesMin: number;
  readonly clock: Clock;
  readonly onChange: (isLow: boolean, freeBytes: number) => void;
}

export class FreeSpace implements Service {
  readonly name = 'free-space';
  readonly #options: FreeSpaceOptions;
  #isLow = false;
  #freeBytes = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => undefined;

  constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  get folder(): string {
    return this.#options.folder;
  }

  async start(): Promise<void> {
    this.#cancel();
    this.isLow();
    this.#cancel = this.#options.clock.after(LOOK_MS, () => void this.start(), { unref: true });
  }

  async stop(): Promise<void> {
    this.#cancel();
  }

  /** Bytes that whoever is not root may still write; the last known where the filesystem does not answer. */
  freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(this.#options.folder);
      this.#freeBytes = bavail * bsize;
    } catch {
      // A folder that is gone is told by whoever writes there.
    }
    return this.#freeBytes;
  }

  isLow(): boolean {
    const { bytesMin, onChange } = this.#options;
    const freeBytes = this.freeBytes();
    const isLow = freeBytes < (this.#isLow ? bytesMin * AGAIN : bytesMin);
    if (isLow !== this.#isLow) {
      this.#isLow = isLow;
      onChange(isLow, freeBytes);
    }
    return isLow;
  }
}
