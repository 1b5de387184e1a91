/**
 * Whose processes and files an embedded PostgreSQL is. Started as root it runs as a user of our own, whom nothing else
 * works as: whoever is the system's `postgres` may be the superuser of another PostgreSQL of this machine, and would have
 * ours as well.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { DroverError } from '../base/errors.ts';

/** Without ids: ourselves. */
export interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

export interface ChosenOwner {
  readonly owner: Owner;
  /** What whoever starts Drover should know of it. */
  readonly note?: string;
}

/** The users of this machine. */
export interface Users {
  find(name: string): Owner | undefined;
  /** Undefined where nobody has that number. */
  nameOf(uid: number): string | undefined;
  /** Makes a user of the system, if that can be done here. */
  make(name: string): void;
}

const OWN_USER = 'drover-postgres';
const SYSTEM_USER = 'postgres';

/** PostgreSQL refuses to run as root. `data`: its data folder, which may not be there yet. Throws `embedded-database-failed`. */
export function databaseOwner(data: string, users: Users = systemUsers): ChosenOwner {
  if (process.getuid?.() !== 0) return { owner: {} };
  const stat = statSync(data, { throwIfNoEntry: false });
  return stat && stat.uid !== 0 ? ownerOfOld(data, { uid: stat.uid, gid: stat.gid }, users) : ownerOfNew(users);
}

/** PostgreSQL takes a data folder from its owner alone. */
function ownerOfOld(data: string, owner: Required<Owner>, users: Users): ChosenOwner {
  const name = users.nameOf(owner.uid);
  // Nobody has the number any more where a container was made anew: then nobody else works as it either.
  if (name === undefined || name === OWN_USER) return { owner };
  if (name === SYSTEM_USER)
    return {
      owner,
      note:
        `PostgreSQL runs as the user ${SYSTEM_USER}, whose its folder is: whoever is that user here has this database. ` +
        `To change that, stop Drover and chown -R ${OWN_USER} ${data} (useradd --system ${OWN_USER}).`,
    };
  throw new DroverError('embedded-database-failed', {
    detail: `${data} belongs to the user ${name}, whom other programs work as. Give it to ${OWN_USER} (chown -R), or set DATABASE_URL.`,
  });
}

function ownerOfNew(users: Users): ChosenOwner {
  const known = users.find(OWN_USER);
  if (known) return { owner: known };
  users.make(OWN_USER);
  const made = users.find(OWN_USER);
  if (made) return { owner: made };
  const owner = users.find(SYSTEM_USER);
  if (!owner)
    throw new DroverError('embedded-database-failed', {
      detail:
        `PostgreSQL does not run as root, and the user ${OWN_USER} could not be created. Create it (useradd ` +
        `--system ${OWN_USER}), run Drover as another user, or set DATABASE_URL.`,
    });
  return {
    owner,
    note:
      `The user ${OWN_USER} could not be created, so PostgreSQL runs as the user ${SYSTEM_USER}: whoever is that ` +
      'user here has this database.',
  };
}

const systemUsers: Users = {
  find(name) {
    const [uid, gid] = [idOf('-u', name), idOf('-g', name)].map(Number);
    return Number.isInteger(uid) && Number.isInteger(gid) ? { uid: uid!, gid: gid! } : undefined;
  },
  nameOf: (uid) => idOf('-un', String(uid)),
  make(name) {
    // Root's shells do not all have the folder of its programs on their PATH.
    const env = { PATH: `${process.env.PATH || '/usr/bin:/bin'}:/usr/sbin:/sbin` };
    const ways = ['--system', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin'];
    spawnSync('useradd', [...ways, name], { env });
  },
};

function idOf(what: string, user: string): string | undefined {
  const { status, stdout } = spawnSync('id', [what, user], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
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
