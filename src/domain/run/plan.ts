/** The stages of a run and their tasks, with the names that people gave them. It is frozen when the run is made. */
import type { AskedSubjects } from './asked-subjects.ts';
import type { Condition } from './conditions.ts';
import type { DeclaredOutput } from './step-outputs.ts';
import type { WorkFill } from './work-fills.ts';
import { advanceFlow, newFlow, ONE_TASK, type StageShape, type TaskShape } from '../flow/flow.ts';

export interface PlannedTask extends TaskShape, AskedSubjects {
  readonly name: string;
  /** What of its hosts' values is drawn together when it is over. */
  readonly outputs?: readonly DeclaredOutput[];
  /** Where in its work stand outputs of tasks that have succeeded before it. */
  readonly fills?: readonly WorkFill[];
  /** It is conditional by that, and by what it asks of steps before it. */
  readonly when?: Condition;
}
export interface PlannedStage extends Omit<StageShape, 'tasks'> {
  readonly name: string;
  readonly when?: Condition;
  readonly tasks: readonly PlannedTask[];
}
export type RunPlan = readonly PlannedStage[];

/** Of a run of one task, which has no names for its parts. */
export const PLAN_OF_ONE_TASK: RunPlan = ONE_TASK.map((stage) => ({
  ...stage,
  name: '',
  tasks: stage.tasks.map((task) => ({ ...task, name: '' })),
}));

/** Of a command that has a rollout with a position of its own: its task has a state of its own. */
export const PLAN_OF_COMMAND: RunPlan = ONE_TASK.map((stage) => ({
  ...stage,
  name: 'command',
  tasks: stage.tasks.map((task) => ({ ...task, name: 'command' })),
}));

/** Whether it is of a command: its parts have no names that anybody has given. */
export function isOfCommand(plan: RunPlan): boolean {
  const [stage, ...others] = plan;
  return (
    others.length === 0 && stage?.name === 'command' && stage.tasks.length === 1 && stage.tasks[0]!.name === 'command'
  );
}

export function tasksOf(plan: RunPlan): readonly PlannedTask[] {
  return plan.flatMap(({ tasks }) => tasks);
}

/** Those that have their turn when the run starts. */
export function firstTasks(plan: RunPlan): ReadonlySet<number> {
  const { effects } = advanceFlow(newFlow(plan), { kind: 'start' });
  return new Set(effects.flatMap((effect) => (effect.kind === 'open-task' ? [effect.task] : [])));
}

/** Where a task stands among those that people name. */
export interface TaskPlace {
  readonly task: number;
  readonly step: string;
  /** With its stage: a step's name is its own there alone. */
  readonly path: string;
  readonly stage: PlannedStage;
}

export function placesOf(plan: RunPlan): readonly TaskPlace[] {
  return plan.flatMap((stage) =>
    stage.tasks.map(({ task, name }) => ({ task, step: name, path: `${stage.name}/${name}`, stage })),
  );
}

/** Whether people may mean it by this name: its own, STAGE/STEP or STAGE.STEP. */
export function isNamed({ step, path }: Pick<TaskPlace, 'step' | 'path'>, name: string): boolean {
  return [step, path, path.replace('/', '.')].includes(name);
}
