/** The INI form of an Ansible inventory: `[group]`, `[group:vars]`, `[group:children]`, host lines with ranges and `key=value` variables. */
import { limits } from '../../base/limits.ts';
import { expandRange, groupOf, hostOf, type AnsibleModel } from './ansible.ts';
import type { InventoryCollector } from './host-draft.ts';
import { shellWords } from './jump-argument.ts';

export function readAnsibleIni(model: AnsibleModel, collector: InventoryCollector, file: string, text: string): void {
  let section: { group: string; kind: 'hosts' | 'vars' | 'children' | 'refused' } = {
    group: 'ungrouped',
    kind: 'hosts',
  };
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const at = { file, line: index + 1 };
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    if (line.startsWith('[') && !/^\[[^\]]*:[^\]]*\]\S/.test(line)) {
      const match = /^\[([^\]:]+)(?::(\w+))?\]\s*([#;].*)?$/.exec(line);
      const kind = match?.[2] ?? 'hosts';
      if (!match || (kind !== 'hosts' && kind !== 'vars' && kind !== 'children')) {
        collector.fault(at, `${line} is not a section; write [group], [group:vars] or [group:children]`);
        section = { group: 'ungrouped', kind: 'refused' };
      } else {
        section = { group: match[1]!.trim(), kind };
        groupOf(model, section.group);
      }
    } else if (section.kind === 'vars') {
      const match = /^([^=\s]+)\s*=\s*(.*)$/.exec(line);
      if (!match) collector.fault(at, `${JSON.stringify(line)} is not a variable; write name=value`);
      else groupOf(model, section.group).variables.set(match[1]!, { ...at, text: unquote(match[2]!) });
    } else if (section.kind === 'children') {
      groupOf(model, line.split(/\s+/)[0]!);
      groupOf(model, section.group).children.add(line.split(/\s+/)[0]!);
    } else if (section.kind === 'hosts') readHostLine(model, collector, at, section.group, line);
  }
}

function readHostLine(
  model: AnsibleModel,
  collector: InventoryCollector,
  at: { file: string; line: number },
  group: string,
  line: string,
): void {
  const words = shellWords(line.replace(/\s[#;].*$/, ''));
  if (!words) return collector.fault(at, 'a quote is not closed');
  const [pattern, ...variables] = words as [string, ...string[]];
  const port = /^(.*[^:\]]|.*\]):(\d+)$/.exec(pattern);
  const names = expandRange(port && !pattern.includes('::') ? port[1]! : pattern, limits.hostsPerImportMax);
  if (typeof names === 'string') return collector.fault(at, names);
  for (const name of names) {
    const host = hostOf(model, name, at);
    groupOf(model, group).hosts.add(name);
    if (port && !pattern.includes('::')) host.variables.set('ansible_port', { ...at, text: port[2]! });
    for (const variable of variables) {
      const equals = variable.indexOf('=');
      if (equals > 0) host.variables.set(variable.slice(0, equals), { ...at, text: variable.slice(equals + 1) });
    }
  }
  for (const variable of variables)
    if (variable.indexOf('=') <= 0)
      collector.fault(at, `${JSON.stringify(variable)} is not a variable; write name=value`);
}

function unquote(text: string): string {
  const value = text.trim();
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}
