/** Flows of Azkaban 2.0: one YAML file, its nodes and those of the flows within it. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import { jobLimits } from '../base/job-limits.ts';
import type { JoinRule } from '../domain/flow/join.ts';
import type { AzkabanFlow } from './azkaban-model.ts';
import { AzkabanValues, PropertyNames, type Scope, type ScopedProperty } from './azkaban-properties.ts';
import { nodeParts } from './azkaban-work.ts';
import type { Remark, SourceFile } from './conversion.ts';
import type { SourceNode } from './flow-graph.ts';

const MACROS: Readonly<Record<string, JoinRule>> = {
  all_success: 'all-succeeded',
  all_done: 'all-done',
  one_success: 'any-succeeded',
  one_failed: 'any-failed',
};
const NODE_KEYS = new Set(['name', 'type', 'dependsOn', 'config', 'condition', 'nodes']);
const DEPTH_MAX = 20;

export function flowFile({ path, text }: SourceFile, faults: Remark[]): AzkabanFlow | undefined {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true });
  for (const error of document.errors)
    faults.push({
      file: path,
      line: error.linePos?.[0].line ?? 1,
      what: `It is not YAML: ${error.message.split('\n')[0]!}`,
    });
  if (document.errors.length > 0) return undefined;
  if (!isMap(document.contents)) {
    faults.push({ file: path, line: 1, what: 'It is no flow: there are no nodes in it.' });
    return undefined;
  }
  return new FlowReader(path, counter, faults).flow(document.contents);
}

class FlowReader {
  readonly #file: string;
  readonly #counter: LineCounter;
  readonly #faults: Remark[];
  readonly #remarks: Remark[] = [];
  readonly #values = new AzkabanValues(new PropertyNames());
  readonly #shared: ScopedProperty[] = [];
  #left = jobLimits.jobStepsMax;

  constructor(file: string, counter: LineCounter, faults: Remark[]) {
    this.#file = file;
    this.#counter = counter;
    this.#faults = faults;
  }

  flow(root: YAMLMap): AzkabanFlow {
    for (const { key } of root.items)
      if (!['nodes', 'config', 'name', 'type'].includes(String(key)))
        this.#remarks.push(this.#remark(key, `${String(key)} is not carried over.`));
    const config = this.#config(root);
    this.#shared.push(...config);
    const nodes = this.#nodes(root, [config], 0);
    const name = this.#file.slice(this.#file.lastIndexOf('/') + 1).replace(/\.flow$/i, '');
    return { name, file: this.#file, nodes, values: this.#values, shared: this.#shared, remarks: this.#remarks };
  }

  #nodes(flow: YAMLMap, scope: Scope, depth: number): SourceNode[] {
    const nodes = flow.get('nodes');
    if (!isSeq(nodes) || nodes.items.length === 0) {
      this.#fault(flow, 'A flow has nodes, a list of at least one.');
      return [];
    }
    if (depth > DEPTH_MAX) {
      this.#fault(flow, `Flows stand within flows more than ${DEPTH_MAX} deep.`);
      return [];
    }
    const found = new Map<string, SourceNode>();
    for (const item of nodes.items) {
      if (this.#left-- === 0) this.#fault(item, `It has more than ${jobLimits.jobStepsMax} nodes.`);
      if (this.#left < 0) break;
      const name = isMap(item) ? this.#text(item, 'name') : undefined;
      if (!isMap(item) || name === undefined) this.#fault(item, 'A node has a name.');
      else if (found.has(name)) this.#fault(item, `There is a node ${name} before it.`);
      else found.set(name, this.#node(item, name, scope, depth));
    }
    return [...found.values()];
  }

  #node(item: YAMLMap, name: string, outer: Scope, depth: number): SourceNode {
    const { line } = this.#remark(item, '');
    const file = this.#file;
    const type = this.#text(item, 'type') ?? '';
    const own = this.#config(item);
    const scope = [own, ...outer];
    if (type === 'flow') this.#shared.push(...own);
    const remarks = item.items.flatMap(({ key }) =>
      NODE_KEYS.has(String(key)) ? [] : [this.#remark(key, `${String(key)} of ${name} is not carried over.`)],
    );
    const { rule, refusals } = this.#condition(item);
    const same = { name, needs: this.#needs(item), rule, file, line };
    const parts =
      type === 'flow'
        ? { does: { kind: 'nothing' } as const, remarks: [], refusals: [] }
        : nodeParts({ name, type, own, scope, file, line }, this.#values);
    return {
      ...same,
      does: type === 'flow' ? { kind: 'flow', nodes: this.#nodes(item, scope, depth + 1) } : parts.does,
      remarks: [...remarks, ...refusals, ...parts.remarks],
      refusals: [...refusals, ...parts.refusals],
    };
  }

  #needs(item: YAMLMap): string[] {
    const needs = item.get('dependsOn');
    if (needs === undefined || needs === null) return [];
    if (isSeq(needs) && needs.items.every(isScalar)) return [...new Set(needs.items.map(({ value }) => String(value)))];
    this.#fault(item, 'dependsOn is a list of names of nodes.');
    return [];
  }

  #condition(item: YAMLMap): { readonly rule: JoinRule; readonly refusals: Remark[] } {
    const text = this.#text(item, 'condition')?.trim();
    const rule = text === undefined || text === '' ? 'all-succeeded' : MACROS[text];
    if (rule !== undefined) return { rule, refusals: [] };
    const node = item.get('condition', true);
    return {
      rule: 'all-succeeded',
      refusals: [this.#remark(node, `The condition ${JSON.stringify(text)} is not carried over.`)],
    };
  }

  /** As properties, in the order in which they stand. */
  #config(of: YAMLMap): ScopedProperty[] {
    const config = of.get('config');
    if (config === undefined || config === null) return [];
    if (!isMap(config)) {
      this.#fault(of, 'config is a map of texts.');
      return [];
    }
    return config.items.flatMap(({ key, value }): ScopedProperty[] => {
      if (isScalar(key) && isScalar(value))
        return [
          {
            key: String(key.value),
            value: String(value.value ?? ''),
            file: this.#file,
            line: this.#remark(key, '').line,
          },
        ];
      this.#fault(key, `config has one text for each name, and ${String(key)} is none.`);
      return [];
    });
  }

  #text(item: YAMLMap, key: string): string | undefined {
    const value = item.get(key);
    return value === undefined || value === null ? undefined : String(value);
  }

  #fault(at: unknown, what: string): void {
    this.#faults.push(this.#remark(at, what));
  }

  #remark(at: unknown, what: string): Remark {
    const range = (at as { readonly range?: readonly number[] | null } | undefined)?.range;
    return { file: this.#file, line: range ? this.#counter.linePos(range[0]!).line : 1, what };
  }
}
