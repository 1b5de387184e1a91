/**
 * The files of an Ansible inventory: which of a folder count, in which of the two forms each is, and the variables beside them (group_vars,
 * host_vars). What they mean is decided in `domain/inventory`. The rules are those of ansible-core.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { inventoryFromAnsible, type AnsibleOptions } from '../../../domain/inventory/ansible.ts';
import { readAnsibleIni } from '../../../domain/inventory/ansible-ini.ts';
import { AnsibleModel, type Variables } from '../../../domain/inventory/ansible-model.ts';
import { readAnsibleVariables, readAnsibleYaml } from '../../../domain/inventory/ansible-yaml.ts';
import { isMap, type DocumentNode } from '../../../domain/inventory/document.ts';
import { InventoryCollector, type Inventory } from '../../../domain/inventory/host-draft.ts';
import { UsageError } from '../../exit.ts';
import { InventoryFiles } from './read-text.ts';
import { parseYaml } from './yaml-document.ts';

/** Folders within folders; far more than anybody nests, and an end to links that lead in a circle. */
const FOLDER_DEPTH_MAX = 16;
/** Files in a folder that Ansible passes over. */
const PASSED_OVER =
  /^\.|^(?:host_vars|group_vars|vars_plugins)$|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.ini|\.cfg|\.retry)$/;
const VARIABLE_EXTENSIONS = ['', '.yml', '.yaml', '.json'];

export function readAnsible(path: string, options: AnsibleOptions, texts = new InventoryFiles()): Inventory {
  const [model, collector] = [new AnsibleModel(), new InventoryCollector()];
  const folder = path !== '-' && isFolder(path);
  const files = folder ? inventoryFiles(path, collector, 1) : [path];
  if (files.length === 0) throw new UsageError(noInventory(path));
  for (const file of files) readFile(model, collector, file, folder ? texts.found(file) : texts.named(file));
  if (path !== '-') readVariableFolders(model, collector, texts, folder ? path : dirname(path));
  return inventoryFromAnsible(model, collector, options);
}

