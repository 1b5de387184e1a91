/**
 * One process per data folder, and the right kind of folder. The lock is a file in the folder that is locked in the
 * kernel (`flock`) for as long as this process has it open: the kernel takes the lock away with the process, whatever
 * ends it, so nothing stale is ever left, and of two that start at once one has it. The file is for our user alone, in a
 * folder of ours, so no other user of the machine can take the lock, or say anything in it.
 */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { DroverError } from './errors.ts';
import { makeFolder } from './node-folder.ts';
import { systemWordsOf } from './system-words.ts';

const MARKER = 'drover.json';
/** Holds the pid of who has the lock, for whoever is refused. It is never removed: a lock is of a file, not of a name. */
const LOCK = '.lock';
const PID_BYTES_MAX = 16;
const UNFINISHED_MARKER = `${MARKER}.new`;
/** Not in Node's constants: macOS locks a file as it opens it. */
const O_EXLOCK = 0x20;

/** Folders on the way to a script of another user may be passed, never listed; folders of servers and workers are their own. */
const MODES = { up: 0o711, agent: 0o711, server: 0o700, worker: 0o700 } as const;

/** Makes the folder if need be, checks that it is one of ours of this kind, and holds it until the process ends or `release`. */
export async function acquireFolderLock(
  folder: string,
  kind: 'up' | 'server' | 'worker' | 'agent',
): Promise<{ release(): void }> {
  try {
    makeFolder(folder, MODES[kind]);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new DroverError('data-folder-unwritable', {
      detail: `The data folder ${folder} cannot be written: ${systemWordsOf(error, folder)}. Choose another with --data.`,
      cause: error,
    });
  }
  assertOurs(folder, 'The data folder');
  // Before a file is put into it, and once more when nobody else can make the mark.
  readMarker(folder, kind);
  const held = takeLock(folder);
  try {
    if (!readMarker(folder, kind)) writeMarker(folder, kind);
  } catch (error) {
    closeSync(held);
    throw error;
  }
  return { release: () => closeSync(held) };
}

/** The process that has the folder, as far as its lock tells; undefined where none of ours is there that could. */
export function lockHolder(folder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, LOCK), 'utf8'));
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/** The open file; the lock goes when it is closed. Throws `data-folder-in-use`, `data-folder-unwritable`. */
function takeLock(folder: string): number {
  const path = join(folder, LOCK);
  for (;;) {
    const fd = openLock(path, folder);
    let isHeld = false;
    try {
      if (!lockFile(fd, path)) throw inUse(folder, pidIn(fd));
      // Who had it may have removed the folder meanwhile, and somebody made it anew: that lock would be of no file.
      isHeld = isStillThere(fd, path);
      if (!isHeld) continue;
      writePid(fd);
      return fd;
    } finally {
      if (!isHeld) closeSync(fd);
    }
  }
}

function openLock(path: string, folder: string): number {
  // A link would have another file written, a pipe would have us wait.
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let fd: number;
  try {
    fd = openSync(path, process.platform === 'linux' ? flags : flags | O_EXLOCK, 0o600);
  } catch (error) {
    // Where opening locks.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') throw inUse(folder, '');
    const isLink = (error as NodeJS.ErrnoException).code === 'ELOOP';
    throw unlockable(path, isLink ? 'it is a symbolic link' : systemWordsOf(error, path), error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw unlockable(path, 'it is no file');
    assertOurs(path, 'The lock of the data folder');
    // Who may read it may lock it.
    if ((stat.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * False when another process has it. Node cannot lock files; the program `flock` of every Linux can, by a descriptor that it is given:
 * the lock is of the open file, which it shares with us, and so stays ours when it has ended.
 */
function lockFile(fd: number, path: string): boolean {
  if (process.platform !== 'linux') return true;
  const { status, error, stderr } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: [process.env.PATH, '/usr/bin:/bin'].filter(Boolean).join(':'), LC_ALL: 'C' },
  });
  if (status === 0) return true;
  // The status is that of a lock that is taken, and of nothing else where it has no words.
  if (status === 1 && stderr === '') return false;
  const why =
    (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
      ? 'the program flock is not here (it comes with util-linux)'
      : (error?.message ?? stderr).trim().slice(-200);
  throw unlockable(path, why, error);
}

function isStillThere(fd: number, path: string): boolean {
  const [held, there] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })];
  return there !== undefined && held.ino === there.ino && held.dev === there.dev;
}

function writePid(fd: number): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch {
    // A full disk keeps nobody from the lock: who is refused is not told whose it is.
  }
}

/** Of who has it; nothing where it has not written it yet. */
function pidIn(fd: number): string {
  const bytes = Buffer.alloc(PID_BYTES_MAX);
  const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, PID_BYTES_MAX, 0));
  return /^\d{1,10}$/.exec(text.trim())?.[0] ?? '';
}

function inUse(folder: string, pid: string): DroverError {
  return new DroverError('data-folder-in-use', {
    detail:
      `Another Drover process${pid ? ` (pid ${pid})` : ''} uses ${folder}. Stop it first, or choose ` +
      'another folder with --data.',
  });
}

function unlockable(path: string, why: string, cause?: unknown): DroverError {
  return new DroverError('data-folder-unwritable', { detail: `${path} cannot be locked: ${why}.`, cause });
}

/**
 * What lies in a folder of somebody else's, or was put there by him, is his to choose: keys, identities, journals.
 * Root's is not, who can do everything anyway, and whose volumes others are given to write to. Throws
 * `data-folder-foreign`; what is not there is nobody's.
 */
export function assertOurs(path: string, what: string): void {
  const us = process.getuid?.();
  // Of a link, both: whoever made it chose where it leads to.
  const stats = [lstatSync(path, { throwIfNoEntry: false }), statSync(path, { throwIfNoEntry: false })];
  const foreign = stats.find((stat) => stat !== undefined && stat.uid !== 0 && stat.uid !== us);
  if (us === undefined || !foreign) return;
  throw new DroverError('data-folder-foreign', {
    detail:
      `${what} ${path} belongs to another user (uid ${foreign.uid}), who may have chosen what is in it; this ` +
      `process is of uid ${us}. Choose another folder with --data, or look at what is in it and make it yours ` +
      '(chown).',
  });
}

/** Whether the mark is there. Throws `data-folder-foreign` where it is another's, or where there is something else and no mark. */
function readMarker(folder: string, kind: string): boolean {
  const path = join(folder, MARKER);
  assertOurs(path, 'The mark of the data folder');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Of one that is just starting, or was ended as it did.
    if (readdirSync(folder).some((name) => ![LOCK, MARKER, UNFINISHED_MARKER].includes(name)))
      throw new DroverError('data-folder-foreign', {
        detail: `${folder} is not empty and not a Drover data folder. Choose an empty folder with --data.`,
      });
    return false;
  }
  let marker: { kind?: unknown; version?: unknown } = {};
  try {
    marker = JSON.parse(text) as typeof marker;
  } catch {
    // Refused below.
  }
  if (marker.kind !== kind || marker.version !== 1)
    throw new DroverError('data-folder-foreign', {
      detail: `${folder} is a data folder of ${String(marker.kind ?? 'something else')}, not of ${kind}. Choose another with --data.`,
    });
  return true;
}

/** Whole or not at all: somebody else who starts reads it meanwhile. */
function writeMarker(folder: string, kind: string): void {
  const unfinished = join(folder, UNFINISHED_MARKER);
  writeFileSync(unfinished, `${JSON.stringify({ kind, version: 1 })}\n`, { mode: 0o600 });
  renameSync(unfinished, join(folder, MARKER));
}
