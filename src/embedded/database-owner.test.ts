import { mkdtempSync, rmSync, chownSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { requiring } from '../../test/support/needs.ts';
import { databaseOwner, type Users } from './database-owner.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-owner-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A machine with these users, on which others can be made or not. */
function machine(known: Readonly<Record<string, number>>, canMake = true): Users {
  const users = new Map(Object.entries(known));
  return {
    find: (name) => (users.has(name) ? { uid: users.get(name)!, gid: users.get(name)! } : undefined),
    nameOf: (uid) => [...users].find(([, other]) => other === uid)?.[0],
    make: (name) => void (canMake && users.set(name, 990)),
  };
}

const { it } = requiring('root');

it('a new database is its own user’s, who is made where need be, though there is a user postgres', () => {
  const data = join(folder, 'data');
  expect(databaseOwner(data, machine({ postgres: 70 }))).toEqual({ owner: { uid: 990, gid: 990 } });
  expect(databaseOwner(data, machine({ postgres: 70, 'drover-postgres': 71 }))).toEqual({
    owner: { uid: 71, gid: 71 },
  });
});

it('where no user can be made, a new database is that of postgres, and that is told; or it is refused', () => {
  const data = join(folder, 'data');
  const { owner, note } = databaseOwner(data, machine({ postgres: 70 }, false));
  expect(owner).toEqual({ uid: 70, gid: 70 });
  expect(note).toMatch(/could not be created, so PostgreSQL runs as the user postgres/);
  expect(() => databaseOwner(data, machine({}, false))).toThrow(/useradd --system drover-postgres/);
});

it('an old database stays its owner’s: told where that is postgres, and refused where it is another', () => {
  const users = machine({ postgres: 70, 'drover-postgres': 71, redis: 72 });
  const ownedBy = (uid: number): string => {
    chownSync(folder, uid, uid);
    return folder;
  };
  expect(databaseOwner(ownedBy(71), users)).toEqual({ owner: { uid: 71, gid: 71 } });
  expect(databaseOwner(ownedBy(73), users)).toEqual({ owner: { uid: 73, gid: 73 } });
  const { owner, note } = databaseOwner(ownedBy(70), users);
  expect(owner).toEqual({ uid: 70, gid: 70 });
  expect(note).toMatch(/runs as the user postgres, whose its folder is.*chown -R drover-postgres/);
  expect(() => databaseOwner(ownedBy(72), users)).toThrow(/belongs to the user redis/);
});
