/**
 * Files of an inventory, read into drafts: which format, which other files belong to it (group_vars, host_vars, Include), how much is
 * read at most. What the texts mean is decided in `domain/inventory`.
 */
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, isAbsolute, join } from 'node:path';
import { limits } from '../../base/limits.ts';
import {
  groupOf,
  hostOf,
  inventoryFromAnsible,
  newAnsibleModel,
  type AnsibleModel,
  type AnsibleOptions,
  type Variables,
} from '../../domain/inventory/ansible.ts';
import { readAnsibleIni } from '../../domain/inventory/ansible-ini.ts';
import { readAnsibleVariables, readAnsibleYaml } from '../../domain/inventory/ansible-yaml.ts';
import { inventoryFromCsv } from '../../domain/inventory/csv.ts';
import { inventoryFromDocument, isMap } from '../../domain/inventory/document.ts';
import { InventoryCollector, type Inventory, type InventoryFault } from '../../domain/inventory/host-draft.ts';
import { INVENTORY_FORMATS, type InventoryFormat } from '../../domain/inventory/format.ts';
import { inventoryFromSshConfig } from '../../domain/inventory/ssh-config.ts';
import { UsageError } from '../exit.ts';
import { parseYaml } from './yaml-document.ts';

export function readInventory(path: string, format: InventoryFormat | undefined, options: AnsibleOptions): Inventory {
  const chosen = format ?? formatOf(path);
  switch (chosen) {
    case 'csv':
      return inventoryFromCsv(path, readText(path));
    case 'ssh-config':
      return inventoryFromSshConfig(path, readText(path), (pattern) => includedFiles(pattern));
    case 'ansible':
      return readAnsible(path, options);
    case 'yaml': {
      const parsed = parseYaml(path, readText(path));
      if ('faults' in parsed) return { hosts: [], faults: parsed.faults, remarks: [] };
      // Ours has a list under hosts; a map of groups is Ansible's.
      const { document } = parsed;
      const isOurs = format === 'yaml' || !isMap(document) || Array.isArray(document.value.get('hosts')?.value);
      return isOurs ? inventoryFromDocument(path, document) : readAnsible(path, options);
    }
  }
}

function formatOf(path: string): InventoryFormat {
  if (path !== '-' && existsSync(path) && statSync(path).isDirectory()) return 'ansible';
  const extension = extname(path).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (extension === '.yml' || extension === '.yaml') return 'yaml';
  if (extension === '.ini' || extension === '.cfg' || /^(hosts|inventory)$/i.test(basename(path))) return 'ansible';
  if (/^(ssh_)?config$/i.test(basename(path))) return 'ssh-config';
  throw new UsageError(
    `The name ${path} does not tell what kind of file it is. Say it: --format ${INVENTORY_FORMATS.join('|')}.`,
  );
}

/** Standard input for `-`. */
export function readText(path: string): string {
  try {
    if (path !== '-' && statSync(path).size > limits.importFileBytesMax)
      throw new UsageError(`${path} is larger than ${limits.importFileBytesMax} bytes, the most that is imported.`);
    const text = readFileSync(path === '-' ? 0 : path, 'utf8');
    if (text.length > limits.importFileBytesMax)
      throw new UsageError(`The input is larger than ${limits.importFileBytesMax} bytes, the most that is imported.`);
    return text;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`,
    );
  }
}

/** As ssh(1): ~ is the home folder, relative names are those of ~/.ssh. Nothing found is not an error there, and none here. */
function includedFiles(pattern: string): { file: string; text: string }[] {
  const home = pattern.replace(/^~(?=\/|$)/, homedir());
  const path = isAbsolute(home) ? home : join(homedir(), '.ssh', home);
  return globSync(path)
    .toSorted()
    .filter((file) => statSync(file).isFile())
    .map((file) => ({ file, text: readText(file) }));
}

// — Ansible: the inventory, and the variables beside it —

function readAnsible(path: string, options: AnsibleOptions): Inventory {
  const [model, collector] = [newAnsibleModel(), new InventoryCollector()];
  const isFolder = path !== '-' && existsSync(path) && statSync(path).isDirectory();
  const files = isFolder
    ? readdirSync(path)
        .filter((name) => !name.startsWith('.') && /^[^.]*$|\.(ini|ya?ml)$/.test(name))
        .map((name) => join(path, name))
        .filter((file) => statSync(file).isFile())
        .toSorted()
    : [path];
  if (files.length === 0) throw new UsageError(`There is no inventory file in ${path}.`);
  for (const file of files) readAnsibleFile(model, collector, file);
  if (path !== '-') readVariableFolders(model, collector, isFolder ? path : dirname(path));
  return inventoryFromAnsible(model, collector, options);
}

function readAnsibleFile(model: AnsibleModel, collector: InventoryCollector, file: string): void {
  const text = readText(file);
  if (statOf(file)?.mode !== undefined && (statOf(file)!.mode & 0o111) !== 0 && text.startsWith('#!'))
    return collector.fault(
      { file, line: 1 },
      'the inventory is a program; Drover runs none. Write what it prints to a file: ansible-inventory --list -y',
    );
  const isYaml = /\.ya?ml$/i.test(file) || /^---\s*$/m.test(text.slice(0, 200));
  if (!isYaml) return readAnsibleIni(model, collector, file, text);
  const parsed = parseYaml(file, text);
  if ('faults' in parsed) tell(collector, parsed.faults);
  else readAnsibleYaml(model, collector, file, parsed.document);
}

function statOf(file: string): { mode: number } | undefined {
  return file === '-' ? undefined : statSync(file);
}

function readVariableFolders(model: AnsibleModel, collector: InventoryCollector, folder: string): void {
  for (const name of [...model.groups.keys()])
    for (const file of variableFiles(folder, 'group_vars', name))
      readVariableFile(collector, file, groupOf(model, name).variables);
  for (const [name, host] of model.hosts)
    for (const file of variableFiles(folder, 'host_vars', name))
      readVariableFile(collector, file, hostOf(model, name, host.source).variables);
}

/** `group_vars/web`, `group_vars/web.yml`, or all files of the folder `group_vars/web/`. */
function variableFiles(folder: string, kind: string, name: string): string[] {
  if (name.includes('/')) return [];
  return ['', '.yml', '.yaml']
    .map((extension) => join(folder, kind, name + extension))
    .filter((path) => existsSync(path))
    .flatMap((path) =>
      statSync(path).isDirectory()
        ? globSync(join(path, '**/*'))
            .toSorted()
            .filter((file) => statSync(file).isFile())
        : [path],
    );
}

function readVariableFile(collector: InventoryCollector, file: string, into: Variables): void {
  const text = readText(file);
  if (text.startsWith('$ANSIBLE_VAULT'))
    return collector.remark({ file, line: 1 }, 'the file is encrypted with ansible-vault and was not read');
  const parsed = parseYaml(file, text);
  if ('faults' in parsed) tell(collector, parsed.faults);
  else readAnsibleVariables(into, file, parsed.document);
}

function tell(collector: InventoryCollector, faults: readonly InventoryFault[]): void {
  for (const fault of faults) collector.fault(fault, fault.detail);
}
