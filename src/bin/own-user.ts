/** A process that was started as root and goes on as another user, for good. Its program is loaded by then; its data folder follows. */
import { spawnSync } from 'node:child_process';
import { chownSync, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DroverError } from '../base/errors.ts';
import { makeFolder } from '../base/node-folder.ts';
import { systemWordsOf } from '../base/system-words.ts';
import { findAccount, unreachableParent } from '../engines/process/account.ts';

/** Throws `user-unknown`, and `data-folder-unwritable` when the user does not get to the folder. Who is that user already stays so. */
export function becomeUser(name: string, dataDir: string): void {
  const account = findAccount(name);
  if (!account)
    throw new DroverError('user-unknown', { detail: `There is no user ${name} on this machine to run as.` });
  if (process.getuid?.() === account.uid) {
    // Root takes back what an earlier start handed over.
    if (account.uid === 0 && (statSync(dataDir, { throwIfNoEntry: false })?.uid ?? 0) !== 0)
      handOver(dataDir, 0, account.gid);
    return;
  }
  if (process.getuid?.() !== 0)
    throw new DroverError('user-unknown', { detail: `Only root can go on as ${name}; this process is not root.` });
  try {
    makeFolder(dataDir, 0o700);
  } catch (error) {
    throw new DroverError('data-folder-unwritable', {
      detail: `The data folder ${dataDir} cannot be made: ${systemWordsOf(error, dataDir)}. Choose another with --data.`,
      cause: error,
    });
  }
  const locked = unreachableParent(join(dataDir, 'x'), { ...account, uid: -1, gid: -1 });
  if (locked !== undefined && locked !== dataDir)
    throw new DroverError('data-folder-unwritable', {
      detail:
        `The user ${name} does not get to ${dataDir}: ${locked} is closed to others. Choose another folder with ` +
        `--data, or open it (chmod o+x ${locked}).`,
    });
  if (statSync(dataDir).uid !== account.uid) handOver(dataDir, account.uid, account.gid);
  process.setgroups!(groupsOf(account.name, account.gid));
  process.setgid!(account.gid);
  process.setuid!(account.uid);
  Object.assign(process.env, { HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: '/bin/sh' });
}

function groupsOf(name: string, gid: number): number[] {
  const { stdout } = spawnSync('id', ['-G', name], { encoding: 'utf8' });
  const groups = (stdout ?? '').trim().split(' ').map(Number).filter(Number.isInteger);
  return groups.length > 0 ? groups : [gid];
}

/** The folder itself last: until then the next start does it again. A file with other names is left alone, whoever made them. */
function handOver(folder: string, uid: number, gid: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) handOver(path, uid, gid);
    else if (stat.nlink === 1) lchownSync(path, uid, gid);
  }
  chownSync(folder, uid, gid);
}
