/**
 * What needs what, among the stages of a job or the steps of a stage: each is named, and needs others by name or the
 * one before it. Pure.
 */
import type { JoinRule } from '../flow/join.ts';

export interface Needing {
  readonly name: string | undefined;
  /** Undefined: the one before it. */
  readonly needs: readonly string[] | undefined;
  /** A stage that comes after all others: it and they do not need each other. */
  readonly isFinally?: boolean;
}

/** By index, each once. Names that there are not, and those of the other kind, are passed over. */
export function neededIndexes(all: readonly Needing[]): number[][] {
  const byName = new Map<string, number>();
  for (const [i, { name }] of all.entries()) if (name !== undefined && !byName.has(name)) byName.set(name, i);
  const before: { normal?: number; last?: number } = {};
  return all.map(({ needs, isFinally = false }, i) => {
    const kind = isFinally ? 'last' : 'normal';
    const previous = before[kind];
    before[kind] = i;
    if (needs === undefined) return previous === undefined ? [] : [previous];
    const found = needs.flatMap((name) => byName.get(name) ?? []);
    return [...new Set(found)].filter((one) => (all[one]!.isFinally ?? false) === isFinally);
  });
}

/** Each as the way from the first of it back to it; of those that share a member only one. */
export function cyclesOf(needed: readonly (readonly number[])[]): number[][] {
  const cycles: number[][] = [];
  const state = new Uint8Array(needed.length);
  const inCycle = new Set<number>();
  for (let start = 0; start < needed.length; start++) {
    if (state[start] !== 0) continue;
    const way: { readonly at: number; next: number }[] = [{ at: start, next: 0 }];
    state[start] = 1;
    while (way.length > 0) {
      const here = way.at(-1)!;
      const to = needed[here.at]![here.next++];
      if (to === undefined) {
        state[here.at] = 2;
        way.pop();
      } else if (state[to] === 0) {
        state[to] = 1;
        way.push({ at: to, next: 0 });
      } else if (state[to] === 1 && !inCycle.has(to) && !inCycle.has(here.at)) {
        const cycle = way.slice(way.findIndex(({ at }) => at === to)).map(({ at }) => at);
        for (const one of cycle) inCycle.add(one);
        // The way goes from who needs to what is needed.
        cycles.push([...cycle, to]);
      }
    }
  }
  return cycles;
}

/** `a → b → a`, in the middle of which much is left out where it is long. */
export function wayText(names: readonly string[]): string {
  const shown =
    names.length > 12 ? [...names.slice(0, 6), `… (${names.length - 11} more) …`, ...names.slice(-5)] : names;
  return shown.join(' → ');
}

/**
 * Stages that never come to it: one of those that they need has to have succeeded for them, and has to have failed. With each, that one.
 * Sets of stages are bits of one number, so that a thousand stages cost what a thousand numbers do. There must be no cycle.
 */
export function unreachable(needed: readonly (readonly number[])[], rules: readonly JoinRule[]): Map<number, number> {
  const found = new Map<number, number>();
  /** Of a stage that has begun: which have succeeded for certain, and which have failed. */
  const succeeded: bigint[] = [];
  const failed: bigint[] = [];
  for (const i of inOrder(needed)) {
    const needs = needed[i]!;
    const single = needs.length === 1 ? needs[0]! : undefined;
    const rule = rules[i]!;
    [succeeded[i], failed[i]] = [0n, 0n];
    if (rule === 'any-failed' && single !== undefined) failed[i] = 1n << BigInt(single);
    else if (rule === 'all-succeeded' || (rule === 'any-succeeded' && single !== undefined))
      for (const need of needs) {
        // Who has succeeded has begun: all that is certain of it then is certain here.
        succeeded[i] = succeeded[i]! | (1n << BigInt(need)) | succeeded[need]!;
        failed[i] = failed[i]! | failed[need]!;
      }
    const both = succeeded[i]! & failed[i]!;
    if (both !== 0n && !needs.some((need) => found.has(need))) found.set(i, lowestBit(both));
  }
  return found;
}

function lowestBit(bits: bigint): number {
  return (bits & -bits).toString(2).length - 1;
}

/** Each after those that it needs. */
function inOrder(needed: readonly (readonly number[])[]): number[] {
  const left = needed.map((needs) => needs.length);
  const needing: number[][] = needed.map(() => []);
  for (const [i, needs] of needed.entries()) for (const need of needs) needing[need]!.push(i);
  const order = left.flatMap((count, i) => (count === 0 ? [i] : []));
  for (let at = 0; at < order.length; at++)
    for (const one of needing[order[at]!]!) if (--left[one]! === 0) order.push(one);
  return order;
}
