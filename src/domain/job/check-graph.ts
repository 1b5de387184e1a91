/** What stages and steps need of each other: unknown and equal names, cycles, and stages that never come to it. */
import { meantText, nearest } from '../../base/nearest.ts';
import { entriesOf, itemsOf, type TreeNode } from './document-tree.ts';
import { cyclesOf, neededIndexes, unreachable, wayText, type Needing } from './graph.ts';
import { JobFaults, quoted } from './job-fault.ts';
import { readStageWhen } from './stage-when.ts';
import type { JoinRule } from '../flow/join.ts';

interface Named extends Needing {
  readonly node: TreeNode;
  /** Of its name, or of itself. */
  readonly at: number;
  readonly needed: readonly { readonly name: string; readonly at: number }[];
}

export function checkStages(tree: TreeNode, faults: JobFaults): void {
  const nodes = itemsOf(entriesOf(tree).get('stages')?.node);
  const stages = nodes.map((node) => namedOf(node, 'stage'));
  const stagesAreOrdered = checkNames('stage', stages, faults);
  for (const stage of stages) checkFinally(stage, faults);
  if (stages.length > 0 && stages.every(({ isFinally }) => isFinally))
    faults.add(stages[0]!.at, 'bad-input', 'Every stage is a finally stage; there has to be one that they come after.');
  if (stagesAreOrdered) checkJoins(stages, faults);
  for (const { node } of stages)
    checkNames(
      'step',
      itemsOf(entriesOf(node).get('steps')?.node).map((step) => namedOf(step, 'step')),
      faults,
    );
}

function namedOf(node: TreeNode, key: 'stage' | 'step'): Named {
  const entries = entriesOf(node);
  const name = entries.get(key)?.node;
  const needs = entries.get('needs')?.node;
  const needed = itemsOf(needs).flatMap(({ value, at }) => (typeof value === 'string' ? [{ name: value, at }] : []));
  return {
    node,
    at: name?.at ?? node.at,
    name: typeof name?.value === 'string' ? name.value : undefined,
    needed,
    needs: Array.isArray(needs?.value) ? needed.map((one) => one.name) : undefined,
    isFinally: key === 'stage' && entries.get('finally')?.node.value === true,
  };
}

/** Whether they are in an order: no cycle among them. */
function checkNames(what: 'stage' | 'step', all: readonly Named[], faults: JobFaults): boolean {
  const byName = new Map<string, Named>();
  for (const one of all) {
    if (one.name === undefined) continue;
    if (byName.has(one.name))
      faults.add(one.at, 'job-name-twice', () => `There is a ${what} ${quoted(one.name!)} before this one.`);
    else byName.set(one.name, one);
  }
  const names = [...byName.keys()];
  for (const one of all) for (const need of one.needed) checkNeed(what, one, need, byName, names, faults);
  const needed = neededIndexes(all);
  const cycles = cyclesOf(needed);
  for (const cycle of cycles) {
    const way = wayText(cycle.map((i) => all[i]!.name ?? `(without a name)`));
    faults.add(
      entriesOf(all[cycle[0]!]!.node).get('needs')?.at ?? all[cycle[0]!]!.at,
      'job-cycle',
      cycle.length === 2
        ? `The ${what} ${quoted(all[cycle[0]!]!.name ?? '')} needs itself, so it would never begin.`
        : `These ${what}s need each other in a circle, so none of them would begin: ${way}.`,
    );
  }
  return cycles.length === 0;
}

function checkNeed(
  what: 'stage' | 'step',
  one: Named,
  need: Named['needed'][number],
  byName: ReadonlyMap<string, Named>,
  names: readonly string[],
  faults: JobFaults,
): void {
  const found = byName.get(need.name);
  if (found === undefined)
    faults.add(
      need.at,
      'job-reference-unknown',
      () =>
        `There is no ${what} ${quoted(need.name)}${what === 'step' ? ' in this stage' : ''}.${meantText(nearest(need.name, names))}`,
    );
  else if (found.isFinally !== one.isFinally)
    faults.add(
      need.at,
      'bad-input',
      one.isFinally
        ? `A finally stage comes after all others, so it needs none of them by name; ${quoted(need.name)} is one of them.`
        : `${quoted(need.name)} is a finally stage, which comes after all others, so this one cannot need it.`,
    );
}

function checkFinally({ node, isFinally }: Named, faults: JobFaults): void {
  const when = entriesOf(node).get('when');
  const hasRule = typeof when?.node.value === 'string' && readStageWhen(when.node.value).join !== undefined;
  if (isFinally && hasRule)
    faults.add(when.at, 'bad-input', 'A finally stage comes whatever happened: leave out the rule of its when.');
}

function checkJoins(stages: readonly Named[], faults: JobFaults): void {
  const needed = neededIndexes(stages);
  const rules = stages.map(({ node, isFinally }) =>
    isFinally ? 'all-done' : joinOf(entriesOf(node).get('when')?.node),
  );
  for (const [i, { node, isFinally }] of stages.entries()) {
    const when = entriesOf(node).get('when');
    const hasRule = typeof when?.node.value === 'string' && readStageWhen(when.node.value).join !== undefined;
    if (hasRule && !isFinally && needed[i]!.length === 0)
      faults.add(
        when.at,
        'bad-input',
        'This stage needs none, so there is nothing that the rule of its when could look at: leave it out.',
      );
  }
  for (const [i, because] of unreachable(needed, rules)) {
    const name = quoted(stages[because]!.name ?? '');
    faults.add(
      stages[i]!.at,
      'job-unreachable',
      `The stage ${quoted(stages[i]!.name ?? '')} never begins: ${name} would have to have succeeded and failed.`,
    );
  }
}

function joinOf(node: TreeNode | undefined): JoinRule {
  return (typeof node?.value === 'string' ? readStageWhen(node.value).join : undefined) ?? 'all-succeeded';
}
