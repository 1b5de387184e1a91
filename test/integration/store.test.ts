import { hostSubject } from '../../src/domain/run/subject.ts';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type TokenId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import { maintain } from '../../src/store/postgres/maintenance.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { storeConformance } from '../conformance/store.ts';
import { actor, audit, done, spec, type StoreWorld } from '../conformance/store-world.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

let database: TestDatabase;
let store: Store;
beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

describe('PostgreSQL', () => storeConformance(postgresWorld));

async function postgresWorld(): Promise<StoreWorld> {
  const own = await testDatabase();
  const tables = await createPostgresStore({
    url: own.url,
    clock: systemClock,
    log: silentLog,
    auditKey: testAuditKey,
  });
  return {
    store: tables,
    async own(partition, serverId) {
      await own.query('UPDATE partition SET owner = $1, term = term + 1 WHERE id = $2', [serverId, partition]);
      const [row] = await own.query('SELECT term::int AS term FROM partition WHERE id = $1', [partition]);
      return row!.term as number;
    },
    async serversGone() {
      await own.query('DELETE FROM server');
      await own.query('UPDATE partition SET owner = NULL');
    },
    leaseOver: async (serverId) =>
      void (await own.query('UPDATE server_lease SET expires_at_ms = 1 WHERE server_id = $1', [serverId])),
    roundBegan: async (runId, atMs) =>
      void (await own.query('UPDATE run SET round_started_at_ms = $2 WHERE id = $1', [runId, atMs])),
    async join() {
      const [agents, workers] = [randomBytes(32), randomBytes(32)];
      for (const [role, hash] of [
        ['agent', agents],
        ['worker', workers],
      ] as const)
        await tables.joinTokenCreate(
          { id: newId<'token'>(), hash, role, labels: {}, zone: 'default', uses: 1, lifetimeMs: 60_000 },
          audit,
        );
      const [name, publicKey] = [`host-${newId()}`, Buffer.from('k')];
      const [labels, facts, by] = [{}, {}, { actor, action: 'join', detail: {} }];
      const joined = await tables.agentJoin(
        { tokenHash: agents, name, machineId: name, labels, facts, publicKey, certificateExpiresAtMs: 1e15 },
        by,
      );
      const worker = await tables.workerJoin({ tokenHash: workers, name: 'w', version: '1', publicKey }, by);
      if (joined.kind === 'refused' || worker.kind === 'refused') throw new Error('neither may be refused');
      return { agentId: joined.agentId, hostId: joined.hostId, workerId: worker.workerId };
    },
    workKept: async () => Number((await own.query('SELECT count(*) AS n FROM work'))[0]!.n),
    outputsKept: async (runId) => (await own.query('SELECT 1 FROM output_blob WHERE run_id = $1', [runId])).length,
    async hear(isHeard = true) {
      await own.query('DELETE FROM channel');
      if (isHeard)
        await own.query(
          `INSERT INTO channel
             (id, name, kind, lang, per_minute, group_ms, shown, key_id, data_key, sealed, created_at_ms, changed_at_ms, created_by)
           VALUES (gen_random_uuid(), 'c', 'webhook', 'en', 1, 0, '{}', '', '', '', 0, 0, '{}')`,
        );
    },
    isLinked: async (hostId) => (await tables.hostFetch(hostId))!.linked,
    async end() {
      await tables.close();
      await own.drop();
    },
  };
}

describe('small output', () => {
  it('lies once per content', async () => {
    const id = newRunId(systemClock.nowMs());
    const [partition, serverId] = [partitionOf(id), newId<'server'>()];
    const targets = ['h0', 'h1'].map((hostName) => hostSubject(newId<'host'>(), hostName));
    const [name, reason, targetExpression] = ['n', '', 'all'];
    await store.runCreate(
      { id, partition, name, reason, createdBy: actor, targetExpression, ...oneTask(spec, targets) },
      audit,
    );
    await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
    await database.query('UPDATE partition SET owner = $1, term = 1 WHERE id = $2', [serverId, partition]);
    const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 7), inline: Buffer.from('hello') };
    const executions = [done(id, 0, { stdout }), done(id, 1, { stdout })];
    await store.ownerCommit({ fence: { partition, serverId, term: 1 }, executions, runs: [], timeline: [] });
    expect(await database.query('SELECT 1 FROM output_blob WHERE run_id = $1', [id])).toHaveLength(1);
  });
});

