/** The plan of a run: stages and steps of a job with its values, numbered through. Pure. */
import { given } from '../../base/given.ts';
import { mapRefs } from '../expression/expression.ts';
import type { Condition, ConditionRef } from '../run/conditions.ts';
import type { PlannedStage, PlannedTask, RunPlan } from '../run/plan.ts';
import type { WorkFill } from '../run/work-fills.ts';
import type { ExpandedStage, ExpandedStep } from './expand.ts';
import type { ExpandedChoice, ExpandedCondition, ExpandedRef } from './expand-conditions.ts';

/** Numbered through, in an order in which what is needed stands first; stages that are finally come last. */
export function planOf(stages: readonly ExpandedStage[]): {
  readonly plan: RunPlan;
  readonly steps: readonly ExpandedStep[];
} {
  const steps: ExpandedStep[] = [];
  const order = [
    ...inOrder(stages.map(({ needs, isFinally }) => (isFinally ? undefined : needs))),
    ...inOrder(stages.map(({ needs, isFinally }) => (isFinally ? needs : undefined))),
  ];
  const placeOf = new Map(order.map((stage, place) => [stage, place]));
  /** By stage and step, as they are written; what a step has outputs of is numbered before it. */
  const numbers = new Map<number, ReadonlyMap<number, number>>();
  const filled = ({ fills }: ExpandedStep): WorkFill[] | undefined =>
    fills.length === 0
      ? undefined
      : fills.map(({ parts, ...fill }) => ({
          ...fill,
          parts: parts.map((part) =>
            typeof part === 'string' ? part : { task: numbers.get(part.stage)!.get(part.step)!, output: part.output },
          ),
        }));
  const plan = order.map((at): PlannedStage => {
    const { name, needs, join, isFinally, when, steps: own } = stages[at]!;
    const ownOrder = inOrder(own.map((step) => step.needs));
    const numberOf = new Map(ownOrder.map((step, place) => [step, steps.length + place]));
    numbers.set(at, numberOf);
    const tasks = ownOrder.map((step) => ({
      task: numberOf.get(step)!,
      name: own[step]!.name,
      needs: own[step]!.needs.map((need) => numberOf.get(need)!),
      goesOn: own[step]!.goesOn,
      ...given({ outputs: own[step]!.outputs.length > 0 ? own[step]!.outputs : undefined }),
      ...given({ fills: filled(own[step]!) }),
      ...conditional(own[step]!.when && numbered(own[step]!.when, placeOf, numbers)),
      ...chosen(own[step]!.chooses, numbers),
      ...eachOf(own[step]!.each, numbers),
    }));
    steps.push(...ownOrder.map((step) => own[step]!));
    const isAsked = conditional(when && numbered(when, placeOf, numbers));
    return { name, needs: needs.map((need) => placeOf.get(need)!), join, isFinally, ...isAsked, tasks };
  });
  return { plan, steps };
}

/** Of a step that is numbered before it. */
function chosen(
  chooses: ExpandedChoice | undefined,
  numbers: ReadonlyMap<number, ReadonlyMap<number, number>>,
): Pick<PlannedTask, 'isConditional' | 'chooses'> {
  if (!chooses) return {};
  const { text, of, expression } = chooses;
  return { isConditional: true, chooses: { text, task: numbers.get(of.stage)!.get(of.step)!, expression } };
}

function eachOf(
  each: ExpandedStep['each'],
  numbers: ReadonlyMap<number, ReadonlyMap<number, number>>,
): Pick<PlannedTask, 'isConditional' | 'each'> {
  if (!each) return {};
  return { isConditional: true, each: { task: numbers.get(each.stage)!.get(each.step)!, output: each.output } };
}

function conditional(when: Condition | undefined): { readonly isConditional?: true; readonly when?: Condition } {
  return when ? { isConditional: true, when } : {};
}

/** What it speaks of is over before it is asked, so it is numbered before it. */
function numbered(
  { text, expression }: ExpandedCondition,
  placeOf: ReadonlyMap<number, number>,
  numbers: ReadonlyMap<number, ReadonlyMap<number, number>>,
): Condition {
  const of = (ref: ExpandedRef): ConditionRef => {
    if (ref.of === 'given' || ref.of === 'run') return ref;
    if (ref.of === 'stage') return { of: 'stage', stage: placeOf.get(ref.stage)! };
    const { stage, step, ...rest } = ref;
    return { ...rest, task: numbers.get(stage)!.get(step)! };
  };
  return { text, expression: mapRefs(expression, of) };
}

/** Places in an order in which what is needed stands first, and else as written. Undefined is none of them. There is no circle. */
function inOrder(needsOf: readonly (readonly number[] | undefined)[]): number[] {
  const order: number[] = [];
  const isPlaced = new Set<number>();
  const place = (start: number): void => {
    // By hand, for a chain of a thousand is deeper than calls may be.
    const waiting = [start];
    for (let at = waiting.at(-1); at !== undefined; at = waiting.at(-1)) {
      const missing = isPlaced.has(at) ? undefined : needsOf[at]?.find((need) => !isPlaced.has(need));
      if (missing !== undefined) {
        waiting.push(missing);
        continue;
      }
      waiting.pop();
      if (isPlaced.has(at)) continue;
      isPlaced.add(at);
      order.push(at);
    }
  };
  for (const [at, needs] of needsOf.entries()) if (needs) place(at);
  return order;
}
