import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { sourceFiles } from './source-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-sources-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('sources of a conversion', () => {
  it('are files, folders with all below them, and archives', () => {
    mkdirSync(join(folder, 'p/in'), { recursive: true });
    writeFileSync(join(folder, 'p/in/a.job'), 'type=noop');
    writeFileSync(join(folder, 'p/lib.jar'), 'PK');
    writeFileSync(join(folder, 'p.zip'), zipSync({ 'in/b.job': strToU8('type=noop') }));
    const found = sourceFiles([join(folder, 'p'), join(folder, 'p.zip'), join(folder, 'p/in/a.job')]);
    expect(found.map(({ path, text }) => [path.replace(`${folder}/`, ''), text])).toEqual([
      ['p/in/a.job', 'type=noop'],
      ['p/lib.jar', ''],
      ['in/b.job', 'type=noop'],
      ['p/in/a.job', 'type=noop'],
    ]);
  });

  it('are not what a link in a folder leads to', () => {
    mkdirSync(join(folder, 'links'));
    writeFileSync(join(folder, 'outside.job'), 'type=noop');
    symlinkSync(join(folder, 'outside.job'), join(folder, 'links/a.job'));
    symlinkSync(folder, join(folder, 'links/round'));
    expect(sourceFiles([join(folder, 'links')]).map(({ text }) => text)).toEqual(['', '']);
  });

  it('are refused when they are too large, or not there', () => {
    const file = join(folder, 'large.zip');
    writeFileSync(file, zipSync({ 'a.xml': strToU8('<a/>') }));
    const read = (bytes: number) => {
      truncateSync(file, bytes);
      return () => sourceFiles([file]);
    };
    expect(read(jobLimits.convertArchiveBytesMax + 1)).toThrow(String(jobLimits.convertArchiveBytesMax));
    // At the limit it is read, and found to be cut: its list of files is not at its end.
    expect(read(jobLimits.convertArchiveBytesMax)).toThrow('no ZIP archive that can be read');
    expect(() => sourceFiles([join(folder, 'nobody')])).toThrow('nobody');
  });
});
