/** The YAML form of an Ansible inventory, nested to any depth, and the files of group_vars and host_vars, which are maps of variables. */
import { limits } from '../../base/limits.ts';
import { expandRange, groupOf, hostOf, type AnsibleModel, type Variables } from './ansible.ts';
import { isMap, scalarText, type DocumentNode } from './document.ts';
import type { InventoryCollector } from './host-draft.ts';

/** Groups within groups; far more than anybody nests. */
const DEPTH_MAX = 50;

export function readAnsibleYaml(
  model: AnsibleModel,
  collector: InventoryCollector,
  file: string,
  document: DocumentNode,
): void {
  const fault = (node: DocumentNode, detail: string): void => collector.fault({ file, line: node.line }, detail);
  const readGroup = (name: string, node: DocumentNode, depth: number): void => {
    const group = groupOf(model, name);
    if (node.value === null) return;
    if (depth > DEPTH_MAX) return fault(node, `groups are nested deeper than ${DEPTH_MAX}`);
    if (!isMap(node)) return fault(node, `the group ${name} must be a map with hosts, vars or children`);
    for (const [key, part] of node.value) {
      if (part.value === null) continue;
      if (!isMap(part)) fault(part, `${key} of the group ${name} must be a map`);
      else if (key === 'vars') readAnsibleVariables(group.variables, file, part);
      else if (key === 'children') {
        for (const [child, inner] of part.value) {
          group.children.add(child);
          readGroup(child, inner, depth + 1);
        }
      } else if (key === 'hosts') {
        for (const [pattern, variables] of part.value) {
          const names = expandRange(pattern, limits.hostsPerImportMax);
          if (typeof names === 'string') {
            fault(variables, names);
            continue;
          }
          if (variables.value !== null && !isMap(variables))
            fault(variables, `the variables of ${pattern} must be a map`);
          for (const host of names) {
            group.hosts.add(host);
            readAnsibleVariables(hostOf(model, host, { file, line: variables.line }).variables, file, variables);
          }
        }
      } else fault(part, `${JSON.stringify(key)} is not known in a group; known are hosts, vars and children`);
    }
  };
  if (!isMap(document)) return fault(document, 'expected a map of groups, beginning with all');
  for (const [name, node] of document.value) readGroup(name, node, 1);
}

/** Scalars only: lists and maps are of no use for a connection. */
export function readAnsibleVariables(into: Variables, file: string, node: DocumentNode): void {
  if (!isMap(node)) return;
  for (const [name, value] of node.value) {
    const text = scalarText(value);
    if (text !== undefined) into.set(name, { file, line: value.line, text });
  }
}
