/**
 * An Ansible inventory as hosts: groups become labels `group/NAME=true`, variables are merged as Ansible does (all, then parents
 * before children, then the host), and the connection variables become address, port, login user, key file and jump host.
 *
 * Other variables stay where they are, unless they are asked for as labels. Passwords and become secrets are never read:
 * secrets belong in accounts. Templates are not evaluated; one in a connection variable is a fault.
 */
import { InventoryCollector, type DraftFields, type Inventory, type SourceLine } from './host-draft.ts';
import { jumpFromSshArguments } from './jump-argument.ts';

export interface VariableValue extends SourceLine {
  readonly text: string;
}
export type Variables = Map<string, VariableValue>;

export interface AnsibleGroup {
  readonly variables: Variables;
  readonly children: Set<string>;
  readonly hosts: Set<string>;
}
export interface AnsibleHost {
  readonly source: SourceLine;
  readonly variables: Variables;
}

/** What both forms of an inventory, and group_vars and host_vars beside them, are read into. */
export interface AnsibleModel {
  readonly groups: Map<string, AnsibleGroup>;
  readonly hosts: Map<string, AnsibleHost>;
}

export function newAnsibleModel(): AnsibleModel {
  const model: AnsibleModel = { groups: new Map(), hosts: new Map() };
  groupOf(model, 'all');
  return model;
}

export function groupOf(model: AnsibleModel, name: string): AnsibleGroup {
  let group = model.groups.get(name);
  if (!group) model.groups.set(name, (group = { variables: new Map(), children: new Set(), hosts: new Set() }));
  return group;
}

export function hostOf(model: AnsibleModel, name: string, source: SourceLine): AnsibleHost {
  let host = model.hosts.get(name);
  if (!host) model.hosts.set(name, (host = { source, variables: new Map() }));
  return host;
}

export interface AnsibleOptions {
  /** Variables that become labels of the same name. */
  readonly labelVariables?: readonly string[];
}

export function inventoryFromAnsible(
  model: AnsibleModel,
  collector: InventoryCollector,
  options: AnsibleOptions = {},
): Inventory {
  const depth = groupDepths(model, collector);
  const memberships = groupsOfHosts(model, depth);
  for (const [name, host] of model.hosts) {
    const groups = [...(memberships.get(name) ?? [])].toSorted(
      (a, b) => depth.get(a)! - depth.get(b)! || (a < b ? -1 : 1),
    );
    const variables: Variables = new Map([
      ...groupOf(model, 'all').variables,
      ...groups.flatMap((group) => [...model.groups.get(group)!.variables]),
      ...host.variables,
    ]);
    collector.host(host.source, draftFields(name, host.source, variables, groups, collector, options));
  }
  return collector.finish();
}

const NOT_A_LABEL = new Set(['all', 'ungrouped']);
const PASSWORDS =
  /^ansible_(ssh_pass|password|become_pass|become_password|sudo_pass|su_pass|ssh_private_key_passphrase)$/;

