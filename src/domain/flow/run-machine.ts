/**
 * The states of a run and of its tasks (the same table). A run follows from its executions; nothing else may set its
 * state. A retry opens a new round: the only way out of a terminal state, and it keeps every settled attempt.
 */
import { EXECUTION_STATES, isTerminalExecution, type ExecutionCounts, totalOf } from '../crew/execution-machine.ts';

export const RUN_STATES = [
  'created',
  'waiting',
  'running',
  'paused',
  'stopping',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
] as const;
export type RunState = (typeof RUN_STATES)[number];

export const RUN_TRANSITIONS = {
  created: ['waiting', 'cancelled'],
  waiting: ['running', 'paused', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  running: ['paused', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  /** Somebody has paused it: nothing new starts, and what runs goes on to its end, which may be the end of all of it. */
  paused: ['running', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  /** Cancel was asked, or too many hosts failed: nothing new starts, what runs is ended or drained. */
  stopping: ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  succeeded: ['running'],
  /** Besides a retry: the late truth of its lost executions. No other verdict holds with one of them lost, or can be changed by it. */
  failed: ['running', 'succeeded', 'timed_out', 'cancelled'],
  timed_out: ['running'],
  cancelled: ['running'],
  skipped: ['running'],
} as const satisfies Record<RunState, readonly RunState[]>;

export const TERMINAL_RUN_STATES = [
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
] as const satisfies readonly RunState[];

export function isTerminalRun(state: RunState): boolean {
  return (TERMINAL_RUN_STATES as readonly RunState[]).includes(state);
}

export function canRunMove(from: RunState, to: RunState): boolean {
  return (RUN_TRANSITIONS[from] as readonly RunState[]).includes(to);
}

/** True when every execution is in a terminal state: the counts add up, so the run can be told as finished. */
export function isSettled(counts: ExecutionCounts): boolean {
  return EXECUTION_STATES.every((state) => isTerminalExecution(state) || counts[state] === 0);
}

/**
 * The verdict over settled counts, worst first: a user's cancel, then failure (failed, lost, not started, or skipped
 * because of failures), then time-out, then success. An empty run is skipped.
 */
export function runVerdict(counts: ExecutionCounts, cancelRequested: boolean): RunState {
  const total = totalOf(counts);
  if (total === 0 || counts.skipped === total) return 'skipped';
  if (cancelRequested && counts.cancelled > 0) return 'cancelled';
  if (counts.failed + counts.lost + counts.not_started + counts.skipped > 0) return 'failed';
  if (counts.timed_out > 0) return 'timed_out';
  if (counts.cancelled > 0) return 'cancelled';
  return 'succeeded';
}
