/**
 * Groups, hosts and variables as an Ansible inventory builds them up, in the order its files say them. Both forms (INI, YAML) and the files
 * beside them write into it; `ansible.ts` reads hosts out of it. The rules are those of ansible-core 2.14, which the tests compare with.
 */
import type { SourceLine } from './host-draft.ts';

export interface VariableValue extends SourceLine {
  /** Undefined for nothing, lists and maps: it stands in the place of what other groups say, and is of no use for a connection. */
  readonly text: string | undefined;
}
export type Variables = Map<string, VariableValue>;

export interface AnsibleGroup {
  readonly name: string;
  /** Where it was first named. */
  readonly source: SourceLine;
  /** From inventory files. */
  readonly variables: Variables;
  /** From `group_vars`; these win over the inventory's own of every group (see `hostVariables` in ansible.ts). */
  readonly fileVariables: Variables;
  readonly children: Set<string>;
  readonly hosts: Set<string>;
  /** `ansible_group_priority`: among groups of equal depth the higher one wins. */
  priority: number;
}
export interface AnsibleHost {
  readonly name: string;
  readonly source: SourceLine;
  readonly variables: Variables;
  /** From `host_vars`. */
  readonly fileVariables: Variables;
}

export class AnsibleModel {
  readonly groups = new Map<string, AnsibleGroup>();
  readonly hosts = new Map<string, AnsibleHost>();

  constructor() {
    const nowhere = { file: 'inventory', line: 1 };
    this.addGroup('all', nowhere);
    this.addGroup('ungrouped', nowhere);
    this.groups.get('all')!.children.add('ungrouped');
  }

  addGroup(name: string, source: SourceLine): AnsibleGroup {
    let group = this.groups.get(name);
    if (!group) {
      group = {
        name,
        source,
        variables: new Map(),
        fileVariables: new Map(),
        children: new Set(),
        hosts: new Set(),
        priority: 1,
      };
      this.groups.set(name, group);
    }
    return group;
  }

  /** The port of a host line counts where the host is first named; later ones are passed over, as Ansible does. */
  addHost(name: string, group: string, source: SourceLine, port: number | undefined): void {
    if (!this.hosts.has(name)) {
      const variables: Variables = new Map();
      if (port !== undefined) variables.set('ansible_port', { ...source, text: String(port) });
      this.hosts.set(name, { name, source, variables, fileVariables: new Map() });
    }
    this.groups.get(group)!.hosts.add(name);
  }

  /** @returns what is wrong with it, if anything is: groups may not contain themselves, over however many steps. */
  addChild(parent: string, child: string): string | undefined {
    const path = this.#pathDown(child, parent);
    if (path !== undefined) return `the group ${parent} contains itself: ${[parent, ...path].join(' → ')}`;
    this.groups.get(parent)!.children.add(child);
    return undefined;
  }

  /** The groups from one down to another below it, both included. */
  #pathDown(from: string, to: string): string[] | undefined {
    const before = new Map<string, string | undefined>([[from, undefined]]);
    for (const name of before.keys()) {
      if (name === to) {
        const path: string[] = [];
        for (let at: string | undefined = to; at !== undefined; at = before.get(at)) path.unshift(at);
        return path;
      }
      for (const child of this.groups.get(name)?.children ?? []) if (!before.has(child)) before.set(child, name);
    }
    return undefined;
  }

  /** Of a host; where a group has the same name, of that group, as Ansible does. @returns what is wrong with it. */
  setVariable(owner: string, name: string, value: VariableValue): string | undefined {
    const group = this.groups.get(owner);
    if (group && name === 'ansible_group_priority') {
      const text = value.text?.trim() ?? '';
      if (!/^[+-]?\d{1,9}$/.test(text))
        return `ansible_group_priority must be a whole number, not ${JSON.stringify(text)}`;
      group.priority = Number(text);
    } else (group ?? this.hosts.get(owner))!.variables.set(name, value);
    return undefined;
  }
}