/** Says which files were passed over, since a folder with `hosts.ini` does not look empty to whoever names it. */
function noInventory(folder: string): string {
  const passed = namesIn(folder).filter((name) => /\.(?:ini|cfg)$/.test(name));
  const why =
    passed.length === 0
      ? ''
      : ` As Ansible does, ${passed.slice(0, 5).join(', ')}${passed.length > 5 ? ' …' : ''} ` +
        `${passed.length === 1 ? 'is' : 'are'} passed over in a folder: name the file itself, ` +
        `${join(folder, passed[0] ?? '')}, or take the ending off.`;
  return `There is no inventory file in ${folder}.${why}`;
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** By name, sub-folders where they stand. Files that look like inventories and are not read are told. */
function inventoryFiles(folder: string, collector: InventoryCollector, depth: number): string[] {
  if (depth > FOLDER_DEPTH_MAX) throw new UsageError(`${folder} is nested deeper than ${FOLDER_DEPTH_MAX} folders.`);
  return namesIn(folder).flatMap((name) => {
    const path = join(folder, name);
    if (PASSED_OVER.test(name)) {
      if (/\.(?:ini|cfg)$/.test(name))
        collector.remark({ file: path, line: 1 }, 'is not read: in a folder, Ansible passes over .ini and .cfg');
      return [];
    }
    return isFolder(path) ? inventoryFiles(path, collector, depth + 1) : [path];
  });
}

function namesIn(folder: string): string[] {
  return readdirSync(folder).sort();
}

/**
 * YAML where the name says so or says nothing and the text is a map; INI otherwise, and also where a name promises YAML and the text
 * is none.
 */
function readFile(model: AnsibleModel, collector: InventoryCollector, file: string, text: string): void {
  const at = { file, line: 1 };
  if (text.startsWith('$ANSIBLE_VAULT'))
    return collector.fault(at, 'the file is encrypted with ansible-vault: decrypt it first (ansible-vault view)');
  if (text.startsWith('#!'))
    return collector.fault(
      at,
      'the inventory is a program; Drover runs none. Write what it prints to a file: ansible-inventory --list -y',
    );
  const extension = extname(file).toLowerCase();
  if (extension === '.toml')
    return collector.fault(at, 'TOML is not read. Write it as YAML: ansible-inventory --list -y');
  if (!VARIABLE_EXTENSIONS.includes(extension)) return readAnsibleIni(model, collector, file, text);
  const parsed = parseYaml(file, text, 'ansible');
  if ('document' in parsed && isMap(parsed.document) && parsed.document.value.size > 0)
    return readGroups(model, collector, file, parsed.document);
  const tried = new InventoryCollector();
  readAnsibleIni(new AnsibleModel(), tried, file, text);
  const isIni = tried.finish().faults.length === 0 || extension === '';
  if (isIni && !/^---\s*$/m.test(text.slice(0, 200))) return readAnsibleIni(model, collector, file, text);
  if ('faults' in parsed) for (const fault of parsed.faults) collector.fault(fault, fault.detail);
  else collector.fault(at, 'expected a map of groups, beginning with all');
}

function readGroups(model: AnsibleModel, collector: InventoryCollector, file: string, document: DocumentNode): void {
  const plugin = isMap(document) ? document.value.get('plugin') : undefined;
  if (plugin)
    return collector.fault(
      { file, line: plugin.line },
      'the file sets up an inventory plugin; Drover runs none. Write what it gives to a file: ansible-inventory --list -y',
    );
  readAnsibleYaml(model, collector, file, document);
}

function readVariableFolders(
  model: AnsibleModel,
  collector: InventoryCollector,
  texts: InventoryFiles,
  folder: string,
): void {
  for (const { name, fileVariables } of model.groups.values())
    readVariables(collector, texts, join(folder, 'group_vars'), name, fileVariables);
  for (const { name, fileVariables } of model.hosts.values())
    readVariables(collector, texts, join(folder, 'host_vars'), name, fileVariables);
}

function readVariables(
  collector: InventoryCollector,
  texts: InventoryFiles,
  folder: string,
  name: string,
  into: Variables,
): void {
  if (name.includes('/') || !isFolder(folder)) return;
  for (const file of variableFiles(folder, name)) readVariableFile(collector, file, texts.found(file), into);
}

/** The first there is of `web`, `web.yml`, `web.yaml` and `web.json`; of a folder all its files, in order. */
function variableFiles(folder: string, name: string): string[] {
  const first = VARIABLE_EXTENSIONS.map((extension) => join(folder, name + extension)).find((path) => existsSync(path));
  if (first === undefined) return [];
  return isFolder(first) ? filesOfFolder(first, 1) : [first];
}

function filesOfFolder(folder: string, depth: number): string[] {
  if (depth > FOLDER_DEPTH_MAX) throw new UsageError(`${folder} is nested deeper than ${FOLDER_DEPTH_MAX} folders.`);
  return namesIn(folder)
    .filter((name) => !name.startsWith('.') && !name.endsWith('~'))
    .flatMap((name) => {
      const path = join(folder, name);
      if (isFolder(path)) return extname(name) === '' ? filesOfFolder(path, depth + 1) : [];
      return VARIABLE_EXTENSIONS.includes(extname(name)) ? [path] : [];
    });
}

function readVariableFile(collector: InventoryCollector, file: string, text: string, into: Variables): void {
  if (text.startsWith('$ANSIBLE_VAULT'))
    return collector.remark({ file, line: 1 }, 'the file is encrypted with ansible-vault and was not read');
  const parsed = parseYaml(file, text, 'ansible');
  if ('faults' in parsed) for (const fault of parsed.faults) collector.fault(fault, fault.detail);
  else readAnsibleVariables(into, collector, file, parsed.document);
}
