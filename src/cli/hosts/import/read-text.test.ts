import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { limits } from '../../../base/limits.ts';
import { UsageError } from '../../exit.ts';
import { readInventory } from './read-inventory.ts';
import { InventoryFiles, readText } from './read-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-read-text-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('reads a file of an inventory up to the most that is imported, and refuses one of a byte more', () => {
  const path = join(folder, 'hosts');
  writeFileSync(path, '');
  truncateSync(path, limits.importFileBytesMax);
  expect(readText(path)).toHaveLength(limits.importFileBytesMax);
  truncateSync(path, limits.importFileBytesMax + 1);
  expect(() => readText(path)).toThrow(UsageError);
  expect(() => readText(path)).toThrow(`larger than ${limits.importFileBytesMax} bytes`);
});

it('reads no more of a device than of a file', () => {
  expect(() => readText('/dev/zero')).toThrow(`larger than ${limits.importFileBytesMax} bytes`);
});

it('reads nothing but files where a name has led to them: a link to a device, or a pipe, would have no end', () => {
  const inventory = join(folder, 'inventory');
  mkdirSync(join(inventory, 'group_vars'), { recursive: true });
  writeFileSync(join(inventory, 'hosts'), '[web]\nh1\n');
  for (const make of [
    (path: string) => symlinkSync('/dev/zero', path),
    (path: string) => execFileSync('mkfifo', [path]),
  ]) {
    const path = join(inventory, 'group_vars', 'web.yml');
    rmSync(path, { force: true });
    make(path);
    expect(() => readInventory(inventory, 'ansible', {})).toThrow('web.yml is no file that could be imported');
  }
});

it('reads so many files of an inventory, and so many bytes', () => {
  const [small, large] = [join(folder, 'small'), join(folder, 'large')];
  writeFileSync(small, '');
  writeFileSync(large, '');
  truncateSync(large, limits.importFileBytesMax);
  const many = new InventoryFiles();
  for (let n = 0; n < limits.importFilesMax; n++) many.found(small);
  expect(() => many.found(small)).toThrow(`more than ${limits.importFilesMax} files`);
  const much = new InventoryFiles();
  for (let n = 0; n < limits.importBytesMax / limits.importFileBytesMax; n++) much.named(large);
  much.found(small);
  writeFileSync(small, 'x');
  expect(() => much.found(small)).toThrow(`more than ${limits.importBytesMax} bytes in all`);
});

it('ends where files include themselves', () => {
  const config = join(folder, 'config');
  writeFileSync(config, `Include ${config}\n`.repeat(4));
  const { faults } = readInventory(config, 'ssh-config', {});
  expect(faults.some(({ detail }) => detail === 'more than 1000 files are included')).toBe(true);
});
