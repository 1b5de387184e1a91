/**
 * Conditions of a run's stages and steps: what their names stand for in the run, and what each has come to. They are decided once, from
 * what is over by then, by the write that opens what has them or passes it over; what is told later changes nothing. Pure.
 */
import { given } from '../../base/given.ts';
import { totalOf } from '../crew/execution-machine.ts';
import { refsOf, testOf, type Expression, type Value } from '../expression/expression.ts';
import type { FlowLook } from '../flow/flow.ts';
import type { AskedSubjects } from './asked-subjects.ts';
import type { CountedState } from './counted-states.ts';
import type { StepOutput } from './step-outputs.ts';
import type { StepSkip } from './step-skip.ts';

/** Tasks by their numbers, stages by their places in the plan. */
export type ConditionRef =
  /** A value of the run's parameters; absent where it has none. */
  | { readonly of: 'given'; readonly value?: Value }
  | { readonly of: 'output'; readonly task: number; readonly output: string }
  | { readonly of: 'state'; readonly task: number }
  | { readonly of: 'count'; readonly task: number; readonly state: CountedState | 'hosts' }
  | { readonly of: 'stage'; readonly stage: number }
  | { readonly of: 'run'; readonly what: 'cancelled' | 'round' | 'state' };

export interface Condition {
  /** As the job says it. */
  readonly text: string;
  readonly expression: Expression<ConditionRef>;
}

/**
 * What a condition has come to, and by which values, in the order of the text: cut where they are long, null where there was none, and no
 * more than a record tells.
 */
export interface Verdict {
  readonly isMet: boolean;
  readonly seen: readonly (readonly [name: string, value: string | null])[];
}

/** What has been decided of a task when its turn came, or when somebody has had it skipped. */
export interface TaskDecision {
  /** By the condition of its stage, and by its own. */
  readonly stage?: Verdict;
  readonly step?: Verdict;
  /** Of hosts of a step before it: how many were chosen, of how many; or why they could not be, and then nothing of it is begun on any. */
  readonly hosts?: { readonly of: number; readonly chosen: number; readonly fault?: string };
  /** Items that a step before it has told; or why they could not be taken, and then nothing of it is begun. */
  readonly items?: { readonly count: number; readonly fault?: string };
  /** Somebody has had it skipped; absent where it came to another end before. */
  readonly skip?: StepSkip;
}

export function isPassedBy({ stage, step, hosts, items, skip }: TaskDecision): boolean {
  return (
    skip !== undefined || stage?.isMet === false || step?.isMet === false || hosts?.chosen === 0 || isNothing(items)
  );
}

function isNothing(items: TaskDecision['items']): boolean {
  return items?.count === 0 && items.fault === undefined;
}

/** Why nothing of it can be begun, by what it was to be done to. */
export function choiceFaultOf(decision: TaskDecision | undefined): string | undefined {
  return decision?.hosts?.fault ?? decision?.items?.fault;
}

/** Why it was passed over, in a sentence; undefined where it was not. */
export function passedBecause({ stage, step, hosts, items, skip }: TaskDecision): string | undefined {
  if (skip) return skip.reason === '' ? `Skipped by ${skip.by}.` : `Skipped by ${skip.by}: ${skip.reason}`;
  if (stage?.isMet === false) return `The condition of its stage is not met${seenText(stage)}.`;
  if (step?.isMet === false) return `Its condition is not met${seenText(step)}.`;
  if (isNothing(items)) return 'The step before it has told no items.';
  return hosts?.chosen === 0 ? `None of the ${hosts.of} hosts that it may go to is chosen.` : undefined;
}

function seenText({ seen }: Verdict): string {
  const all = seen.map(([name, value]) => `${name} ${value === null ? 'has no value' : `is ${value}`}`);
  return all.length === 0 ? '' : `: ${all.join(', ')}`;
}

export interface ConditionSight {
  readonly look: FlowLook;
  readonly round: number;
  /** Of a task that is over. */
  readonly outputOf: (task: number, output: string) => StepOutput | undefined;
}

export function decide({ expression }: Condition, sight: ConditionSight): Verdict {
  const valueOf = (ref: ConditionRef): Value | undefined => valueIn(ref, sight);
  return { isMet: testOf(expression)(valueOf), seen: seenOf(expression, valueOf) };
}

