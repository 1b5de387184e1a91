/**
 * How far a rollout has come over its batches. It is kept with its task, so that another server goes on where this one was, and
 * every step of it is written before anything goes out by it. Pure.
 */
import { assert } from '../../base/assert.ts';
import { type FailureLimit, isFailureLimitExceeded } from './failure-limit.ts';

export const ROLLOUT_PHASES = ['going', 'waiting', 'asking'] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];

export const ROLLOUT_TRANSITIONS = {
  /** Hosts of its batch go out. When they are over the next batch has its turn, at once or after what is between the two. */
  going: ['going', 'waiting', 'asking'],
  /** Until the time between two batches is over. */
  waiting: ['going'],
  /** Until somebody answers: of the next batch, or since too many have failed. */
  asking: ['going'],
} as const satisfies Record<RolloutPhase, readonly RolloutPhase[]>;

export interface RolloutPosition {
  /** From 0. */
  readonly batch: number;
  readonly phase: RolloutPhase;
  /** By the clock that all servers share. */
  readonly sinceMs: number;
  /** Questions that there have been, so that an answer is to one of them. */
  readonly turn: number;
  /** What is asked. */
  readonly why?: 'between' | 'max-failed';
  /** Failures that there were when the batch began. */
  readonly failedBefore: number;
  /** Failures that somebody has let pass. */
  readonly accepted: number;
}

/** What there is between two batches: a time, or a question. */
export type Between = { readonly kind: 'wait'; readonly ms: number } | { readonly kind: 'ask' };

export interface StagedPolicy {
  readonly between?: Between;
  /** Of all hosts of the task. */
  readonly maxFailed?: FailureLimit;
  /** Of the hosts of one batch. */
  readonly batchMaxFailed?: FailureLimit;
  readonly onMaxFailed?: 'drain' | 'abort' | 'pause';
}

/** What a rollout goes by. */
export interface BatchStanding {
  /** Where each batch ends. */
  readonly ends: readonly number[];
  /** Whether all hosts before this place are over, as it is written. */
  readonly isOver: (end: number) => boolean;
  /** Hosts that have failed, as it is decided. */
  readonly failures: number;
  /** Whether any has its turn to come, as it is decided. */
  readonly isLeft: boolean;
}

/** Before anything of it has gone out in this round. Batches of which all is over, as in a new round that repeats a part, are passed by. */
export function firstPosition({ ends, isOver, failures }: BatchStanding, nowMs: number): RolloutPosition {
  const batch = nextBatch(0, ends, isOver);
  return { batch, phase: 'going', sinceMs: nowMs, turn: 0, failedBefore: failures, accepted: 0 };
}

/** As far as it comes by what is known now; the same value where nothing has changed. */
export function advanceRollout(
  policy: StagedPolicy,
  before: RolloutPosition,
  standing: BatchStanding,
  nowMs: number,
): RolloutPosition {
  const { ends, isOver } = standing;
  if (before.phase === 'asking') return before;
  if (before.phase === 'waiting')
    return nowMs >= dueMsOf(policy, before) ? begun(before, before.batch + 1, standing, nowMs) : before;
  // Where nothing is left to begin there is nothing to ask.
  if (policy.onMaxFailed === 'pause' && standing.isLeft && isBreached(policy, before, standing))
    return moved(before, { phase: 'asking', why: 'max-failed', sinceMs: nowMs, turn: before.turn + 1 });
  const isLast = before.batch >= ends.length - 1;
  if (isLast || !isOver(ends[before.batch]!)) return before;
  // What comes after it in this round may be over already.
  if (isOver(ends.at(-1)!)) return before;
  if (policy.between?.kind === 'wait') return moved(before, { phase: 'waiting', sinceMs: nowMs });
  if (policy.between?.kind === 'ask')
    return moved(before, { phase: 'asking', why: 'between', sinceMs: nowMs, turn: before.turn + 1 });
  return begun(before, before.batch + 1, standing, nowMs);
}

/** Somebody has said that it goes on. */
export function rolloutConfirmed(before: RolloutPosition, standing: BatchStanding, nowMs: number): RolloutPosition {
  assert(before.phase === 'asking', 'only what asks is answered');
  const { why, ...rest } = before;
  return why === 'between'
    ? begun(before, before.batch + 1, standing, nowMs)
    : moved(rest, { phase: 'going', sinceMs: nowMs, accepted: standing.failures });
}

/** When it goes on by itself; never, where it does not wait for a time. */
export function dueMsOf({ between }: StagedPolicy, { phase, sinceMs }: RolloutPosition): number {
  return phase === 'waiting' && between?.kind === 'wait' ? sinceMs + between.ms : Number.POSITIVE_INFINITY;
}

/** More have failed than may, of the whole or of the batch, without those that somebody has let pass. */
export function isBreached(
  { maxFailed, batchMaxFailed }: StagedPolicy,
  { batch, failedBefore, accepted }: Pick<RolloutPosition, 'batch' | 'failedBefore' | 'accepted'>,
  { ends, failures }: Pick<BatchStanding, 'ends' | 'failures'>,
): boolean {
  const total = ends.at(-1) ?? 0;
  const size = (ends[batch] ?? total) - (ends[batch - 1] ?? 0);
  return (
    isFailureLimitExceeded(maxFailed, failures - accepted, total) ||
    isFailureLimitExceeded(batchMaxFailed, failures - Math.max(failedBefore, accepted), size)
  );
}

function begun(before: RolloutPosition, next: number, standing: BatchStanding, nowMs: number): RolloutPosition {
  const { why: _, ...rest } = before;
  const batch = nextBatch(next, standing.ends, standing.isOver);
  return moved(rest, { phase: 'going', batch, sinceMs: nowMs, failedBefore: standing.failures });
}

/** The first from this one on of which something is left to do; the last, where that is nothing. */
function nextBatch(from: number, ends: readonly number[], isOver: BatchStanding['isOver']): number {
  let batch = Math.min(from, Math.max(0, ends.length - 1));
  while (batch < ends.length - 1 && isOver(ends[batch]!)) batch++;
  return batch;
}

function moved(
  before: RolloutPosition,
  change: Partial<RolloutPosition> & { readonly phase: RolloutPhase },
): RolloutPosition {
  assert(
    (ROLLOUT_TRANSITIONS[before.phase] as readonly RolloutPhase[]).includes(change.phase),
    `no rollout moves from ${before.phase} to ${change.phase}`,
  );
  return { ...before, ...change };
}
