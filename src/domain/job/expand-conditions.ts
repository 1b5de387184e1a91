/** Conditions of a job as a run keeps them: with the values of its parameters, and places of stages and steps. Pure. */
import { given } from '../../base/given.ts';
import { mapRefs, typeExpression, type Expression, type Value } from '../expression/expression.ts';
import { parseSyntax, type Syntax } from '../expression/syntax.ts';
import {
  conditionScope,
  type ConditionPlace,
  type JobRef,
  type ScopeOfJob,
  type ScopeParameter,
} from './condition-scope.ts';
import type { JobDefinition } from './job-shape.ts';
import { typeOf, type ParameterType } from './parameter.ts';
import type { HostRef } from '../run/chosen-hosts.ts';
import type { StepPlace } from './step-references.ts';
import { readTargetsByStep, typeTargetsByStep } from './targets-by-step.ts';
import { stepNamesOf } from './step-names.ts';
import type { FillBudget } from './template.ts';

/** As in a run, but for stages and steps, which are by their places in the job. */
export type ExpandedRef = Exclude<JobRef, { of: 'param' }> | { readonly of: 'given'; readonly value?: Value };

export interface ExpandedCondition {
  readonly text: string;
  readonly expression: Expression<ExpandedRef>;
}

/** Hosts of a step before, as they are chosen when this one begins. */
export interface ExpandedChoice {
  readonly text: string;
  readonly of: StepPlace;
  readonly expression: Expression<HostRef>;
  /** An expression over names and labels that they have to match besides. */
  readonly besides?: string;
}

export class ConditionExpander {
  readonly #scope: ScopeOfJob;
  readonly #values: ReadonlyMap<string, string>;
  readonly #budget: FillBudget;

  /** The definition was checked: every name is known. What values become together is taken of the budget, which throws FilledTooLong. */
  constructor(definition: JobDefinition, values: ReadonlyMap<string, string>, budget: FillBudget) {
    const parameters = (definition.parameters ?? []).map(
      (one) => [one.name, { type: typeOf(one), ...given({ choices: one.choices }) } satisfies ScopeParameter] as const,
    );
    this.#scope = {
      parameters: new Map(parameters),
      steps: stepNamesOf(definition),
      stages: new Map(definition.stages.map(({ stage }, at) => [stage, at])),
      isOver: () => true,
    };
    this.#values = values;
    this.#budget = budget;
  }

  ofStep(text: string, here: ConditionPlace): ExpandedCondition | undefined {
    const parsed = parseSyntax(text);
    return parsed.ok ? this.of({ text, syntax: parsed.syntax }, here) : undefined;
  }

  of({ text, syntax }: { readonly text: string; readonly syntax: Syntax }, here: ConditionPlace): ExpandedCondition {
    const { expression } = typeExpression(syntax, conditionScope(this.#scope, here));
    return { text, expression: mapRefs(expression, (ref) => (ref.of === 'param' ? this.#given(ref.param) : ref)) };
  }

  ofTargets(text: string, here: ConditionPlace): Omit<ExpandedChoice, 'besides'> | undefined {
    const said = readTargetsByStep(text);
    const { expression, of } = said ? typeTargetsByStep(said, this.#scope, here) : {};
    if (!expression || !of) return undefined;
    const { stage, step } = of;
    const made = mapRefs(expression, (ref): HostRef => (ref.of === 'param' ? this.#given(ref.param) : ref));
    return { text, of: { stage, step }, expression: made };
  }

  #given(param: string): { readonly of: 'given'; readonly value?: Value } {
    const text = this.#values.get(param);
    if (text === undefined) return { of: 'given' };
    this.#budget.take(text.length);
    return { of: 'given', value: valueOf(text, this.#scope.parameters.get(param)!.type) };
  }
}

function valueOf(text: string, type: ParameterType): Value {
  return type === 'number' ? Number(text) : type === 'bool' ? text === 'true' : text;
}
