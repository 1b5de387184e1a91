import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderLackOf, lackOf } from './account.ts';

describe('why a path is no program', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-lack-'));
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, 'file'), '');
    symlinkSync(join(folder, 'circle'), join(folder, 'circle'));
    chmodSync(folder, 0o700);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['a folder', 'folder', 'folder'],
    ['a file that nobody may execute', 'file', 'locked'],
    ['nothing', 'nothing', 'absent'],
    ['a link to itself', 'circle', 'absent'],
    ['something below a file', 'file/x', 'absent'],
    ['a name of ten thousand letters', 'x'.repeat(10_000), 'absent'],
  ])('is told of %s', (_what, name, lack) => expect(lackOf(join(folder, name))).toBe(lack));

  it('is no question of a bare name', () => expect(lackOf('x'.repeat(10_000))).toBe('absent'));
});

describe('whether another user may enter a folder', () => {
  it('is tried without anything of our own environment, which that user could read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-enter-'));
    const account = { name: 'other', uid: 12_345, gid: 12_345, home: '/', shell: '/bin/sh' };
    process.env.DROVER_OF_AGENT = 'its own';
    try {
      const enter = ['/bin/sh', '-c', 'tr "\\000" "\\n" </proc/self/environ >"$1"', 'sh', join(folder, 'environment')];
      expect(folderLackOf(folder, account, enter)).toBeUndefined();
      expect(readFileSync(join(folder, 'environment'), 'latin1')).toMatch(/^PATH=[^\n]*\n(PWD=\/\n|OLDPWD=\/\n)*$/);
    } finally {
      delete process.env.DROVER_OF_AGENT;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