/** As much of it as a record tells: one is kept with each of the thousands of tasks that a run may have. */
function seenOf(
  expression: Condition['expression'],
  valueOf: (ref: ConditionRef) => Value | undefined,
): Verdict['seen'] {
  const seen: [string, string | null][] = [];
  const refs = refsOf(expression);
  let left = SEEN_MAX;
  for (const { name, ref } of refs) {
    const value = shown(valueOf(ref));
    left -= name.length + (value?.length ?? 0);
    if (left < 0) return [...seen, ['…', `${refs.length - seen.length} more`]];
    seen.push([name, value]);
  }
  return seen;
}

/** A task that had no turn has states and counts too: it is skipped or cancelled, on no host. */
function valueIn(ref: ConditionRef, { look, round, outputOf }: ConditionSight): Value | undefined {
  switch (ref.of) {
    case 'given':
      return ref.value;
    case 'output':
      return outputOf(ref.task, ref.output);
    case 'state':
      return look.task(ref.task)?.state;
    case 'count': {
      const counts = look.task(ref.task)?.counts;
      return counts && (ref.state === 'hosts' ? totalOf(counts) : counts[ref.state]);
    }
    case 'stage':
      return look.stage(ref.stage);
    case 'run':
      return ref.what === 'cancelled' ? look.isCancelRequested : ref.what === 'round' ? round : look.others();
  }
}

/** Of a value that a record tells, and of all names and values of a verdict together. */
const SHOWN_MAX = 100;
const SEEN_MAX = 800;

function shown(value: Value | undefined): string | null {
  if (value === undefined) return null;
  const text = typeof value === 'object' ? value.slice(0, SHOWN_MAX).join(', ') : String(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…`.toWellFormed() : text;
}

/** What of a plan is decided. */
type ConditionalStages = readonly {
  readonly when?: Condition;
  readonly tasks: readonly (AskedSubjects & { readonly task: number; readonly when?: Condition })[];
}[];

/** Decides what a task whose turn has come is done to, where it asks. */
type Choose = (task: number, asked: AskedSubjects) => Pick<TaskDecision, 'hosts' | 'items'>;

/** Conditions of a plan, as the flow asks for them, with what each was decided. */
export class RunConditions {
  readonly #ofStages: ConditionalStages;
  readonly #sight: Omit<ConditionSight, 'look'>;
  readonly #choose: Choose;
  readonly #decisions = new Map<number, TaskDecision>();

  /** `read`: what was decided before, by task. */
  constructor(
    plan: ConditionalStages,
    sight: Omit<ConditionSight, 'look'>,
    choose: Choose,
    read: Iterable<readonly [number, TaskDecision]>,
  ) {
    this.#ofStages = plan;
    this.#sight = sight;
    this.#choose = choose;
    for (const [task, decision] of read) this.#decisions.set(task, decision);
    // What a stage has come to is written with those of its tasks that had their turn, and holds for the others.
    for (const { when, tasks } of plan) {
      const stage = when && tasks.map(({ task }) => this.#decisions.get(task)?.stage).find((one) => one !== undefined);
      if (stage) for (const { task } of tasks) this.#decisions.set(task, { stage, ...this.#decisions.get(task) });
    }
  }

  of(task: number): TaskDecision | undefined {
    return this.#decisions.get(task);
  }

  isStageMet(at: number, look: FlowLook): boolean {
    const { when, tasks } = this.#ofStages[at]!;
    if (!when) return true;
    const stage = decide(when, { ...this.#sight, look });
    for (const { task } of tasks) this.#decisions.set(task, { stage });
    return stage.isMet;
  }

  isTaskMet(number: number, look: FlowLook): boolean {
    const stageOf = this.#ofStages.find(({ tasks }) => tasks.some(({ task }) => task === number));
    const own = stageOf?.tasks.find(({ task }) => task === number);
    if (!own || (!own.when && !own.chooses && !own.each)) return true;
    const step = own.when && decide(own.when, { ...this.#sight, look });
    const chosen = step?.isMet !== false ? this.#choose(number, own) : {};
    const stage = stageOf!.when && this.#decisions.get(number)?.stage;
    const decision = { ...given({ stage, step }), ...chosen };
    this.#decisions.set(number, decision);
    return !isPassedBy(decision);
  }
}
