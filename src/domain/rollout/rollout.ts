/**
 * How a task goes out over its executions: how many more of them may be sent now, and when it is to be stopped because
 * too many have failed. Pure; it knows counts and no hosts. Which of the executions are sent is for their crew to say:
 * in order, those that can be reached.
 */
import { EXECUTION_STATES, isFailure, isOut, totalOf, type ExecutionCounts } from '../crew/execution-machine.ts';
import type { BatchSize } from './batches.ts';
import { isFailureLimitExceeded } from './failure-limit.ts';
import { isBreached, type BatchStanding, type RolloutPosition, type StagedPolicy } from './position.ts';

/** States that may count as failed; those that do unless it is said are `isFailure`. */
export const FAILED_STATES = ['failed', 'timed_out', 'lost', 'not_started'] as const;
export type FailedState = (typeof FAILED_STATES)[number];

export interface RolloutPolicy extends StagedPolicy {
  /** Executions that are out at once; undefined: as many as the workers take. */
  readonly concurrency?: number;
  /** Undefined: all hosts are one batch. */
  readonly batches?: readonly BatchSize[];
  /** In which order it comes to its hosts, as it was asked for; they are frozen in it. */
  readonly order?: string;
  /** What counts for the limits of failures; undefined: failed, timed out, lost. */
  readonly countsAsFailed?: readonly FailedState[];
}

/** Whether it has a position of its own: it goes in batches, or may stop to ask. */
export function isStaged({ batches, onMaxFailed }: RolloutPolicy): boolean {
  return batches !== undefined || onMaxFailed === 'pause';
}

export function failuresIn({ countsAsFailed }: RolloutPolicy, counts: ExecutionCounts): number {
  const isCounted = countsAsFailed
    ? (state: string) => (countsAsFailed as readonly string[]).includes(state)
    : isFailure;
  return EXECUTION_STATES.reduce((sum, state) => sum + (isCounted(state) ? counts[state] : 0), 0);
}

/** How far it has come, as it is decided; what is decided and not written yet counts. */
export interface Standing {
  readonly counts: ExecutionCounts;
  /** It has been stopped before. That a late truth makes the failures fewer does not start what was not to start. */
  readonly isStopped: boolean;
  /** Of one that has batches or may ask. */
  readonly staged?: { readonly position: RolloutPosition; readonly ends: BatchStanding['ends'] };
}

export interface Admission {
  /** So many more executions may be sent. */
  readonly start: number;
  /** Nothing more is sent, whatever becomes of what is out, which is drained and not ended. */
  readonly stop?: 'failure-limit';
}

export function admit(policy: RolloutPolicy, { counts, isStopped, staged }: Standing): Admission {
  if (isStopped || isTooBad(policy, counts, staged)) return { start: 0, stop: 'failure-limit' };
  const out = EXECUTION_STATES.reduce((sum, state) => sum + (isOut(state) ? counts[state] : 0), 0);
  return { start: Math.max(0, (policy.concurrency ?? Number.POSITIVE_INFINITY) - out) };
}

/** More have failed than may, and nobody is asked about that. */
function isTooBad(policy: RolloutPolicy, counts: ExecutionCounts, staged: Standing['staged']): boolean {
  if (policy.onMaxFailed === 'pause') return false;
  const failures = failuresIn(policy, counts);
  if (!staged) return isFailureLimitExceeded(policy.maxFailed, failures, totalOf(counts));
  return isBreached(policy, staged.position, { ends: staged.ends, failures });
}
