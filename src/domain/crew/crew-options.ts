/** What a crew goes by. */
import type { ErrorCode } from '../../base/errors.ts';
import type { Execution } from './execution.ts';
import type { GuardPolicy } from './guards.ts';
import type { SuccessCriteria } from './outcome.ts';

/** Why a host had no turn before the start deadline. */
export interface Unreached {
  readonly reason: ErrorCode;
  readonly detail: string;
}

export interface CrewPolicy extends GuardPolicy {
  /** What of an outcome is success. */
  readonly success: SuccessCriteria;
  /** Further attempts after a failure or time-out of the script; never after a loss. */
  readonly retries: number;
}

export interface CrewOptions {
  readonly policy: CrewPolicy;
  /** How much later than the host's own deadline the server steps in. */
  readonly guardMs: number;
  /** Told of an execution that is given up. */
  readonly unreached: (execution: Execution<unknown>) => Unreached;
  /**
   * Of one that has no way now: why there can be none, so that waiting for it is of no use; `unsure` while that is not
   * known yet and asked again soon; undefined where one may come.
   */
  readonly never: (execution: Execution<unknown>) => Unreached | 'unsure' | undefined;
  /** How long ago the present round began, by the clock that all servers share. */
  readonly roundAgeMs: number;
}