function draftFields(
  name: string,
  source: SourceLine,
  variables: Variables,
  groups: readonly string[],
  collector: InventoryCollector,
  options: AnsibleOptions,
): DraftFields {
  const read = (...names: string[]): string | undefined => {
    for (const variable of names) {
      const value = variables.get(variable);
      if (value === undefined) continue;
      if (!/\{\{|\{%/.test(value.text)) return value.text;
      collector.fault(value, `${variable} of ${name} is a template; give its value`);
      return undefined;
    }
    return undefined;
  };
  for (const variable of variables.keys())
    if (PASSWORDS.test(variable))
      collector.remark(
        variables.get(variable)!,
        `${variable} is not read: put the secret into an account (drover accounts create)`,
      );
  const connection = read('ansible_connection');
  if (connection !== undefined && !['ssh', 'smart', 'paramiko', 'paramiko_ssh'].includes(connection))
    collector.fault(
      variables.get('ansible_connection')!,
      `${name} is reached by ansible_connection=${connection}, which is not SSH; leave it out of this import`,
    );
  const jumps = ['ansible_ssh_common_args', 'ansible_ssh_extra_args'].flatMap((variable) => {
    const text = read(variable);
    if (text === undefined) return [];
    const found = jumpFromSshArguments(text);
    if (found.fault !== undefined) collector.fault(variables.get(variable)!, `${variable} of ${name}: ${found.fault}`);
    return found.jumpHost === undefined ? [] : [found.jumpHost];
  });
  const labels: Record<string, string> = Object.fromEntries(
    groups.filter((group) => !NOT_A_LABEL.has(group)).map((group) => [`group/${group}`, 'true']),
  );
  for (const variable of options.labelVariables ?? []) {
    const value = read(variable);
    if (value !== undefined) labels[variable] = value;
  }
  if (jumps.length > 1 && new Set(jumps).size > 1)
    collector.fault(source, `${name} is given two jump hosts: ${jumps.join(' and ')}`);
  const address = read('ansible_host', 'ansible_ssh_host');
  // Arguments given for a whole group hold for the jump host too, which is not meant to jump through itself.
  const jumpHost = jumps.find((jump) => jump !== name && jump !== address);
  return {
    name,
    address,
    port: read('ansible_port', 'ansible_ssh_port'),
    loginUser: read('ansible_user', 'ansible_ssh_user'),
    identityFile: read('ansible_ssh_private_key_file', 'ansible_private_key_file'),
    jumpHost,
    labels,
  };
}

/** How far each group is from the top; deeper groups win. Groups that contain themselves are a fault, and are cut. */
function groupDepths(model: AnsibleModel, collector: InventoryCollector): Map<string, number> {
  const depths = new Map<string, number>([...model.groups.keys()].map((name) => [name, 1]));
  const told = new Set<string>();
  const walk = (name: string, trail: readonly string[]): void => {
    const group = model.groups.get(name)!;
    for (const child of group.children) {
      if (trail.includes(child) || child === name) {
        const circle = [...trail.slice(Math.max(0, trail.indexOf(child))), name].toSorted().join();
        if (!told.has(circle))
          collector.fault(
            sourceOfGroup(model, name),
            `the group ${child} contains itself: ${[...trail, name, child].join(' → ')}`,
          );
        told.add(circle);
        group.children.delete(child);
        continue;
      }
      const depth = trail.length + 2;
      if ((depths.get(child) ?? 0) >= depth && depths.get(child) !== 1) continue;
      depths.set(child, Math.max(depths.get(child) ?? 0, depth));
      walk(child, [...trail, name]);
    }
  };
  for (const name of model.groups.keys()) walk(name, []);
  depths.set('all', 0);
  return depths;
}

function sourceOfGroup(model: AnsibleModel, name: string): SourceLine {
  const [host] = model.groups.get(name)!.hosts;
  return (
    [...model.groups.get(name)!.variables.values()][0] ??
    (host === undefined ? undefined : model.hosts.get(host)?.source) ??
    [...model.hosts.values()][0]?.source ?? { file: 'inventory', line: 1 }
  );
}

/** Each host's groups, with all the groups above them. */
function groupsOfHosts(model: AnsibleModel, depth: ReadonlyMap<string, number>): Map<string, Set<string>> {
  const parents = new Map<string, string[]>();
  for (const [name, group] of model.groups)
    for (const child of group.children) parents.set(child, [...(parents.get(child) ?? []), name]);
  const above = new Map<string, Set<string>>();
  for (const name of [...model.groups.keys()].toSorted((a, b) => depth.get(a)! - depth.get(b)!))
    above.set(
      name,
      new Set([name, ...(parents.get(name) ?? []).flatMap((parent) => [...(above.get(parent) ?? [parent])])]),
    );
  const groups = new Map<string, Set<string>>();
  for (const [name, group] of model.groups) {
    for (const host of group.hosts) {
      const known = groups.get(host) ?? new Set<string>();
      for (const one of above.get(name)!) if (one !== 'all') known.add(one);
      groups.set(host, known);
    }
  }
  return groups;
}

/** `web[01:50]`, `db-[a:f]`, `n[0:10:2]`, several in one name. A fault is answered as a text. */
export function expandRange(pattern: string, hostsMax: number): readonly string[] | string {
  const match = /^(.*?)\[([^\]:]*):([^\]:]*)(?::(\d+))?\](.*)$/.exec(pattern);
  if (!match)
    return /[[\]]/.test(pattern)
      ? `${JSON.stringify(pattern)} holds a bracket that is not a range such as [01:50]`
      : [pattern];
  const [, before, from, to, step, after] = match as unknown as [
    string,
    string,
    string,
    string,
    string | undefined,
    string,
  ];
  const values = rangeValues(from === '' ? '0' : from, to, Number(step ?? 1), hostsMax);
  if (typeof values === 'string') return values;
  const rest = expandRange(after, hostsMax);
  if (typeof rest === 'string') return rest;
  if (values.length * rest.length > hostsMax)
    return `${JSON.stringify(pattern)} stands for more than ${hostsMax} hosts`;
  return values.flatMap((value) => rest.map((end) => before + value + end));
}

function rangeValues(from: string, to: string, step: number, hostsMax: number): string[] | string {
  const text = `[${from}:${to}]`;
  if (step < 1) return `the step of ${text} must be 1 or more`;
  if (/^\d{1,9}$/.test(from) && /^\d{1,9}$/.test(to)) {
    if (Number(to) < Number(from)) return `${text} ends before it begins`;
    if ((Number(to) - Number(from)) / step >= hostsMax) return `${text} stands for more than ${hostsMax} hosts`;
    // Leading zeros fix the width.
    const width = from.length > 1 && from.startsWith('0') ? from.length : 0;
    return Array.from({ length: Math.floor((Number(to) - Number(from)) / step) + 1 }, (_, i) =>
      String(Number(from) + i * step).padStart(width, '0'),
    );
  }
  if (/^[A-Za-z]$/.test(from) && /^[A-Za-z]$/.test(to) && from < 'a' === to < 'a') {
    if (to < from) return `${text} ends before it begins`;
    return Array.from({ length: Math.floor((to.charCodeAt(0) - from.charCodeAt(0)) / step) + 1 }, (_, i) =>
      String.fromCharCode(from.charCodeAt(0) + i * step),
    );
  }
  return `${text} is not a range of numbers or of letters`;
}
