/** Whose processes and files an embedded PostgreSQL is. */
import { spawnSync } from 'node:child_process';
import { DroverError } from '../base/errors.ts';

/** Without ids: ourselves. */
export interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root: the system's `postgres` user, or one of our own. */
export function databaseOwner(): Owner {
  if (process.getuid?.() !== 0) return {};
  const known = lookUp('drover-postgres') ?? lookUp('postgres');
  if (known) return known;
  spawnSync('useradd', [
    '--system',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/usr/sbin/nologin',
    'drover-postgres',
  ]);
  const made = lookUp('drover-postgres');
  if (!made)
    throw new DroverError('embedded-database-failed', {
      detail:
        'PostgreSQL does not run as root, and the user drover-postgres could not be created. Create it (useradd ' +
        '--system drover-postgres), run Drover as another user, or set DATABASE_URL.',
    });
  return made;
}

function lookUp(user: string): Owner | undefined {
  const uid = Number(spawnSync('id', ['-u', user], { encoding: 'utf8' }).stdout.trim() || Number.NaN);
  const gid = Number(spawnSync('id', ['-g', user], { encoding: 'utf8' }).stdout.trim() || Number.NaN);
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
}

export async function assertReachable(dir: string, owner: Owner): Promise<void> {
  const { status } = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { ...owner, cwd: '/' });
  if (status !== 0)
    throw new DroverError('embedded-database-failed', {
      detail:
        `PostgreSQL does not run as root, and its user cannot enter ${dir}. Choose a data folder whose parents ` +
        'everybody may pass (chmod o+x), for example below /var/lib.',
    });
}
