/**
 * The states of a task and of a stage: one table, that of a run with two differences. What has not had its turn can be stopped or skipped
 * without one, and a new round takes what had its turn back to where it waits for it again. A task follows from the counts of its
 * executions, a stage from its tasks, a run from its stages; nothing else may set their states.
 */
import type { RunState } from './run-machine.ts';

/** A stage and a task are told in the words of a run. */
export type TaskState = RunState;

export const TASK_TRANSITIONS = {
  /** Its turn has not come. A stage of which a new round repeats a part goes on from the other part. */
  created: ['waiting', 'running', 'stopping', 'cancelled', 'skipped'],
  waiting: ['running', 'stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  running: ['stopping', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  stopping: ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'],
  /** By a new round: at once, or when the stages before have succeeded again. */
  succeeded: ['running', 'created'],
  /** Besides: the late truth of its lost executions. */
  failed: ['running', 'created', 'succeeded', 'timed_out', 'cancelled'],
  timed_out: ['running', 'created'],
  cancelled: ['running', 'created'],
  skipped: ['running', 'created'],
} as const satisfies Record<TaskState, readonly TaskState[]>;

export function canTaskMove(from: TaskState, to: TaskState): boolean {
  return (TASK_TRANSITIONS[from] as readonly TaskState[]).includes(to);
}
