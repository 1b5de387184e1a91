/**
 * A step that somebody wants skipped: a wish beside its state, as a cancel is beside that of its run. What has its turn ends, and what has
 * not is passed over when it comes; what needs it goes on as after a success.
 */
import type { TaskState } from '../flow/task-machine.ts';

export interface StepSkip {
  /** The name of whoever wants it. */
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

/** States in which it may be asked for: whatever is not over. */
const SKIPPABLE = ['created', 'waiting', 'running', 'paused', 'stopping'] as const satisfies readonly TaskState[];

export function canSkip(state: TaskState): boolean {
  return (SKIPPABLE as readonly TaskState[]).includes(state);
}
