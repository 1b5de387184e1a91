/** What is due once per turn of the loop, however often it was asked for: hosts link in storms, and each asks for all of its runs. */
import type { Clock } from '../base/clock.ts';

export class DueSoon<T> {
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #carryOut: (one: T) => void;
  #due = new Set<T>();

  constructor(clock: Pick<Clock, 'soon'>, carryOut: (one: T) => void) {
    this.#clock = clock;
    this.#carryOut = carryOut;
  }

  add(one: T): void {
    this.#due.add(one);
    if (this.#due.size > 1) return;
    this.#clock.soon(() => {
      const due = this.#due;
      this.#due = new Set();
      for (const each of due) this.#carryOut(each);
    });
  }
}
