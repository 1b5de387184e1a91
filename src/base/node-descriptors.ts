/**
 * How many files and connections this process has open, of how many it may. Linux tells; elsewhere nothing is known,
 * and nothing refused.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from './clock.ts';

/** From this share on a process is short of them: what it opens itself (logs, the database, certificates) still has to go through. */
const SHORT_AT = 0.9;
/** Counting reads a folder with an entry for each. */
const COUNT_EVERY_MS = 1_000;

export class Descriptors {
  readonly #clock: Clock;
  /** Infinity where it is not known. */
  readonly max = maxOfProcess();
  #counted = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;
  #since = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#count();
  }

  /** What was counted last, and what was told since. */
  get open(): number {
    return this.#counted + this.#since;
  }

  /** One was opened or closed; spares counting. */
  note(change: 1 | -1): void {
    this.#since += change;
  }

  isShort(): boolean {
    if (this.max === Number.POSITIVE_INFINITY) return false;
    if (this.#clock.monotonicMs() - this.#countedAtMs >= COUNT_EVERY_MS) this.#count();
    return this.open >= this.max * SHORT_AT;
  }

  #count(): void {
    this.#countedAtMs = this.#clock.monotonicMs();
    this.#since = 0;
    try {
      // Without the one that reads the folder.
      this.#counted = readdirSync('/proc/self/fd').length - 1;
    } catch {
      // Not even that one could be opened; or there is no such folder, and no maximum either.
      this.#counted = this.max;
    }
  }
}

/** Node has raised the soft limit to the hard one when it started. */
function maxOfProcess(): number {
  try {
    const max = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return max === undefined ? Number.POSITIVE_INFINITY : Number(max);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
