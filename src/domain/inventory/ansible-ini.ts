/**
 * The INI form of an Ansible inventory: `[group]`, `[group:vars]`, `[group:children]`, host lines with ranges and
 * `key=value` variables.
 */
import { insteadOf } from '../../base/other-form.ts';
import type { AnsibleModel } from './ansible-model.ts';
import { hostLineWords, hostsOfPattern, iniValue } from './ansible-text.ts';
import type { InventoryCollector, SourceLine } from './host-draft.ts';

/** A group that was named before it was declared, which it must be by the end of the file. */
interface Pending {
  readonly at: SourceLine;
  readonly as: 'vars' | 'children';
  readonly parents: string[];
}

export function readAnsibleIni(model: AnsibleModel, collector: InventoryCollector, file: string, text: string): void {
  const reader = new IniReader(model, collector);
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .entries())
    reader.line({ file, line: index + 1 }, raw.trim());
  reader.end();
}

class IniReader {
  readonly #model: AnsibleModel;
  readonly #collector: InventoryCollector;
  readonly #pending = new Map<string, Pending>();
  #section: { group: string; kind: 'hosts' | 'vars' | 'children' | 'refused' } = { group: 'ungrouped', kind: 'hosts' };

  constructor(model: AnsibleModel, collector: InventoryCollector) {
    this.#model = model;
    this.#collector = collector;
  }

  line(at: SourceLine, line: string): void {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) return;
    const header = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(line);
    if (header) this.#open(at, line, header[1]!, header[2] ?? 'hosts');
    else if (line.startsWith('[') && line.endsWith(']')) {
      this.#collector.fault(at, `${line} is not a section; write [group], [group:vars] or [group:children]`);
      this.#section = { group: 'ungrouped', kind: 'refused' };
    } else if (this.#section.kind === 'vars') this.#variable(at, line);
    else if (this.#section.kind === 'children') this.#child(at, line);
    else if (this.#section.kind === 'hosts') this.#hosts(at, line);
  }

  #open(at: SourceLine, line: string, group: string, kind: string): void {
    if (kind !== 'hosts' && kind !== 'vars' && kind !== 'children') {
      this.#collector.fault(at, `${line} is not a section; write [group], [group:vars] or [group:children]`);
      this.#section = { group: 'ungrouped', kind: 'refused' };
      return;
    }
    this.#section = { group, kind };
    if (!this.#model.groups.has(group) && kind === 'vars' && !this.#pending.has(group))
      this.#pending.set(group, { at, as: 'vars', parents: [] });
    this.#model.addGroup(group, at);
    if (kind !== 'vars') this.#declared(group);
  }

  /** Children that waited for their group to be declared are put below their parents now. */
  #declared(group: string): void {
    const pending = this.#pending.get(group);
    this.#pending.delete(group);
    for (const parent of pending?.parents ?? []) this.#addChild(pending!.at, parent, group);
  }

  #addChild(at: SourceLine, parent: string, child: string): void {
    const fault = this.#model.addChild(parent, child);
    if (fault !== undefined) this.#collector.fault(at, fault);
  }

  #variable(at: SourceLine, line: string): void {
    const equals = line.indexOf('=');
    if (equals < 0)
      return this.#collector.fault(
        at,
        `${JSON.stringify(line)} is not a variable; write name=value${insteadOf('=', line)}`,
      );
    this.#set(at, this.#section.group, line.slice(0, equals).trim(), line.slice(equals + 1).trim());
  }

  #set(at: SourceLine, owner: string, name: string, value: string): void {
    const fault = this.#model.setVariable(owner, name, { ...at, text: iniValue(value) });
    if (fault !== undefined) this.#collector.fault(at, fault);
  }

  #child(at: SourceLine, line: string): void {
    const child = /^([^:\]\s]+)\s*(?:#.*)?$/.exec(line)?.[1];
    if (child === undefined) return this.#collector.fault(at, `${JSON.stringify(line)} is not the name of a group`);
    const pending = this.#pending.get(child);
    if (this.#model.groups.has(child) && pending?.as !== 'children') this.#addChild(at, this.#section.group, child);
    else if (pending) pending.parents.push(this.#section.group);
    else this.#pending.set(child, { at, as: 'children', parents: [this.#section.group] });
  }

  #hosts(at: SourceLine, line: string): void {
    const words = hostLineWords(line);
    if (!words || words.length === 0) return this.#collector.fault(at, 'a quote is not closed');
    const [pattern, ...assignments] = words as [string, ...string[]];
    const hosts = hostsOfPattern(pattern);
    if (typeof hosts === 'string') return this.#collector.fault(at, hosts);
    const odd = assignments.filter((word) => !word.includes('='));
    for (const word of odd)
      this.#collector.fault(
        at,
        `${JSON.stringify(word)} is not a variable; write name=value${insteadOf('=', word)}, and remarks after a #`,
      );
    for (const name of hosts.names) {
      this.#model.addHost(name, this.#section.group, at, hosts.port);
      for (const word of assignments) {
        const equals = word.indexOf('=');
        if (equals >= 0) this.#set(at, name, word.slice(0, equals), word.slice(equals + 1));
      }
    }
  }

  end(): void {
    for (const [group, { at, as, parents }] of this.#pending)
      this.#collector.fault(
        at,
        as === 'vars'
          ? `[${group}:vars] is for a group that is not in this file: there is no [${group}] and no [${group}:children]`
          : `[${parents[0]}:children] names a group that is not in this file: there is no [${group}]`,
      );
  }
}
