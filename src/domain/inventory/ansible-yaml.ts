/** The YAML form of an Ansible inventory, nested to any depth, and the files of group_vars and host_vars, which are maps of variables. */
import type { AnsibleModel, Variables } from './ansible-model.ts';
import { hostsOfPattern } from './ansible-text.ts';
import { isMap, scalarText, type DocumentNode } from './document.ts';
import type { InventoryCollector, SourceLine } from './host-draft.ts';

/** Groups within groups; far more than anybody nests. */
const DEPTH_MAX = 50;

export function readAnsibleYaml(
  model: AnsibleModel,
  collector: InventoryCollector,
  file: string,
  document: DocumentNode,
): void {
  if (!isMap(document))
    return collector.fault({ file, line: document.line }, 'expected a map of groups, beginning with all');
  const reader = new YamlReader(model, collector, file);
  for (const [name, node] of document.value) reader.group(name, node, 1);
}

class YamlReader {
  readonly #model: AnsibleModel;
  readonly #collector: InventoryCollector;
  readonly #file: string;

  constructor(model: AnsibleModel, collector: InventoryCollector, file: string) {
    this.#model = model;
    this.#collector = collector;
    this.#file = file;
  }

  #at(node: DocumentNode): SourceLine {
    return { file: this.#file, line: node.line };
  }

  #fault(node: DocumentNode, detail: string): void {
    this.#collector.fault(this.#at(node), detail);
  }

  group(name: string, node: DocumentNode, depth: number): void {
    if (depth > DEPTH_MAX) return this.#fault(node, `groups are nested deeper than ${DEPTH_MAX}`);
    if (node.value !== null && !isMap(node))
      return this.#fault(node, `the group ${name} must be a map with hosts, vars or children`);
    this.#model.addGroup(name, this.#at(node));
    if (!isMap(node)) return;
    for (const [key, part] of node.value) {
      const map = mapOrName(part);
      if (part.value === null) continue;
      if (!['hosts', 'vars', 'children'].includes(key))
        this.#collector.remark(
          this.#at(part),
          `${JSON.stringify(key)} of the group ${name} is not read; known are hosts, vars and children`,
        );
      else if (map === undefined) this.#fault(part, `${key} of the group ${name} must be a map`);
      else if (key === 'vars') this.#variables(name, part, map);
      else if (key === 'children') this.#children(name, map, depth);
      else this.#hosts(name, map);
    }
  }

  #children(parent: string, children: ReadonlyMap<string, DocumentNode>, depth: number): void {
    for (const [child, node] of children) {
      this.group(child, node, depth + 1);
      if (!this.#model.groups.has(child)) continue;
      const fault = this.#model.addChild(parent, child);
      if (fault !== undefined) this.#fault(node, fault);
    }
  }

  #hosts(group: string, patterns: ReadonlyMap<string, DocumentNode>): void {
    for (const [pattern, node] of patterns) {
      const hosts = hostsOfPattern(pattern);
      if (typeof hosts === 'string') {
        this.#fault(node, hosts);
        continue;
      }
      if (node.value !== null && !isMap(node)) this.#fault(node, `the variables of ${pattern} must be a map`);
      for (const name of hosts.names) {
        this.#model.addHost(name, group, this.#at(node), hosts.port);
        if (isMap(node)) this.#variables(name, node, node.value);
      }
    }
  }

  #variables(owner: string, node: DocumentNode, values: ReadonlyMap<string, DocumentNode>): void {
    const read: Variables = new Map();
    readAnsibleVariables(read, this.#collector, this.#file, { line: node.line, value: values });
    for (const [name, value] of read) {
      const fault = this.#model.setVariable(owner, name, value);
      if (fault !== undefined) this.#collector.fault(value, fault);
    }
  }
}

/** A plain text stands for a map with this one key, as in `hosts: web-1`. */
function mapOrName(node: DocumentNode): ReadonlyMap<string, DocumentNode> | undefined {
  if (isMap(node)) return node.value;
  return typeof node.value === 'string' ? new Map([[node.value, { line: node.line, value: null }]]) : undefined;
}

/** What ansible-vault encrypted is told, and its text not taken. */
export function readAnsibleVariables(
  into: Variables,
  collector: InventoryCollector,
  file: string,
  node: DocumentNode,
): void {
  if (!isMap(node)) return;
  for (const [name, value] of node.value) {
    const isEncrypted = value.tag === '!vault';
    if (isEncrypted)
      collector.remark({ file, line: value.line }, `${name} is encrypted with ansible-vault and was not read`);
    into.set(name, { file, line: value.line, text: isEncrypted ? undefined : scalarText(value) });
  }
}
