/** Accounts of the host, through its name service (`getent`), else /etc/passwd. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { ProgramLack } from '../../domain/run/interpreter.ts';
import { PATH } from './environment.ts';
import type { Account } from './plan.ts';

export function ownAccount(): Account {
  const own = userInfo();
  return { name: own.username, uid: own.uid, gid: own.gid, home: own.homedir || '/', shell: own.shell ?? '/bin/sh' };
}

export function findAccount(user: string): Account | undefined {
  // A leading dash would be an option; a colon ends a field.
  if (!/^[^-:\s\0][^:\s\0]*$/.test(user)) return undefined;
  const answer = spawnSync('getent', ['passwd', user], { encoding: 'utf8', timeout: 10_000 });
  const line = answer.status === 0 ? answer.stdout : answer.error ? passwdLine(user) : undefined;
  const [name, , uid, gid, , home, shell] = (line ?? '').trim().split(':');
  if (!name || !uid || !gid) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell || '/bin/sh' };
}

function passwdLine(user: string): string | undefined {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${user}:`));
}

export function findProgram(name: string, path: string): string | undefined {
  const candidates = name.includes('/')
    ? [isAbsolute(name) ? name : join('/', name)]
    : path
        .split(':')
        .filter(Boolean)
        .map((folder) => join(folder, name));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}

/** Why a path, taken from the root, is no program of `findProgram`; a bare name is only absent. */
export function lackOf(name: string): ProgramLack {
  if (!name.includes('/')) return 'absent';
  try {
    const stat = statSync(join('/', name), { throwIfNoEntry: false });
    return stat === undefined ? 'absent' : stat.isDirectory() ? 'folder' : 'locked';
  } catch (error) {
    // A folder on the way that we may not pass; or a path that leads nowhere, such as one that is too long or goes in circles.
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '') ? 'locked' : 'absent';
  }
}

/** Why our own user cannot work in a folder, as the end of a sentence that begins with it; or undefined. */
export function folderLack(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory()) return 'is no folder';
    accessSync(folder, constants.X_OK);
    return undefined;
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')
      ? `may not be entered by ${userInfo().username}`
      : 'is not there';
  }
}

/** The same of a user that we can become: by the modes, and where they refuse by trying, since they tell nothing of groups and lists. */
export function folderLackOf(folder: string, account: Account, enter: readonly string[]): string | undefined {
  const lack = folderLack(folder);
  if (lack !== undefined || unreachableParent(join(folder, '.within'), account) === undefined) return lack;
  const [program, ...args] = enter;
  // The user looks into the environment of a process that is his: ours is not for him.
  const { status, error } = spawnSync(program!, args, { stdio: 'ignore', cwd: '/', env: { PATH }, timeout: 10_000 });
  return error || status === 0 ? undefined : `may not be entered by ${account.name}`;
}

/** The first parent folder of `path` that an account other than root may not pass, or undefined. */
export function unreachableParent(path: string, account: Account): string | undefined {
  if (account.uid === 0) return undefined;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const passes = uid === account.uid ? mode & 0o100 : gid === account.gid ? mode & 0o010 : mode & 0o001;
    if (!passes) return folder;
    if (folder === '/') return undefined;
  }
}
