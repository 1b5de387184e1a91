/**
 * The states of an execution's attempt. Terminal states are final: a retry opens a new attempt with the next number, and
 * the settled one moves to the history. `lost` alone may still be settled by the late truth of its own attempt,
 * as long as no newer attempt exists.
 *
 * docs/STATES.md and the CHECK constraint of the table are tested against this table.
 */
export const EXECUTION_STATES = [
  'waiting',
  'dispatched',
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'not_started',
  'lost',
] as const;
export type ExecutionState = (typeof EXECUTION_STATES)[number];

export const EXECUTION_TRANSITIONS = {
  waiting: ['dispatched', 'cancelled', 'skipped', 'not_started'],
  /** Back to waiting only on the executor's own word that it has not begun, and begins by no order of before. */
  dispatched: ['waiting', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'not_started', 'lost'],
  running: ['succeeded', 'failed', 'timed_out', 'cancelled', 'lost'],
  succeeded: [],
  failed: [],
  timed_out: [],
  cancelled: [],
  skipped: [],
  not_started: [],
  lost: ['succeeded', 'failed', 'timed_out', 'cancelled', 'not_started'],
} as const satisfies Record<ExecutionState, readonly ExecutionState[]>;

export const TERMINAL_EXECUTION_STATES = [
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'not_started',
  'lost',
] as const satisfies readonly ExecutionState[];
export type TerminalExecutionState = (typeof TERMINAL_EXECUTION_STATES)[number];

export function isTerminalExecution(state: ExecutionState): state is TerminalExecutionState {
  return (TERMINAL_EXECUTION_STATES as readonly ExecutionState[]).includes(state);
}

export function canExecutionMove(from: ExecutionState, to: ExecutionState): boolean {
  return (EXECUTION_TRANSITIONS[from] as readonly ExecutionState[]).includes(to);
}

/**
 * Counts toward `max-failed`: everything that started, or may have, and did not succeed. What certainly never ran says
 * nothing of the script.
 */
export function isFailure(state: ExecutionState): boolean {
  return state === 'failed' || state === 'timed_out' || state === 'lost';
}

/** Whether an order for it may have gone out and its end is not known. */
export function isOut(state: ExecutionState): boolean {
  return state === 'dispatched' || state === 'running';
}

/** Executions by state. */
export type ExecutionCounts = Record<ExecutionState, number>;

export function emptyCounts(): ExecutionCounts {
  return Object.fromEntries(EXECUTION_STATES.map((state) => [state, 0])) as ExecutionCounts;
}

export function totalOf(counts: ExecutionCounts): number {
  return EXECUTION_STATES.reduce((sum, state) => sum + counts[state], 0);
}

export function sumOfCounts(all: readonly ExecutionCounts[]): ExecutionCounts {
  if (all.length === 1) return all[0]!;
  const sum = emptyCounts();
  for (const counts of all) for (const state of EXECUTION_STATES) sum[state] += counts[state];
  return sum;
}
