/** Backup and restore against PostgreSQL: everything is in it, nothing is half there, and what time has passed is not believed. */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { Readable } from 'node:stream';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readBackup } from '../../src/backup/backup-reader.ts';
import { systemClock } from '../../src/base/clock.ts';
import { runIdFloor, runIdTimeMs, type RunId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { takeBackup } from '../../src/store/postgres/backup/backup.ts';
import {
  backupTables,
  inOrderOfReference,
  MADE_BY_MIGRATIONS,
  NOT_IN_BACKUPS,
} from '../../src/store/postgres/backup/backup-tables.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { restoreBackup, type RestoreResult } from '../../src/store/postgres/backup/restore.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';

const DAY_MS = 86_400_000;

const KEY = await testAuditKey();
const [HOST, JUMP, AGENT] = [1, 2, 3].map((n) => `00000000-0000-7000-8000-00000000000${n}`) as [string, string, string];
/** Of days long past and of today, by their first 48 bits. */
const runOf = (atMs: number, n: number): string => {
  const time = atMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-00000000000${n}`;
};
const NOW = systemClock.nowMs();
const RUNS = {
  over: runOf(Date.UTC(2026, 0, 5), 1),
  waiting: runOf(NOW, 2),
  running: runOf(NOW, 3),
};

let source: TestDatabase;
let backup: Buffer;
const targets: TestDatabase[] = [];

beforeAll(async () => {
  source = await testDatabase();
  await fill(source);
  backup = await taken(source.url);
});
afterEach(async () => {
  for (const target of targets.splice(0)) await target.drop();
});
afterAll(() => source.drop());

async function fill(db: TestDatabase): Promise<void> {
  const store = await createPostgresStore({ url: db.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
  for (const name of ['one', 'two'])
    await store.auditAppend({
      actor: { kind: 'system', id: 'test', name: 'tést\t\\N' },
      action: 'test.test',
      target: `test/${name}`,
      detail: { text: 'a "b"\n\\.\n', deep: [{ z: 1, a: null }] },
    });
  await store.auditSeal();
  await store.secretPut('ca', Buffer.from([0, 10, 9, 92, 255]));
  await store.close();
  const statements: [string, unknown[]][] = [
    ["INSERT INTO host (id, name, created_at_ms, facts) VALUES ($1, 'jump', 1, '{}')", [JUMP]],
    [
      `INSERT INTO host (id, name, created_at_ms, facts, agent_id, jump_host_id, twin_of) VALUES ($1, 'web-1', 1, '{"os": "a\\tb\\nc\\\\"}', $2, $3, $3)`,
      [HOST, AGENT, JUMP],
    ],
    [
      "INSERT INTO agent (id, host_id, state, version, public_key, joined_at_ms, certificate_expires_at_ms) VALUES ($1, $2, 'active', NULL, '\\x000a095cff', 1, 2)",
      [AGENT, HOST],
    ],
    ['INSERT INTO host_presence VALUES ($1, $2, $2, true, 5)', [HOST, AGENT]],
    ["INSERT INTO host_contact VALUES ($1, 5, 'ssh-refused')", [HOST]],
    [
      "INSERT INTO worker (id, name, zone, public_key, joined_at_ms, linked) VALUES ($1, 'w', 'default', '\\x01', 1, true)",
      [AGENT],
    ],
    ["INSERT INTO join_token VALUES ($1, '\\x01', 'agent', '{}', 'default', 5, 1, 2, '{}', NULL)", [HOST]],
    ["INSERT INTO join_token_host VALUES ($1, $1, '\\x03', NULL)", [HOST]],
    ["INSERT INTO api_token VALUES ($1, '\\x02', 'admin', 'admin', 1, 2, NULL)", [HOST]],
    ['INSERT INTO server VALUES ($1, $2, $2, 1)', [HOST, 'http://x']],
    ['INSERT INTO server_lease VALUES ($1, 1)', [HOST]],
    ['UPDATE partition SET owner = $1, term = 7', [HOST]],
    ["INSERT INTO upgrade VALUES ($1, '2', 'all', '{}', 'running', 1, 0, 1, 2, 1, NULL, NULL)", [HOST]],
    [
      "INSERT INTO agent_upgrade (upgrade_id, ordinal, host_id, host_name, state) VALUES ($1, 0, $1, 'a', 'ordered'), ($1, 1, $2, 'b', 'waiting')",
      [HOST, JUMP],
    ],
    [
      "INSERT INTO job (id, name, created_at_ms, changed_at_ms, last_version, numbered, draft_version) VALUES ($1, 'j', 1, 2, 1, 1, 1)",
      [HOST],
    ],
    [
      "INSERT INTO job_version (job_id, version, state, document, digest, tags, applied_at_ms, applied_by, applied_reason) VALUES ($1, 1, 'draft', '\\x6a3a0dff', sha256('\\x6a3a0dff'), '{a,\"b c\"}', 1, '{}', 'why')",
      [HOST],
    ],
    [
      `CREATE TABLE IF NOT EXISTS run_20260105 PARTITION OF run FOR VALUES FROM ('${RUNS.over.slice(0, 13)}-0000-0000-000000000000') TO ('${runOf(Date.UTC(2026, 0, 6), 0).slice(0, 13)}-0000-0000-000000000000')`,
      [],
    ],
  ];
  for (const [text, values] of statements) await db.query(text, values);
  await insertRun(db, RUNS.over, 'succeeded', [['succeeded', 1]]);
  await insertRun(db, RUNS.waiting, 'running', [
    ['succeeded', 1],
    ['waiting', 1],
    ['dispatched', 2],
  ]);
  await insertRun(db, RUNS.running, 'running', [
    ['running', 1],
    ['waiting', 1],
  ]);
}

async function insertRun(
  db: TestDatabase,
  id: string,
  state: string,
  executions: readonly (readonly [string, number])[],
): Promise<void> {
  const isOver = state === 'succeeded';
  await db.query(
    "INSERT INTO run (id, partition, name, reason, created_by, state, target_expression, host_count, counts, created_at_ms, round_started_at_ms, finished_at_ms) VALUES ($1, 3, 'n', '', '{}', $2, 'all', $3, '{}', 1, 1, $4)",
    [id, state, executions.length, isOver ? 9 : null],
  );
  await db.query("INSERT INTO work VALUES ($1, sha256('w'), '\\x80') ON CONFLICT DO NOTHING", [
    runIdFloor(Math.floor(runIdTimeMs(id as RunId) / DAY_MS) * DAY_MS),
  ]);
  await db.query(
    `INSERT INTO task (run_id, task, work_digest, policy, placement) VALUES ($1, 0, sha256('w'), '{"retries": 0}', '{"via": "auto"}')`,
    [id],
  );
  if (!isOver) await db.query('INSERT INTO run_active (run_id, partition) VALUES ($1, 3)', [id]);
  for (const [ordinal, [execution, attempt]] of executions.entries())
    await db.query(
      'INSERT INTO execution (run_id, task, ordinal, host_id, host_name, state, attempt, executor_kind, executor_id, finished_at_ms, exit_code, outcome) VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
      [
        id,
        ordinal,
        HOST,
        'web-1',
        execution,
        attempt,
        execution === 'waiting' ? null : 'agent',
        execution === 'waiting' ? null : AGENT,
        execution === 'succeeded' ? 9 : null,
        execution === 'succeeded' ? 0 : null,
        execution === 'succeeded' ? 'exited' : null,
      ],
    );
}

async function taken(url: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  await takeBackup({
    url,
    programVersion: '0.1.0',
    sink: async (bytes) => void pieces.push(bytes),
    keyIdOf: () => undefined,
    onProgress: () => undefined,
  });
  return Buffer.concat(pieces);
}

/** A database that nobody has migrated. */
async function emptyDatabase(): Promise<TestDatabase> {
  const target = await testDatabase();
  await target.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  targets.push(target);
  return target;
}

function restore(url: string, file: Buffer = backup): Promise<RestoreResult> {
  return restoreBackup({
    url,
    parts: readBackup(Readable.from([file])),
    auditKeyOf: () => KEY,
    onProgress: () => undefined,
  });
}

const all = (db: TestDatabase, table: string): Promise<Record<string, unknown>[]> =>
  db.query(`SELECT to_jsonb(t) AS row FROM ${table} t ORDER BY to_jsonb(t)::text`);

describe('what a backup holds', () => {
  it('is every table that is not named, with a reason, as left out', async () => {
    const db = new pg.Client({ connectionString: source.url });
    await db.connect();
    try {
      const { rows } = await db.query<{ name: string }>(
        "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace",
      );
      const held = (await backupTables(db)).map(({ name }) => name);
      expect([...held, ...Object.keys(NOT_IN_BACKUPS)].sort()).toEqual(rows.map(({ name }) => name).sort());
      // Values of sequences would have to be carried over by themselves.
      const sequences = await db.query("SELECT relname FROM pg_class WHERE relkind = 'S'");
      expect(sequences.rows).toEqual([]);
      await db.query('BEGIN; CREATE TABLE a_new_one (id uuid PRIMARY KEY, host uuid REFERENCES host)');
      const later = (await backupTables(db)).map(({ name }) => name);
      expect(later.indexOf('a_new_one')).toBeGreaterThan(later.indexOf('host'));
      await db.query('ROLLBACK');
    } finally {
      await db.end();
    }
  });

  it('comes in the order of references', () => {
    const table = (name: string, ...refers: string[]) => ({ name, refers });
    const names = inOrderOfReference([table('c', 'b', 'a'), table('b', 'a'), table('a'), table('d', 'elsewhere')]);
    expect(names.map(({ name }) => name)).toEqual(['a', 'd', 'b', 'c']);
    expect(() => inOrderOfReference([table('a', 'b'), table('b', 'a')])).toThrow(/in a circle: a, b/);
  });

  it('finds after migrations no rows but those that a restore takes for none', async () => {
    const fresh = await testDatabase();
    targets.push(fresh);
    const filled: string[] = [];
    for (const { relname } of await fresh.query(
      "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace AND relname <> 'schema_migration'",
    ))
      if ((await fresh.query(`SELECT 1 FROM ${String(relname)} LIMIT 1`)).length > 0) filled.push(String(relname));
    expect(filled.sort()).toEqual([...MADE_BY_MIGRATIONS].sort());
  });
});

describe('a restore', () => {
  it('brings every row back as it was, but for what time has passed', async () => {
    const target = await emptyDatabase();
    await restore(target.url);
    for (const table of ['host', 'agent', 'api_token', 'secret', 'task', 'work', 'job', 'job_version'])
      expect(await all(target, table), table).toEqual(await all(source, table));
    for (const table of ['join_token', 'join_token_host', 'server', 'server_lease'])
      expect(await all(target, table), table).toEqual([]);
    expect((await all(target, 'audit')).slice(0, 2)).toEqual(await all(source, 'audit'));
    // The days that had partitions have them again; what had none is where such runs are.
    const places = await target.query('SELECT id, tableoid::regclass::text AS place FROM run ORDER BY id');
    expect(places[0]).toEqual({ id: RUNS.over, place: 'run_20260105' });
    expect(places[1]!.place).toBe(`run_${new Date(NOW).toISOString().slice(0, 10).replaceAll('-', '')}`);
  });

  it('sends nothing again: what was not over is lost, what ran is asked about, and no upgrade goes on', async () => {
    const target = await emptyDatabase();
    expect(await restore(target.url)).toMatchObject({ lost: 3, runsUnderWay: 1, upgradesEnded: 1 });
    const states = await target.query(
      'SELECT e.run_id, e.state, e.attempt, e.executor_kind, e.executor_id, r.state AS run FROM execution e JOIN run r ON r.id = e.run_id ORDER BY e.run_id, ordinal',
    );
    expect(states.map((row) => [row.run, row.state, row.attempt, row.executor_id])).toEqual([
      ['succeeded', 'succeeded', 1, AGENT],
      ['failed', 'succeeded', 1, AGENT],
      ['failed', 'lost', 1, AGENT],
      ['failed', 'lost', 2, AGENT],
      ['running', 'running', 1, AGENT],
      ['running', 'lost', 1, AGENT],
    ]);
    expect(await target.query('SELECT run_id FROM run_active')).toEqual([{ run_id: RUNS.running }]);
    expect(await target.query('SELECT counts FROM run WHERE id = $1', [RUNS.waiting])).toMatchObject([
      { counts: { succeeded: 1, lost: 2, waiting: 0 } },
    ]);
    expect(await target.query('SELECT state FROM agent_upgrade ORDER BY ordinal')).toEqual([
      { state: 'unanswered' },
      { state: 'skipped' },
    ]);
    expect(await target.query('SELECT state FROM upgrade')).toEqual([{ state: 'cancelled' }]);
  });

  it('leaves no partition owned, no host linked, and terms and versions beyond any that were given, also when it is repeated', async () => {
    const [first, second] = [await emptyDatabase(), await emptyDatabase()];
    await restore(first.url);
    await first.query('UPDATE partition SET term = term + 1');
    await restore(second.url);
    const [lived, [again]] = await Promise.all([
      first.query('SELECT max(term) AS term FROM partition'),
      second.query('SELECT min(term) AS term, count(owner)::int AS owned FROM partition'),
    ]);
    expect(again!.owned).toBe(0);
    expect(Number(again!.term)).toBeGreaterThan(Number(lived[0]!.term));
    expect(await second.query('SELECT linked, worker_id FROM host_presence')).toEqual([
      { linked: false, worker_id: null },
    ]);
    expect(await second.query('SELECT linked FROM worker')).toEqual([{ linked: false }]);
    const versions = await second.query('SELECT min(value) AS least FROM setting');
    expect(Number(versions[0]!.least)).toBeGreaterThan(1_000_000);
  });

  it('keeps the chain of the audit whole, and is its next entry', async () => {
    const target = await emptyDatabase();
    const { summary } = await restore(target.url);
    const store = await createPostgresStore({
      url: target.url,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
    try {
      expect(await store.auditVerify()).toMatchObject({ isWhole: true, checked: 2, unsealed: 1 });
      expect(await store.auditSeal()).toBe(1);
      expect(await store.auditVerify()).toMatchObject({ isWhole: true, checked: 3 });
      expect((await store.auditList(EVERYTHING, {}, { limit: 1 })).items).toMatchObject([
        { seal: { seq: 3 }, action: 'installation.restore', target: `backup/${summary.digest}`, detail: { lost: 3 } },
      ]);
    } finally {
      await store.close();
    }
  });

  it('takes a database that is migrated and unused, and none that holds anything', async () => {
    const migrated = await testDatabase();
    targets.push(migrated);
    await restore(migrated.url);
    await expect(restore(migrated.url)).rejects.toMatchObject({ code: 'restore-target-used' });
    const used = await testDatabase();
    targets.push(used);
    await used.query("INSERT INTO api_token VALUES (gen_random_uuid(), '\\x02', 'admin', 'admin', 1, 2, NULL)");
    await expect(restore(used.url)).rejects.toMatchObject({ code: 'restore-target-used' });
    expect(await used.query('SELECT id FROM run')).toEqual([]);
    const newer = await testDatabase();
    targets.push(newer);
    await newer.query("INSERT INTO schema_migration (version, digest) VALUES (9999, 'of tomorrow')");
    await expect(restore(newer.url)).rejects.toMatchObject({ code: 'restore-target-used' });
    const foreign = await emptyDatabase();
    await foreign.query('CREATE TABLE host (id int)');
    await expect(restore(foreign.url)).rejects.toMatchObject({ code: 'data-folder-foreign' });
  });

  it('of another build with other migrations is refused, and so is a backup of its database', async () => {
    const target = await emptyDatabase();
    const header = backup.toString('latin1');
    for (const other of [
      header.replace(/"schemaDigest":"./, '"schemaDigest":"-'),
      header.replace('"schemaDigest":', '"noSuchDigest":'),
      header.replace('"schemaDigest":', '"noSuchDigest":').replace('"schemaVersion":1', '"schemaVersion":9'),
    ])
      await expect(restore(target.url, Buffer.from(other, 'latin1'))).rejects.toMatchObject({ code: 'schema-unknown' });
    const old = await testDatabase();
    targets.push(old);
    await old.query('ALTER TABLE schema_migration DROP COLUMN digest');
    await old.query('INSERT INTO schema_migration (version) SELECT generate_series(2, 10)');
    await expect(taken(old.url)).rejects.toMatchObject({ code: 'schema-unknown' });
  });

  it('of a newer schema, or of a file that turns out to be damaged, leaves the database as it was', async () => {
    const target = await emptyDatabase();
    const tables = "SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    const lastByte = Buffer.from(backup);
    lastByte[lastByte.length - 1]! ^= 1;
    for (const [file, code] of [
      [lastByte, 'backup-damaged'],
      [backup.subarray(0, backup.length - 40), 'backup-damaged'],
      [Buffer.from(backup.toString('latin1').replace('"schemaVersion":', '"schemaVersion":9'), 'latin1'), undefined],
    ] as const)
      await expect(restore(target.url, file)).rejects.toMatchObject(code === undefined ? {} : { code });
    expect(await target.query(tables)).toEqual([{ n: 0 }]);
    // One that was killed there has left its mark, which only a restore that comes to its end takes away.
    await target.query('CREATE TABLE restore_unfinished ()');
    await expect(restore(target.url, lastByte)).rejects.toMatchObject({ code: 'backup-damaged' });
    expect(await target.query(tables)).toEqual([{ n: 1 }]);
    const opened = createPostgresStore({ url: target.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
    await expect(opened).rejects.toMatchObject({ code: 'restore-unfinished' });
    await expect(taken(target.url)).rejects.toMatchObject({ code: 'restore-unfinished' });
    expect(await restore(target.url)).toMatchObject({ isAnew: true });
    expect(await target.query("SELECT to_regclass('restore_unfinished') AS marker")).toEqual([{ marker: null }]);
  });
});

describe('beside a backup', () => {
  it('writers go on, and whoever makes days of runs comes again instead of holding them up', async () => {
    const db = await testDatabase();
    targets.push(db);
    const store = await createPostgresStore({
      url: db.url,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
    let whileReading: (() => Promise<void>) | undefined = async () => {
      await insertRun(db, RUNS.waiting, 'running', [['waiting', 1]]);
      expect((await store.maintain({ runsKeptMs: 1e12, aheadDays: 5 })).created).toBe(0);
    };
    const pieces: Uint8Array[] = [];
    try {
      const { summary } = await takeBackup({
        url: db.url,
        programVersion: '0.1.0',
        sink: async (bytes) => {
          pieces.push(bytes);
          const work = whileReading;
          whileReading = undefined;
          await work?.();
        },
        keyIdOf: () => undefined,
        onProgress: () => undefined,
      });
      expect(summary.tables.find(({ name }) => name === 'run')).toEqual({ name: 'run', rows: 0 });
      expect((await store.maintain({ runsKeptMs: 1e12, aheadDays: 5 })).created).toBeGreaterThan(0);
    } finally {
      await store.close();
    }
  });
});
