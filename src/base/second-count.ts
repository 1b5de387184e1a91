/**
 * So many a second of each, for what a peer may ask again and again: by a whole second of the clock, so that nothing is
 * kept of who has asked before.
 */
import type { Clock } from './clock.ts';

export class SecondCount {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #taken = new Map<string, number>();
  #second = 0;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  /** False when `id` has had all of this second. */
  take(id: string): boolean {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#taken.clear();
    }
    const taken = this.#taken.get(id) ?? 0;
    if (taken >= this.#max) return false;
    this.#taken.set(id, taken + 1);
    return true;
  }
}
