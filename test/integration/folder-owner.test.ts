/** A data folder is ours or root's: what somebody else has put there before is not believed. */
import {
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { acquireFolderLock } from '../../src/base/node-lock.ts';
import { becomeUser } from '../../src/bin/own-user.ts';
import { loadMasterKey } from '../../src/pki/sealer.ts';
import { requiring } from '../support/needs.ts';

const OTHER = 65_534;
const MARK = JSON.stringify({ kind: 'server', version: 1 });
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function planted(): { folder: string; mark: string; key: string } {
  const folder = join(mkdtempSync(join(tmpdir(), 'drover-owner-')), 'data');
  folders.push(join(folder, '..'));
  mkdirSync(folder);
  const [mark, key] = [join(folder, 'drover.json'), join(folder, 'master.key')];
  writeFileSync(mark, MARK);
  writeFileSync(key, Buffer.alloc(32, 7).toString('base64'));
  return { folder, mark, key };
}

requiring('root').it(
  'of another user is refused, and so are a mark and a master key that he has put there',
  async () => {
    const { folder, mark, key } = planted();
    const foreign = { code: 'data-folder-foreign' };
    chownSync(folder, OTHER, OTHER);
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject(foreign);
    chownSync(folder, 0, 0);
    lchownSync(mark, OTHER, OTHER);
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject(foreign);
    lchownSync(mark, 0, 0);
    (await acquireFolderLock(folder, 'server')).release();
    chownSync(key, OTHER, OTHER);
    expect(() => loadMasterKey(key, undefined)).toThrow(expect.objectContaining(foreign) as Error);
    chownSync(key, 0, 0);
    expect(loadMasterKey(key, undefined).keyIds).toHaveLength(1);
  },
);

requiring('root').it(
  'with a mark that is a link of another user to a file of ours is refused: he chose where it leads',
  async () => {
    const { folder, mark } = planted();
    const elsewhere = join(folder, '..', 'elsewhere.json');
    renameSync(mark, elsewhere);
    symlinkSync(elsewhere, mark);
    (await acquireFolderLock(folder, 'server')).release();
    lchownSync(mark, OTHER, OTHER);
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject({ code: 'data-folder-foreign' });
  },
);

requiring('root').it('that was handed over is taken back when its agent is to run as root again', () => {
  const { folder, mark } = planted();
  for (const path of [folder, mark]) chownSync(path, OTHER, OTHER);
  becomeUser('root', folder);
  expect([folder, mark].map((path) => statSync(path).uid)).toEqual([0, 0]);
});
