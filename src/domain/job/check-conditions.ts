/** Conditions of stages and steps, and hosts of earlier steps: what they say, of what, and whether that is over by then. */
import type { ExpressionFault } from '../expression/expression.ts';
import { typeExpression } from '../expression/expression.ts';
import { parseSyntax, type Syntax } from '../expression/syntax.ts';
import { conditionScope, type ConditionPlace, type ScopeOfJob, type ScopeParameter } from './condition-scope.ts';
import { entriesOf, itemsOf, type TreeNode } from './document-tree.ts';
import type { JobFaults } from './job-fault.ts';
import { readStageWhen } from './stage-when.ts';
import { StepNames } from './step-names.ts';
import type { StepReferences } from './step-references.ts';
import { readTargetsByStep, typeTargetsByStep } from './targets-by-step.ts';
import { writtenPlace } from './written-place.ts';

export interface ConditionsToCheck {
  readonly text: string;
  readonly tree: TreeNode;
  readonly parameters: ReadonlyMap<string, ScopeParameter>;
  /** Made by the first that asks: most jobs have no conditions. */
  readonly references: () => StepReferences;
  readonly faults: JobFaults;
}

export function checkConditions(job: ConditionsToCheck): void {
  let known: ScopeOfJob | undefined;
  const scope = (): ScopeOfJob => (known ??= scopeOf(job));
  for (const [stage, node] of itemsOf(entriesOf(job.tree).get('stages')?.node).entries()) {
    const entries = entriesOf(node);
    const isFinally = entries.get('finally')?.node.value === true;
    const when = entries.get('when')?.node;
    if (typeof when?.value === 'string') checkStage(job, when, scope, { stage, isFinally });
    for (const [step, own] of itemsOf(entries.get('steps')?.node).entries()) {
      const said = entriesOf(own).get('when')?.node;
      if (typeof said?.value === 'string') checkStep(job, said, scope, { stage, step, isFinally });
      const targets = entriesOf(own).get('targets')?.node;
      if (typeof targets?.value === 'string') checkTargets(job, targets, scope, { stage, step, isFinally });
    }
  }
}

function scopeOf({ tree, parameters, references }: ConditionsToCheck): ScopeOfJob {
  const known = references();
  const names = itemsOf(entriesOf(tree).get('stages')?.node).map((node) => entriesOf(node).get('stage')?.node.value);
  return {
    parameters,
    steps: new StepNames(known.all),
    stages: new Map(names.flatMap((name, at) => (typeof name === 'string' ? [[name, at] as const] : []))),
    isOver: (one, here) => known.isOverBefore(one, here),
  };
}

function checkStage(
  { text, faults }: ConditionsToCheck,
  node: TreeNode,
  scope: () => ScopeOfJob,
  here: ConditionPlace,
): void {
  const { condition, fault } = readStageWhen(String(node.value));
  const placeOf = writtenPlace(text, node);
  if (fault) faults.add(placeOf(fault.at), 'job-expression', fault.detail);
  if (condition) checkTypes(condition.syntax, placeOf, scope(), here, faults);
}

function checkStep(
  { text, faults }: ConditionsToCheck,
  node: TreeNode,
  scope: () => ScopeOfJob,
  here: ConditionPlace,
): void {
  const parsed = parseSyntax(String(node.value));
  const placeOf = writtenPlace(text, node);
  if (parsed.ok) checkTypes(parsed.syntax, placeOf, scope(), here, faults);
  else faults.add(placeOf(parsed.fault.at), 'job-expression', parsed.fault.detail);
}

function checkTargets(
  { text, faults }: ConditionsToCheck,
  node: TreeNode,
  scope: () => ScopeOfJob,
  here: ConditionPlace,
): void {
  const said = readTargetsByStep(String(node.value));
  if (!said) return;
  const placeOf = writtenPlace(text, node);
  for (const { at, code, detail } of typeTargetsByStep(said, scope(), here).faults)
    faults.add(placeOf(at), code, detail);
}

function checkTypes(
  syntax: Syntax,
  placeOf: (offset: number) => number,
  scope: ScopeOfJob,
  here: ConditionPlace,
  faults: JobFaults,
): void {
  const told = (fault: ExpressionFault): void => faults.add(placeOf(fault.at), fault.code, fault.detail);
  typeExpression(syntax, conditionScope(scope, here)).faults.forEach(told);
}
