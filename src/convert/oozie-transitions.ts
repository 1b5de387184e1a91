/**
 * Where the paths of an Oozie workflow lead, told from the end: what has to have happened that a node has its turn. Oozie moves a
 * token from node to node; jobs of Drover say what they need. So each action gets a formula of those before it, forks, joins and
 * decisions worked in, and of the formula its needs and its rule.
 */
import type { JoinRule } from '../domain/flow/join.ts';
import type { Place, Remark } from './conversion.ts';

export type Transition =
  /** `case` is the number of the case of a decision; its default is the last. */
  { readonly from: string; readonly on: 'ok' | 'error' | 'path' | 'case'; readonly case?: number };

export interface ControlNode extends Place {
  readonly name: string;
  readonly kind: 'start' | 'action' | 'fork' | 'join' | 'decision' | 'kill' | 'end';
  readonly to: readonly { readonly on: Transition['on']; readonly name: string; readonly case?: number }[];
}

/** A decision that stands before a node, and which of its cases leads there. */
export interface Choice {
  readonly decision: string;
  readonly case: number;
}

/** How parts of a formula are written; undefined for what cannot be. */
export interface FormulaWords {
  after(action: string, on: 'ok' | 'error'): string;
  choice(choice: Choice): string | undefined;
}

type Formula =
  | { readonly kind: 'always' }
  | { readonly kind: 'after'; readonly action: string; readonly on: 'ok' | 'error' }
  | { readonly kind: 'choice'; readonly choice: Choice }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Formula[] };

export interface Turn {
  readonly needs: readonly string[];
  readonly rule: JoinRule;
}

const ALWAYS: Formula = { kind: 'always' };
/** Of all nodes together: forks of forks of decisions could name the same over and over. */
const FORMULA_MAX = 100_000;

export class OozieTransitions {
  readonly #nodes: ReadonlyMap<string, ControlNode>;
  readonly #into = new Map<string, Transition[]>();
  readonly #formulas = new Map<string, Formula>();
  #size = 0;

  constructor(nodes: readonly ControlNode[]) {
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
    const reached = this.#reached(() => true);
    for (const node of nodes) {
      if (!reached.has(node.name)) continue;
      const [ok, error] = node.to;
      // However it ended: its step is one whose failure lets what needs it go on.
      const to = node.kind === 'action' && error?.name === ok?.name ? node.to.slice(0, 1) : node.to;
      for (const { on, name, ...more } of to) {
        const list = this.#into.get(name) ?? [];
        list.push({ from: node.name, on, ...more });
        this.#into.set(name, list);
      }
    }
  }

