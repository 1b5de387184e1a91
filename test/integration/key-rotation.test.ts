/** Replacing the master key on a real PostgreSQL: old values open until they are moved, a rotation that dies is finished by the next. */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JobDefinitions } from '../../src/app/job-definitions.ts';
import { HostView } from '../../src/app/host-view.ts';
import { accountCreate, accountOpen } from '../../src/app/account.ts';
import type { Caller } from '../../src/app/caller.ts';
import type { AppContext } from '../../src/app/context.ts';
import { rotateKeys } from '../../src/app/key-rotation.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newRunId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { createMasterKey, type MasterKey } from '../../src/pki/sealer.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { plainSpec } from '../support/run-spec.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

const [FIRST, SECOND] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const oldest = createMasterKey(FIRST);
const both = createMasterKey(SECOND, FIRST);
const newest = createMasterKey(SECOND);
const caller: Caller = { actor: { kind: 'token', id: 'x', name: 'mia' }, requestId: 'r', can: () => true };

let database: TestDatabase;
let store: AppContext['store'];
const context = (sealer: MasterKey, over: Partial<AppContext['store']> = {}): AppContext => ({
  store: { ...store, ...over },
  hosts: new HostView(store),
  clock: systemClock,
  log: silentLog,
  sealer,
  definitions: new JobDefinitions(),
  ownership: { owned: () => [], create: () => undefined, wake() {} },
});

beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});
beforeEach(async () => {
  await database.query('DELETE FROM account');
  await database.query('DELETE FROM secret');
  await database.query('DELETE FROM task');
});

async function fill(accounts: number): Promise<void> {
  for (let i = 0; i < accounts; i++) {
    await accountCreate(context(oldest), caller, {
      name: `a${i}`,
      scope: 'all',
      loginUser: 'ops',
      become: { kind: 'direct' },
      environment: 'clean',
      isDefault: false,
      priority: 0,
      credentials: Array.from({ length: 4 }, (_, n) => ({ kind: 'password', password: `password ${i}.${n}` })),
    });
  }
  const id = newRunId(systemClock.nowMs());
  const spec = plainSpec({ work: { secretNames: ['T'] } });
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'r',
      reason: '',
      createdBy: caller.actor,
      targetExpression: 'all',
      ...oneTask(spec, [], oldest.seal(`run/${id}`, Buffer.from('{"T":"value"}'))),
    },
    { actor: caller.actor, action: 'test', target: 't', detail: {} },
  );
  await store.secretPut('ca', oldest.seal('ca', Buffer.from('authority')));
}

async function assertAllUnder(key: MasterKey, accounts: number): Promise<void> {
  for (let i = 0; i < accounts; i++) {
    const { credentials } = await accountOpen(context(key), (await store.accountFetch(`a${i}`))!.id);
    expect(credentials.map((credential) => credential.kind === 'password' && credential.password)).toEqual(
      [0, 1, 2, 3].map((n) => `password ${i}.${n}`),
    );
  }
  const [task] = await database.query('SELECT run_id, sealed_secrets FROM task');
  expect(Buffer.from(key.open(`run/${String(task!.run_id)}`, task!.sealed_secrets as Buffer)).toString()).toBe(
    '{"T":"value"}',
  );
  expect(Buffer.from(key.open('ca', (await store.secretFetch('ca'))!)).toString()).toBe('authority');
}

describe('a rotation', () => {
  it('moves everything under the newest key, and has nothing to do the second time', async () => {
    const accounts = Math.ceil(limits.rotationBatch / 4) + 1;
    await fill(accounts);
    await assertAllUnder(both, accounts);
    expect(await rotateKeys(context(both), caller)).toEqual({
      keyId: newest.currentKeyId,
      accountSecrets: accounts * 4,
      runSecrets: 1,
      channels: 0,
      systemSecrets: 1,
      unreadable: 0,
    });
    await assertAllUnder(newest, accounts);
    expect(await rotateKeys(context(both), caller)).toMatchObject({
      accountSecrets: 0,
      runSecrets: 0,
      systemSecrets: 0,
      unreadable: 0,
    });
    const { items } = await store.auditList(EVERYTHING, { action: 'access.key.rotate' }, { limit: 10 });
    expect(items.map(({ detail }) => detail.phase)).toEqual(['finished', 'begun', 'finished', 'begun']);
  });

  it('that dies half way leaves everything readable, and the next one finishes it', async () => {
    await fill(60);
    let batches = 0;
    const dying = context(both, {
      accountSecretsReseal: async (changes) => {
        const landed = await store.accountSecretsReseal(changes);
        if (++batches === 1) throw new Error('killed');
        return landed;
      },
    });
    await expect(rotateKeys(dying, caller)).rejects.toThrow('killed');
    await assertAllUnder(both, 60);
    expect(await rotateKeys(context(both), caller)).toMatchObject({
      accountSecrets: 240 - limits.rotationBatch,
      unreadable: 0,
    });
    await assertAllUnder(newest, 60);
  });

  it('by two servers at once moves each value once, and loses none that is replaced meanwhile', async () => {
    await fill(60);
    const { id } = (await store.accountFetch('a7'))!;
    const replaced = store.accountFetch('a7').then((a) =>
      accountCreate(context(both), caller, {
        ...a!,
        name: 'a7-copy',
        become: { kind: 'direct' },
        credentials: [{ kind: 'password', password: 'fresh' }],
      }),
    );
    const [one, two] = await Promise.all([
      rotateKeys(context(both), caller),
      rotateKeys(context(both), caller),
      replaced,
    ]);
    expect(one.accountSecrets + two.accountSecrets).toBe(240);
    await assertAllUnder(newest, 60);
    expect((await accountOpen(context(newest), id)).credentials).toHaveLength(4);
  });

  it('counts what opens under no key, leaves it, and moves the rest', async () => {
    await fill(1);
    await store.secretPut('strange', createMasterKey(Buffer.alloc(32, 9)).seal('strange', Buffer.from('x')));
    await database.query('UPDATE account_secret SET data_key = sealed WHERE id = (SELECT min(id) FROM account_secret)');
    expect(await rotateKeys(context(both), caller)).toMatchObject({
      accountSecrets: 3,
      runSecrets: 1,
      channels: 0,
      systemSecrets: 1,
      unreadable: 2,
    });
  });
});
