/**
 * Files of an inventory, read into drafts: which format, and which other files an ssh_config includes (Ansible's are in
 * read-ansible.ts). What the texts mean is decided in `domain/inventory`.
 */
import { existsSync, globSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, extname, isAbsolute, join } from 'node:path';
import type { AnsibleOptions } from '../../../domain/inventory/ansible.ts';
import { inventoryFromCsv } from '../../../domain/inventory/csv.ts';
import { inventoryFromDocument, isMap } from '../../../domain/inventory/document.ts';
import { INVENTORY_FORMATS, type InventoryFormat } from '../../../domain/inventory/format.ts';
import type { Inventory } from '../../../domain/inventory/host-draft.ts';
import { inventoryFromSshConfig } from '../../../domain/inventory/ssh-config.ts';
import { UsageError } from '../../exit.ts';
import { readAnsible } from './read-ansible.ts';
import { InventoryFiles } from './read-text.ts';
import { parseYaml } from './yaml-document.ts';

export function readInventory(path: string, format: InventoryFormat | undefined, options: AnsibleOptions): Inventory {
  const chosen = format ?? formatOf(path);
  const files = new InventoryFiles();
  switch (chosen) {
    case 'csv':
      return inventoryFromCsv(path, files.named(path));
    case 'ssh-config':
      return inventoryFromSshConfig(path, files.named(path), (pattern) => includedFiles(files, pattern));
    case 'ansible':
      return readAnsible(path, options, files);
    case 'yaml': {
      const parsed = parseYaml(path, files.named(path));
      if ('faults' in parsed) return { hosts: [], faults: parsed.faults, remarks: [] };
      // Ours has a list under hosts; a map of groups is Ansible's.
      const { document } = parsed;
      const isOurs = format === 'yaml' || !isMap(document) || Array.isArray(document.value.get('hosts')?.value);
      return isOurs ? inventoryFromDocument(path, document) : readAnsible(path, options, files);
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

/** As ssh(1): ~ is the home folder, relative names are those of ~/.ssh. Nothing found is not an error there, and none here. */
function includedFiles(files: InventoryFiles, pattern: string): { file: string; text: string }[] {
  const home = pattern.replace(/^~(?=\/|$)/, homedir());
  const path = isAbsolute(home) ? home : join(homedir(), '.ssh', home);
  return globSync(path)
    .toSorted()
    .filter((file) => statSync(file).isFile())
    .map((file) => ({ file, text: files.found(file) }));
}