  /** Unknown names, circles, and nodes that no path leads to. */
  faults(): Remark[] {
    const faults: Remark[] = [];
    for (const { to, file, line, name } of this.#nodes.values())
      for (const other of to)
        if (!this.#nodes.has(other.name))
          faults.push({
            file,
            line,
            what: `${name} leads to ${JSON.stringify(other.name)}, and there is no node of that name.`,
          });
    const state = new Map<string, 'open' | 'done'>();
    for (const first of this.#nodes.keys()) {
      const stack = [first];
      while (stack.length > 0) {
        const name = stack.at(-1)!;
        const before = state.get(name);
        if (before !== undefined) {
          state.set(name, 'done');
          stack.pop();
          continue;
        }
        state.set(name, 'open');
        for (const { name: next } of this.#nodes.get(name)?.to ?? [])
          if (state.get(next) === 'open') {
            const { file, line } = this.#nodes.get(name)!;
            faults.push({ file, line, what: `${name} leads back to ${next}: a circle.` });
          } else if (!state.has(next)) stack.push(next);
      }
    }
    return faults;
  }

  leadsAnywhere(name: string): boolean {
    return (this.#into.get(name) ?? []).length > 0;
  }

  /** Undefined where no rule alone says the same. Not for a workflow with decisions: what those pass over counts as done to a rule. */
  turnOf(name: string): Turn | undefined {
    const formula = this.#formula(name);
    if (this.#size > FORMULA_MAX) return undefined;
    const parts = formula.kind === 'and' ? flat('and', formula.of) : [formula];
    const rest = parts.filter(({ kind }) => kind !== 'always');
    if (rest.length === 0) return { needs: [], rule: 'all-succeeded' };
    if (rest.every(isAfter('ok'))) return { needs: actions(rest), rule: 'all-succeeded' };
    const [only, ...others] = rest;
    if (others.length > 0) return undefined;
    if (isAfter('error')(only!)) return { needs: actions([only!]), rule: 'any-failed' };
    if (only!.kind !== 'or') return undefined;
    const ways = flat('or', only!.of);
    if (ways.every(isAfter('ok'))) return { needs: actions(ways), rule: 'any-succeeded' };
    if (ways.every(isAfter('error'))) return { needs: actions(ways), rule: 'any-failed' };
    return undefined;
  }

  /** What has to have happened, as a condition; empty for always, undefined where it cannot be written or is too long. */
  conditionOf(name: string, words: FormulaWords, lengthMax: number): string | undefined {
    const formula = this.#formula(name);
    if (this.#size > FORMULA_MAX) return undefined;
    // Parts are shared, so each is written once; what is too long is not written on.
    const written = new Map<Formula, string | undefined>();
    const textOf = (one: Formula): string | undefined => {
      if (!written.has(one)) written.set(one, write(one));
      return written.get(one);
    };
    const write = (one: Formula): string | undefined => {
      if (one.kind === 'always') return '';
      if (one.kind === 'after') return words.after(one.action, one.on);
      if (one.kind === 'choice') return words.choice(one.choice);
      const parts = flat(one.kind, one.of).map(textOf);
      if (parts.includes(undefined)) return undefined;
      // Always, and something: something. Always, or something: always.
      if (parts.includes('') && one.kind === 'or') return '';
      const all = [...new Set(parts.filter((part) => part !== ''))] as string[];
      const text = all.length > 1 ? `(${all.join(` ${one.kind} `)})` : (all[0] ?? '');
      return text.length > lengthMax ? undefined : text;
    };
    const text = textOf(formula);
    // Brackets at the begin are around all of it: parts in them are joined, and everything else begins otherwise.
    return text?.startsWith('(') ? text.slice(1, -1) : text;
  }

  isReachedWithoutFailure(name: string): boolean {
    return this.#reached((on) => on !== 'error').has(name);
  }

  #reached(goes: (on: Transition['on']) => boolean): ReadonlySet<string> {
    const seen = new Set([...this.#nodes.values()].flatMap((node) => (node.kind === 'start' ? [node.name] : [])));
    for (const one of seen) for (const { on, name } of this.#nodes.get(one)?.to ?? []) if (goes(on)) seen.add(name);
    return seen;
  }

  /** Actions whose end leads there, whichever way. */
  actionsBefore(name: string): string[] {
    const found = new Set<string>();
    const seen = new Set([name]);
    for (const one of seen)
      for (const { from } of this.#into.get(one) ?? [])
        if (this.#nodes.get(from)?.kind === 'action') found.add(from);
        else seen.add(from);
    return [...found];
  }

  /** Circles were refused before, so this ends. */
  #formula(name: string): Formula {
    const known = this.#formulas.get(name);
    if (known) return known;
    const node = this.#nodes.get(name)!;
    const into = (this.#into.get(name) ?? []).map((transition) => this.#edge(transition));
    const formula: Formula =
      node.kind === 'start' || into.length === 0
        ? ALWAYS
        : into.length === 1
          ? into[0]!
          : { kind: node.kind === 'join' ? 'and' : 'or', of: into };
    this.#formulas.set(name, formula);
    return formula;
  }

  #edge({ from, on, case: which }: Transition): Formula {
    this.#size++;
    if (on === 'ok' || on === 'error') return { kind: 'after', action: from, on };
    const before = this.#formula(from);
    if (on === 'path') return before;
    const choice: Formula = { kind: 'choice', choice: { decision: from, case: which ?? 0 } };
    return before.kind === 'always' ? choice : { kind: 'and', of: [before, choice] };
  }
}

function isAfter(on: 'ok' | 'error'): (formula: Formula) => boolean {
  return (formula) => formula.kind === 'after' && formula.on === on;
}

function actions(formulas: readonly Formula[]): string[] {
  return [...new Set(formulas.flatMap((one) => (one.kind === 'after' ? [one.action] : [])))];
}

function flat(kind: 'and' | 'or', of: readonly Formula[]): Formula[] {
  const found: Formula[] = [];
  const stack = [...of].reverse();
  while (stack.length > 0) {
    const one = stack.pop()!;
    if (one.kind === kind) stack.push(...[...one.of].reverse());
    else found.push(one);
    if (found.length > FORMULA_MAX) break;
  }
  return found;
}
