/**
 * The states of a task and of a stage: one table, that of a run with two differences. What has not had its turn can be stopped or skipped
 * without one, and a new round takes what had its turn back to where it waits for it again. A task follows from the counts of its
 * executions, a stage from its tasks, a run from its stages; nothing else may set their states.
 */
import type { RunState } from './run-machine.ts';

/** A stage and a task are told in the words of a run. */
export type TaskState = RunState;

export const TASK_TRANSITIONS = {
  /** Its turn has not come. A stage of which a new round repeats a part goes on from the other part, also where that part is skipped. */
  created: ['waiting', 'running', 'paused', 'stopping', 'failed', 'cancelled', 'skipped'],
  waiting: ['running', 'paused', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  running: ['paused', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  paused: ['running', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  stopping: ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  /**
   * By a new round: it is done again at once (`running`), has its turn by what the round leaves as it was (`waiting`), waits for it
   * (`created`), or has lost it and ends what was opened anew (`stopping`). Such a move is one write, so it stands here whole.
   */
  succeeded: ['running', 'waiting', 'created', 'stopping'],
  /** Besides: the late truth of its lost executions. */
  failed: ['running', 'waiting', 'created', 'stopping', 'succeeded', 'timed_out', 'cancelled'],
  timed_out: ['running', 'waiting', 'created', 'stopping'],
  /** Besides: it never began, and in the new round it has no turn either, which nobody asked for this time. */
  cancelled: ['running', 'waiting', 'created', 'stopping', 'skipped'],
  /** Waits at once where a late truth has made a success of what it was skipped for. */
  skipped: ['running', 'waiting', 'created', 'stopping'],
} as const satisfies Record<TaskState, readonly TaskState[]>;

export function canTaskMove(from: TaskState, to: TaskState): boolean {
  return (TASK_TRANSITIONS[from] as readonly TaskState[]).includes(to);
}

/** Of a stage besides: a new round left a part of it as it was, and passes over the rest, whose condition is not met. */
export function canStageMove(from: TaskState, to: TaskState): boolean {
  return canTaskMove(from, to) || (from === 'created' && (to === 'succeeded' || to === 'timed_out'));
}