describe('idempotency', () => {
  it('claims once, replays the answer, and tells another request apart', async () => {
    const hash = Buffer.alloc(32, 1);
    const claims = await Promise.all([1, 2, 3].map(() => store.idempotencyClaim('k', 'p', hash)));
    expect(claims.map((c) => c.kind).sort()).toEqual(['busy', 'busy', 'claimed']);
    await store.idempotencyStore('k', 'p', 201, 'body');
    expect(await store.idempotencyClaim('k', 'p', hash)).toEqual({ kind: 'replay', status: 201, body: 'body' });
    expect(await store.idempotencyClaim('k', 'p', Buffer.alloc(32, 2))).toEqual({ kind: 'reused' });
    expect(await store.idempotencyClaim('k', 'other', hash)).toEqual({ kind: 'claimed' });
  });
});

describe('joining', () => {
  const join = (tokenHash: Buffer, name: string, machineId: string) =>
    store.agentJoin(
      { tokenHash, name, machineId, labels: {}, facts: {}, publicKey: Buffer.from('k'), certificateExpiresAtMs: 1e15 },
      { actor, action: 'join', detail: {} },
    );

  it('uses a token up, never lets another machine take the name, and takes no machine id as proof', async () => {
    const hash = Buffer.alloc(32, 3);
    await store.joinTokenCreate(
      {
        id: newId<'token'>() as TokenId,
        hash,
        role: 'agent',
        labels: { zone: 'a' },
        zone: 'default',
        uses: 3,
        lifetimeMs: 60_000,
      },
      audit,
    );
    // A refusal for the name uses nothing up.
    const first = await join(hash, 'web-1', 'm1');
    expect(first.kind).toBe('joined');
    expect(await join(hash, 'web-1', 'm2')).toEqual({ kind: 'refused', code: 'host-name-taken' });
    const second = await join(hash, 'web-1', 'm1');
    expect(second).toMatchObject({ kind: 'joined', twinOf: 'web-1' });
    expect((second as { hostId: string }).hostId).not.toBe((first as { hostId: string }).hostId);
    expect(await join(Buffer.alloc(32, 4), 'web-2', 'm3')).toEqual({ kind: 'refused', code: 'join-token-invalid' });
    expect((await store.hostFetch('web-1'))!.labels).toEqual({ zone: 'a' });
    expect((await join(hash, 'web-3', 'm3')).kind).toBe('joined');
    expect(await join(hash, 'web-4', 'm4')).toEqual({ kind: 'refused', code: 'join-token-expired' });
  });
});

describe('two machines that join by one name at once', () => {
  it('are one host that joined and one that is told so, whatever tokens they hold', async () => {
    for (let round = 0; round < 5; round++) {
      const hashes = [randomBytes(32), randomBytes(32)];
      for (const hash of hashes)
        await store.joinTokenCreate(
          {
            id: newId<'token'>() as TokenId,
            hash,
            role: 'agent',
            labels: {},
            zone: 'default',
            uses: 1,
            lifetimeMs: 60_000,
          },
          audit,
        );
      const answers = await Promise.all(
        hashes.map((tokenHash, machine) =>
          store.agentJoin(
            {
              tokenHash,
              name: `twin-${round}`,
              machineId: `machine-${round}-${machine}`,
              labels: {},
              facts: {},
              publicKey: Buffer.from('k'),
              certificateExpiresAtMs: 1e15,
            },
            { actor, action: 'join', detail: {} },
          ),
        ),
      );
      expect(answers.map((answer) => (answer.kind === 'refused' ? answer.code : answer.kind)).sort()).toEqual([
        'host-name-taken',
        'joined',
      ]);
    }
  });
});

describe('the audit trail', () => {
  it('is a chain that nobody can edit', async () => {
    for (let i = 0; i < 3; i++) await store.auditAppend({ ...audit, detail: { i } });
    await store.auditSeal();
    expect(await store.auditVerify()).toMatchObject({ isWhole: true });
    await expect(database.query("UPDATE audit SET action = 'x'")).rejects.toThrow(/append-only/);
    await expect(database.query('DELETE FROM audit')).rejects.toThrow(/append-only/);
  });
});

