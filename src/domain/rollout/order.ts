/**
 * In which order a rollout comes to its hosts: batches are cut from it. `name`, `label:KEY` (those with one value together, by value; hosts
 * without the label last), `spread:KEY` (one of each value by turns, so that a batch is as mixed as all of them) and `random` or
 * `random:SEED` (any order; the same seed and hosts give the same). Pure; hosts come in the order of their names.
 */
import { seededRandom } from '../../base/random.ts';

export type HostOrder =
  | { readonly kind: 'name' }
  | { readonly kind: 'label'; readonly key: string }
  | { readonly kind: 'spread'; readonly key: string }
  | { readonly kind: 'random'; readonly seed?: number };

/** The largest seed. */
const SEED_MAX = 4_294_967_295;

/** Undefined when it is none. */
export function parseOrder(text: string): HostOrder | undefined {
  const [kind, ...rest] = text.trim().split(':');
  const key = rest.join(':');
  if (kind === 'name' && rest.length === 0) return { kind: 'name' };
  if ((kind === 'label' || kind === 'spread') && key !== '') return { kind, key };
  if (kind !== 'random' || rest.length > 1) return undefined;
  if (rest.length === 0) return { kind: 'random' };
  return /^\d{1,10}$/.test(key) && Number(key) <= SEED_MAX ? { kind: 'random', seed: Number(key) } : undefined;
}

/** `seed`: where the order is random and names none. */
export function inOrder<Host extends { readonly labels: Readonly<Record<string, string>> }>(
  hosts: readonly Host[],
  order: HostOrder,
  seed: number,
): readonly Host[] {
  switch (order.kind) {
    case 'name':
      return hosts;
    case 'random':
      return shuffled(hosts, order.seed ?? seed);
    case 'label':
      return groups(hosts, order.key).flat();
    case 'spread':
      return byTurns(groups(hosts, order.key));
  }
}

/** By value; those without one are the last. */
function groups<Host extends { readonly labels: Readonly<Record<string, string>> }>(
  hosts: readonly Host[],
  key: string,
): Host[][] {
  const valueOf = ({ labels }: Host): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const byValue = Map.groupBy(hosts, valueOf);
  const values = [...byValue.keys()].filter((value) => value !== undefined).sort();
  return [...values, undefined].flatMap((value) => (byValue.has(value) ? [byValue.get(value)!] : []));
}

function byTurns<Host>(lists: readonly (readonly Host[])[]): Host[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    lists.flatMap((list) => (turn < list.length ? [list[turn]!] : [])),
  ).flat();
}

/** Fisher and Yates. */
function shuffled<Host>(hosts: readonly Host[], seed: number): Host[] {
  const random = seededRandom(seed);
  const list = [...hosts];
  for (let at = list.length - 1; at > 0; at--) {
    const other = Math.floor(random.next() * (at + 1));
    [list[at], list[other]] = [list[other]!, list[at]!];
  }
  return list;
}
