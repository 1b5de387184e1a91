import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireFolderLock, lockHolder } from './node-lock.ts';

let parent: string;
let folder: string;
let lock: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'drover-lock-'));
  folder = join(parent, 'data');
  lock = join(folder, '.lock');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const inUse = (pid: string): object => ({
  code: 'data-folder-in-use',
  detail: `Another Drover process${pid} uses ${folder}. Stop it first, or choose another folder with --data.`,
});

describe('the lock of a data folder', () => {
  it('is held by one at a time, who is named to others, and can be had again when it was let go of', async () => {
    const first = await acquireFolderLock(folder, 'server');
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject(inUse(` (pid ${process.pid})`));
    first.release();
    (await acquireFolderLock(folder, 'server')).release();
    expect(readFileSync(join(folder, 'drover.json'), 'utf8')).toBe('{"kind":"server","version":1}\n');
  });

  it.each([
    ['something else than a number', '\x1b[2J all is well\n'],
    ['a number without end', '7'.repeat(1_000_000)],
    ['nothing', ''],
  ])('takes %s in it for no pid', async (_what, text) => {
    const first = await acquireFolderLock(folder, 'server');
    writeFileSync(lock, text);
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject(inUse(''));
    first.release();
  });

  it('is of the folder that is there: one that was removed and made anew has another', async () => {
    const first = await acquireFolderLock(folder, 'server');
    rmSync(folder, { recursive: true });
    const second = await acquireFolderLock(folder, 'server');
    first.release();
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject(inUse(` (pid ${process.pid})`));
    second.release();
  });

  it('is for our user alone, also where it was open to others', async () => {
    (await acquireFolderLock(folder, 'server')).release();
    chmodSync(lock, 0o644);
    const { release } = await acquireFolderLock(folder, 'server');
    expect(statSync(lock).mode & 0o777).toBe(0o600);
    release();
  });

  it.each([
    ['link to another file', () => symlinkSync(join(parent, 'other'), lock), 'symbolic link'],
    ['pipe', () => void spawnSync('mkfifo', [lock]), 'it is no file'],
  ])('is no %s that lies in its place', async (_what, plant, words) => {
    mkdirSync(folder);
    writeFileSync(join(parent, 'other'), 'as it was');
    plant();
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject({
      code: 'data-folder-unwritable',
      detail: expect.stringContaining(words) as string,
    });
    expect(readFileSync(join(parent, 'other'), 'utf8')).toBe('as it was');
  });

  it('is put into no folder that is none of ours', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'letter.txt'), 'dear');
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject({ code: 'data-folder-foreign' });
    expect(existsSync(lock)).toBe(false);
  });

  it('is let go of where the folder turns out to be of another kind', async () => {
    (await acquireFolderLock(folder, 'server')).release();
    await expect(acquireFolderLock(folder, 'agent')).rejects.toMatchObject({ code: 'data-folder-foreign' });
    (await acquireFolderLock(folder, 'server')).release();
  });

  it('is not taken where the program flock cannot lock, and its words are told', async () => {
    const { PATH } = process.env;
    process.env.PATH = parent;
    writeFileSync(join(parent, 'flock'), '#!/bin/sh\necho "flock: 3: No locks available" >&2; exit 1\n', {
      mode: 0o755,
    });
    try {
      await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject({
        code: 'data-folder-unwritable',
        detail: `${lock} cannot be locked: flock: 3: No locks available.`,
      });
    } finally {
      process.env.PATH = PATH;
    }
  });
});

it('tells who has a folder, as long as that process is there', async () => {
  expect(lockHolder(folder)).toBeUndefined();
  const held = await acquireFolderLock(folder, 'worker');
  expect(lockHolder(folder)).toBe(process.pid);
  held.release();
  const { pid } = spawnSync('true');
  writeFileSync(lock, `${pid}`);
  expect(lockHolder(folder)).toBeUndefined();
});
