/**
 * What a stage and a run come to by their parts: what was passed over since its condition was not met counts for nothing, and so does what
 * had nothing to do. Pure.
 */
import { emptyCounts, type ExecutionCounts } from '../crew/execution-machine.ts';
import { isFailedState, type JoinRule } from './join.ts';
import { isTerminalRun, runVerdict, type RunState } from './run-machine.ts';
import type { TaskState } from './task-machine.ts';

interface TaskPart {
  readonly state: TaskState;
  readonly goesOn: boolean;
  readonly isPassed?: boolean;
}
interface StagePart {
  readonly state: TaskState;
  readonly needs: readonly number[];
  readonly join: JoinRule;
  readonly tasks: readonly TaskPart[];
}

/** Whether what needs it goes on. */
export function isWell({ state, goesOn, isPassed }: TaskPart): boolean {
  return state === 'succeeded' || isPassed === true || (goesOn && isFailedState(state));
}

/** Whether there is nothing of a stage but what was passed over. */
export function isPassedOver({ tasks }: Pick<StagePart, 'tasks'>): boolean {
  return tasks.every(({ isPassed }) => isPassed === true);
}

/** What was passed over says nothing of it, unless there is nothing else. */
export function stateOfStage(tasks: readonly TaskPart[], isCancelRequested: boolean): TaskState {
  const counted = tasks.filter(({ isPassed }) => isPassed !== true);
  if (counted.length === 0) return 'skipped';
  const parts = counted.map((task) => (isWell(task) ? 'succeeded' : task.state));
  return stateAbove(parts) ?? verdictOver(parts, isCancelRequested);
}

export function stateOfRun(stages: readonly StagePart[], isCancelRequested: boolean): RunState {
  const live = stateAbove(stages.map(({ state }) => state));
  if (live !== undefined) return isCancelRequested && live !== 'created' ? 'stopping' : live;
  const parts = unskipped(stages).map(({ state }) => state);
  return parts.length === 0 ? 'skipped' : verdictOver(parts, isCancelRequested);
}

/**
 * All stages but those that had nothing to do: what is there for a failure where nothing failed, and what comes after that alone. A stage
 * that was skipped since something failed is no such one, also where a late truth has made that a success since.
 */
function unskipped(stages: readonly StagePart[]): StagePart[] {
  const isIdle: boolean[] = [];
  stages.forEach(({ state, join, needs, tasks }, at) => {
    const idle = needs.filter((need) => isIdle[need]);
    const others = needs.filter((need) => !isIdle[need]);
    isIdle[at] =
      state === 'skipped' &&
      (isPassedOver({ tasks }) ||
        join === 'any-failed' ||
        (join === 'any-succeeded'
          ? others.length === 0 && idle.length > 0
          : idle.length > 0 && others.every((need) => stages[need]!.state === 'succeeded')));
  });
  return stages.filter((_, at) => !isIdle[at]);
}

/** The state of what consists of these while something of it goes on. It is being stopped, or is paused, only when none of them goes on. */
function stateAbove(parts: readonly TaskState[]): TaskState | undefined {
  const live = parts.filter((state) => !isTerminalRun(state));
  if (live.length === 0) return undefined;
  if (live.every((state) => state === 'stopping')) return 'stopping';
  if (live.every((state) => state === 'created')) return 'created';
  // What waits for its turn does not go on either, nor does what is being stopped beside it.
  if (live.includes('paused') && live.every((state) => ['paused', 'created', 'stopping'].includes(state)))
    return 'paused';
  return parts.every((state) => state === 'created' || state === 'waiting') ? 'waiting' : 'running';
}

function verdictOver(parts: readonly TaskState[], isCancelRequested: boolean): RunState {
  const counts = emptyCounts();
  for (const state of parts) if (state in counts) counts[state as keyof ExecutionCounts]++;
  return runVerdict(counts, isCancelRequested);
}
