/** What becomes of a run and of its tasks when somebody opens executions of it anew: the event of its flow, over what is stored. */
import {
  emptyCounts,
  sumOfCounts,
  totalOf,
  type ExecutionCounts,
  type ExecutionState,
} from '../crew/execution-machine.ts';
import { advanceFlow, flowAsStored } from '../flow/flow.ts';
import type { RunState } from '../flow/run-machine.ts';
import { given } from '../../base/given.ts';
import type { TaskState } from '../flow/task-machine.ts';
import { gateCounts, type GatePosition } from '../gate/gate-position.ts';
import { isPassedBy, type TaskDecision } from './conditions.ts';
import { PLAN_OF_ONE_TASK, type RunPlan } from './plan.ts';
import type { StepOutputs } from './step-outputs.ts';
import type { StepSkip } from './step-skip.ts';

/** A task as it is stored, with the executions that it has now: those that wait again among them. */
export interface TaskBefore {
  readonly state: TaskState;
  readonly counts: ExecutionCounts;
  /** Hosts that it goes to, or would go to. */
  readonly hostCount: number;
  /** Executions of it are opened anew. */
  readonly isAgain: boolean;
  readonly decision?: TaskDecision;
  /** Of a gate, which has no executions. */
  readonly isGate?: boolean;
  /** Somebody has wanted it skipped: that holds until it is opened anew itself. */
  readonly skip?: StepSkip;
}

/** A gate as it is stored. One that is done again is as if it had never had a turn: it is asked for its conditions too. */
export function gateBefore(
  state: TaskState,
  position: GatePosition | undefined,
  again: readonly ExecutionState[],
): Pick<TaskBefore, 'counts' | 'isAgain' | 'isGate'> {
  const isAgain = position?.end !== undefined && again.includes(position.end);
  return { isGate: true, isAgain, counts: isAgain ? emptyCounts() : gateCounts(state, position) };
}

/**
 * Whether a round that repeats what has failed repeats all of a task: its hosts have succeeded, and what they were to tell is missing or
 * does not agree. Which of them would have had to tell something else nobody knows.
 */
export function isRepeatedWhole({
  state,
  outputs,
}: {
  readonly state: TaskState;
  readonly outputs?: StepOutputs | undefined;
}): boolean {
  return state === 'failed' && outputs?.fault !== undefined;
}

export interface RoundOpened {
  readonly state: RunState;
  readonly counts: ExecutionCounts;
  /** Those that are others by it. */
  readonly tasks: readonly {
    readonly task: number;
    readonly to: TaskState;
    readonly counts: ExecutionCounts;
    /** It has its turn at once. */
    readonly isOpened: boolean;
    /** Of one that had its turn before: its conditions are not asked again. */
    readonly decision?: TaskDecision;
  }[];
}

/** `run`: it is over. */
export function roundOpened(
  run: { readonly state: RunState; readonly plan?: RunPlan },
  before: ReadonlyMap<number, TaskBefore>,
): RoundOpened {
  const counts = new Map(
    [...before].flatMap(([task, one]) => (one.isAgain && !one.isGate ? [[task, one.counts]] : [])),
  );
  const isPassed = ({ state, decision }: TaskBefore): boolean =>
    state === 'skipped' && decision !== undefined && isPassedBy(decision);
  const standing = (task: number): TaskBefore & { readonly isPassed: boolean; readonly isToSkip: boolean } => {
    const one = before.get(task)!;
    return { ...one, isPassed: isPassed(one), isToSkip: one.skip !== undefined && !one.isAgain };
  };
  const stored = flowAsStored(run.plan ?? PLAN_OF_ONE_TASK, run.state, standing, {});
  const { flow, effects } = advanceFlow(stored, { kind: 'round', counts });
  const opened = new Set(effects.flatMap((effect) => (effect.kind === 'open-task' ? [effect.task] : [])));
  const tasks = flow.stages.flatMap((stage) =>
    stage.tasks.map(({ task, state: to, counts: own, isPassed: isPassedNow, isToSkip }) => {
      const isOpened = opened.has(task) || (before.get(task)!.isAgain && to === 'running');
      const isFirst = opened.has(task) && !before.get(task)!.isAgain;
      const { decision, hostCount, isGate, skip } = before.get(task)!;
      const { skip: _, ...ofConditions } = decision ?? {};
      const kept = totalOf(own) > 0 && Object.keys(ofConditions).length > 0 ? ofConditions : undefined;
      const ofCrew = isFirst ? { ...emptyCounts(), waiting: hostCount } : own;
      return {
        task,
        to,
        isOpened,
        counts: isGate ? emptyCounts() : ofCrew,
        ...given({ decision: isPassedNow && isToSkip ? { ...kept, skip: skip! } : kept }),
      };
    }),
  );
  return {
    state: flow.state,
    counts: sumOfCounts(tasks.map((task) => task.counts)),
    tasks: tasks.filter(({ task, to }) => before.get(task)!.isAgain || to !== before.get(task)!.state),
  };
}
