import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { limits } from '../../../base/limits.ts';
import { UsageError } from '../../exit.ts';
import { readText } from './read-text.ts';

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
