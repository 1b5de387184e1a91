/**
 * What time it is on a host at least, in hundredths of a second since it booted: so that an order can carry until when
 * it is valid by the host's own clock, and one that is stuck on its way begins nothing when it comes in later
 * (docs/adr/0008). What a host told was true before it was heard, and both clocks go on alike since. So an order seems
 * older than it is, never younger, when a side was suspended.
 */
import type { Clock } from '../../../base/clock.ts';

export class HostTime {
  readonly #clock: Clock;
  #aheadMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear(ticks: number): void {
    if (Number.isFinite(ticks)) this.#aheadMs = Math.max(this.#aheadMs, ticks * 10 - this.#clock.monotonicMs());
  }

  /** Valid for so long from now on, as the host counts it. */
  validUntil(validMs: number): number {
    return Math.floor((Math.max(this.#aheadMs, -this.#clock.monotonicMs()) + this.#clock.monotonicMs() + validMs) / 10);
  }
}