describe('the schema', () => {
  it('migrates twice without a change and refuses a newer database', async () => {
    const again = await createPostgresStore({
      url: database.url,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
    await again.close();
    await database.query("INSERT INTO schema_migration (version, digest) VALUES (9999, 'of tomorrow')");
    await expect(
      createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey }),
    ).rejects.toMatchObject({
      code: 'schema-newer',
    });
    await database.query('DELETE FROM schema_migration WHERE version = 9999');
  });

  it('is refused when a build with other migrations has made it, also one that kept no digests', async () => {
    const old = await testDatabase();
    const opened = () =>
      createPostgresStore({ url: old.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
    try {
      const [{ digest }] = (await old.query('SELECT digest FROM schema_migration WHERE version = 1')) as [
        { digest: string },
      ];
      await old.query("UPDATE schema_migration SET digest = repeat('0', 64) WHERE version = 1");
      await expect(opened()).rejects.toMatchObject({ code: 'schema-unknown' });
      await old.query('UPDATE schema_migration SET digest = $1 WHERE version = 1', [digest]);
      await (await opened()).close();
      await old.query('ALTER TABLE schema_migration DROP COLUMN digest');
      await old.query('INSERT INTO schema_migration (version) SELECT generate_series(2, 10)');
      await expect(opened()).rejects.toMatchObject({ code: 'schema-unknown' });
    } finally {
      await old.drop();
    }
  });

  it('is refused in a database of another encoding than UTF-8, before anything is made in it', async () => {
    const [{ current }] = (await database.query('SELECT current_database() AS current')) as [{ current: string }];
    const name = `${current}_ascii`;
    await database.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`);
    const url = database.url.replace(/[^/]*$/, name);
    try {
      await expect(
        createPostgresStore({ url, clock: systemClock, log: silentLog, auditKey: testAuditKey }),
      ).rejects.toMatchObject({ code: 'database-encoding' });
    } finally {
      await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  it('is there for each of several servers that start at once on an empty database', async () => {
    const [{ current }] = (await database.query('SELECT current_database() AS current')) as [{ current: string }];
    const name = `${current}_empty`;
    await database.query(`CREATE DATABASE ${name}`);
    const url = database.url.replace(/[^/]*$/, name);
    try {
      await Promise.all(
        [1, 2, 3].map(async () => {
          const started = await createPostgresStore({
            url,
            clock: systemClock,
            log: silentLog,
            auditKey: testAuditKey,
          });
          const id = newRunId(systemClock.nowMs());
          await started
            .runCreate(
              {
                id,
                partition: partitionOf(id),
                name: 'n',
                reason: '',
                createdBy: actor,
                targetExpression: 'all',
                ...oneTask(spec, []),
              },
              audit,
            )
            .finally(() => started.close());
        }),
      );
    } finally {
      await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  it('drops whole days beyond retention, never one with an active run', async () => {
    const oldMs = systemClock.nowMs() - 200 * 86_400_000;
    const past = new Pool({ url: database.url, log: silentLog });
    await maintain(past, { runsKeptMs: Number.MAX_SAFE_INTEGER / 2, aheadDays: 1 }, oldMs);
    await past.close();
    const id = newRunId(oldMs);
    await store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: 'old',
        reason: '',
        createdBy: actor,
        targetExpression: 'all',
        ...oneTask(spec, []),
      },
      audit,
    );
    await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(await store.runFetch(id)).toBeDefined();
    await database.query('DELETE FROM run_active WHERE run_id = $1', [id]);
    const { dropped } = await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(dropped).toBeGreaterThan(0);
    expect(await store.runFetch(id)).toBeUndefined();
  });

  it('drops runs beyond retention also where a wrong clock had put them outside of any day', async () => {
    const id = newRunId(systemClock.nowMs() - 200 * 86_400_000);
    await store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: 'astray',
        reason: '',
        createdBy: actor,
        targetExpression: 'all',
        ...oneTask(spec, [hostSubject(newId<'host'>(), 'h')]),
      },
      audit,
    );
    await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(await store.runFetch(id)).toBeDefined();
    await database.query('DELETE FROM run_active WHERE run_id = $1', [id]);
    await store.maintain({ runsKeptMs: 90 * 86_400_000, aheadDays: 1 });
    expect(await store.runFetch(id)).toBeUndefined();
    expect(await database.query('SELECT 1 FROM execution WHERE run_id = $1', [id])).toEqual([]);
  });
});
