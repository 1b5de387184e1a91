/**
 * What comparisons cost, about three nanoseconds each unit: an expression over hosts is held against each of them, and together that is
 * bounded where it would keep a server from everything else.
 */
import { jobLimits } from '../../base/job-limits.ts';

/** Thrown by whoever has no more to spend. */
export class TooMuchCompared extends Error {}

export class WorkBudget {
  #left: number;

  constructor(units: number = jobLimits.hostChoiceWorkMax) {
    this.#left = units;
  }

  readonly spend = (units: number): void => {
    this.#left -= units;
    if (this.#left < 0) throw new TooMuchCompared();
  };
}
