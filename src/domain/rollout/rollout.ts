/**
 * How a task goes out over its executions: how many more of them may be sent now, and when it is to be stopped because
 * too many have failed. Pure; it knows counts and no hosts. Which of the executions are sent is for their crew to say:
 * in order, those that can be reached.
 */
import { EXECUTION_STATES, isFailure, isOut, type ExecutionCounts } from '../crew/execution-machine.ts';
import { isFailureLimitExceeded, type FailureLimit } from './failure-limit.ts';

export interface RolloutPolicy {
  /** Executions that are out at once; undefined: as many as the workers take. */
  readonly concurrency?: number;
  readonly maxFailed?: FailureLimit;
}

/** How far it has come, as it is decided; what is decided and not written yet counts. */
export interface Standing {
  readonly counts: ExecutionCounts;
  /** It has been stopped before. That a late truth makes the failures fewer does not start what was not to start. */
  readonly isStopped: boolean;
}

export interface Admission {
  /** So many more executions may be sent. */
  readonly start: number;
  /** Nothing more is sent, whatever becomes of what is out, which is drained and not ended. */
  readonly stop?: 'failure-limit';
}

export function admit({ concurrency, maxFailed }: RolloutPolicy, { counts, isStopped }: Standing): Admission {
  const total = (isCounted: (state: keyof ExecutionCounts) => boolean): number =>
    EXECUTION_STATES.reduce((sum, state) => sum + (isCounted(state) ? counts[state] : 0), 0);
  if (
    isStopped ||
    isFailureLimitExceeded(
      maxFailed,
      total(isFailure),
      total(() => true),
    )
  )
    return { start: 0, stop: 'failure-limit' };
  return { start: Math.max(0, (concurrency ?? Number.POSITIVE_INFINITY) - total(isOut)) };
}
