/**
 * Nodes that need each other, with flows within flows and nodes that do nothing, as one flat list: what needs a node that does nothing
 * needs what that needed, and a flow within is its nodes, named after it.
 */
import { jobLimits } from '../base/job-limits.ts';
import type { JoinRule } from '../domain/flow/join.ts';
import type { Place, Remark } from './conversion.ts';
import type { DraftNode, DraftWork } from './job-draft.ts';
import type { Names } from './names.ts';

export interface SourceNode extends Place {
  readonly name: string;
  /** Names of nodes of the same flow. */
  readonly needs: readonly string[];
  readonly rule: JoinRule;
  readonly does:
    | { readonly kind: 'work'; readonly work: DraftWork }
    | { readonly kind: 'nothing' }
    | { readonly kind: 'flow'; readonly nodes: readonly SourceNode[] };
  readonly remarks: readonly Remark[];
  readonly refusals: readonly Remark[];
}

export interface FlatFlow {
  readonly nodes: readonly DraftNode[];
  readonly remarks: readonly Remark[];
  readonly faults: readonly Remark[];
}

export function flattened(nodes: readonly SourceNode[], names: Names): FlatFlow {
  const flattener = new Flattener(names);
  flattener.flow(nodes, '', [], 'all-succeeded');
  return flattener;
}

class Flattener implements FlatFlow {
  readonly nodes: DraftNode[] = [];
  readonly remarks: Remark[] = [];
  readonly faults: Remark[] = [];
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  /** Answers with what comes last: what needs the flow needs those. */
  flow(nodes: readonly SourceNode[], prefix: string, before: readonly string[], rule: JoinRule): readonly string[] {
    /** What needs a node needs these instead. */
    const standsFor = new Map<string, readonly string[]>();
    for (const node of this.#inOrder(nodes)) {
      const isFirst = node.needs.length === 0;
      const needs = isFirst ? before : [...new Set(node.needs.flatMap((name) => standsFor.get(name) ?? []))];
      const ownRule = isFirst ? rule : node.rule;
      standsFor.set(node.name, this.#place(node, prefix, needs, ownRule));
    }
    const needed = new Set(nodes.flatMap((node) => node.needs));
    return [...new Set(nodes.filter(({ name }) => !needed.has(name)).flatMap(({ name }) => standsFor.get(name) ?? []))];
  }

  #place(node: SourceNode, prefix: string, needs: readonly string[], rule: JoinRule): readonly string[] {
    const { does, remarks, refusals, file, line } = node;
    const path = `${prefix}${node.name}`;
    if (does.kind === 'flow' && refusals.length === 0) {
      this.remarks.push(...remarks);
      const last = this.flow(does.nodes, `${path}-`, needs, rule);
      if (last.length > 0) return last;
    }
    if (
      does.kind === 'nothing' &&
      refusals.length === 0 &&
      rule === 'all-succeeded' &&
      needs.length <= jobLimits.jobNeedsMax / 2
    ) {
      this.remarks.push(...remarks);
      return needs;
    }
    const name = this.#names.of(path);
    const renamed =
      name === path ? [] : [{ file, line, what: `${path} is called ${name}: other letters have no place in a name.` }];
    const work = does.kind === 'work' ? does.work : { commands: [[[{ kind: 'text' as const, text: 'true' }]]] };
    this.nodes.push({ name, needs, rule, work, remarks: [...renamed, ...remarks], refusals });
    return [name];
  }

  #inOrder(nodes: readonly SourceNode[]): SourceNode[] {
    const byName = new Map(nodes.map((node) => [node.name, node]));
    const ordered: SourceNode[] = [];
    const state = new Map<SourceNode, 'open' | 'done'>();
    for (const root of nodes) {
      const stack: SourceNode[] = [root];
      while (stack.length > 0) {
        const node = stack.at(-1)!;
        if (state.get(node) === 'done') {
          stack.pop();
          continue;
        }
        if (state.get(node) === 'open') {
          state.set(node, 'done');
          ordered.push(node);
          stack.pop();
          continue;
        }
        state.set(node, 'open');
        for (const name of [...node.needs].reverse()) {
          const other = byName.get(name);
          if (!other) this.#fault(node, `${node.name} needs ${name}, and there is no node of that name.`);
          else if (state.get(other) === 'open')
            this.#fault(node, `${node.name} needs ${name}, which needs ${node.name}: a circle.`);
          else if (state.get(other) === undefined) stack.push(other);
        }
      }
    }
    return ordered;
  }

  #fault({ file, line }: Place, what: string): void {
    this.faults.push({ file, line, what });
  }
}
