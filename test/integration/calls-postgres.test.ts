/** Statements for a real PostgreSQL: what is bound, what is told of rows, and what becomes of a statement whatever happens to anybody. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { callLimits } from '../../src/base/call-limits.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { SqlValue, SqlWork } from '../../src/domain/work/sql.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import type { AgentReport, ExecutionSpec } from '../../src/protocol/link/agent-v1.ts';
import { loopbackPostgres, type LoopbackPostgres } from '../../tools/loopback-postgres.ts';
import { callRig, sqlWork, withCallRig, type CallRig } from '../support/call-rig.ts';
import { databaseProxy, type DatabaseProxy } from '../support/database-proxy.ts';
import { until } from '../support/until.ts';

const DATABASE = 'postgres';
let dir: string;
let authorities: string;
let database: LoopbackPostgres;
let proxy: DatabaseProxy;
let rig: CallRig;
const stdout = (report: AgentReport): string => Buffer.from(report.stdout.inline ?? []).toString();
const stderr = (report: AgentReport): string => Buffer.from(report.stderr.inline ?? []).toString();
const url = (port = database.port): string => `postgres://${database.user}@127.0.0.1:${port}/${DATABASE}`;
const read = (statement: string, more: Partial<SqlWork> = {}): SqlWork => sqlWork(url(), statement, more);
const write = (statement: string, more: Partial<SqlWork> = {}): SqlWork => read(statement, { mode: 'write', ...more });
const text = (...parts: SqlWork['url']): SqlValue => ({ type: 'text', text: parts });
const secrets = (more: Record<string, string> = {}): { secrets: Record<string, string> } => ({
  secrets: { PASSWORD: database.password, ...more },
});
const run = (work: SqlWork, more: Partial<ExecutionSpec> = {}): Promise<AgentReport> =>
  rig.run(work, { ...secrets(), ...more });
const count = async (table: string): Promise<number> =>
  Number((await database.query(`SELECT count(*) AS n FROM ${table}`))[0]!['n']);
const underWay = async (mark: string): Promise<number> =>
  (
    await database.query(
      `SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND position($1 in query) > 0`,
      [mark],
    )
  ).length;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'drover-sql-'));
  chmodSync(dir, 0o711);
  const authority = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
  const key = newKey();
  const signed = await authority.sign(
    { csr: certificateRequest(key), id: 'far', role: 'server', lifetimeMs: 3_600_000, names: ['far.example'] },
    systemClock.nowMs(),
  );
  authorities = authority.certificate;
  database = await loopbackPostgres(join(dir, 'postgres'), { tls: { key, certificate: signed!.certificate } });
  proxy = await databaseProxy(database.port);
  rig = await callRig({ allow: '127.0.0.1' });
}, 60_000);
afterEach(() => {
  proxy.onSaid = () => 'pass';
});
afterAll(async () => {
  await rig?.end();
  await proxy?.end();
  await database?.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('a statement', () => {
  it('has its values bound to it, and its rows told as JSON, each value as it is', async () => {
    const values: SqlValue[] = [
      { type: 'number', text: ['7'] },
      text("'; DROP TABLE x; --"),
      { type: 'boolean', text: ['true'] },
      null,
      text('12345678901234567890.10'),
    ];
    const report = await run(
      read('SELECT $1::int AS n, $2 AS t, $3::bool AS b, $4::text AS nothing, $5::numeric AS d', { values }),
    );
    expect([report.outcome, stderr(report), report.detail]).toEqual([{ kind: 'rows', rows: 1 }, '', undefined]);
    expect(stdout(report)).toBe(
      '{"n":7,"t":"\'; DROP TABLE x; --","b":true,"nothing":null,"d":12345678901234567890.10}\n',
    );
    const odd = await run(
      read(
        `SELECT '\\x00ff'::bytea AS bytes, 'NaN'::float8 AS nan, 1e30::float8 AS big, '[1,\n {"a":"x\\ny"}]'::json AS j,
         '{"b":1.50}'::jsonb AS jb, '2026-11-30'::date AS day, timestamp '2026-11-30 01:02:03.5' AS at,
         ARRAY[1,2] AS list, E'two\nlines "quoted"' AS t, 1 AS t, interval '1 day' AS i`,
      ),
    );
    expect(JSON.parse(stdout(odd))).toEqual({
      bytes: '\\x00ff',
      nan: 'NaN',
      big: 1e30,
      j: [1, { a: 'x\ny' }],
      jb: { b: 1.5 },
      day: '2026-11-30',
      at: '2026-11-30 01:02:03.5',
      list: '{1,2}',
      t: 'two\nlines "quoted"',
      t_2: 1,
      i: '1 day',
    });
    expect(stdout(odd)).toContain('{"b": 1.50}');
    expect(stdout(odd).match(/\n/g)).toHaveLength(1);
  });

  it('that reads changes nothing, and one that writes is committed whole', async () => {
    await database.query('CREATE TABLE part (id int PRIMARY KEY, note text)');
    const insert = 'INSERT INTO part SELECT g, $1 FROM generate_series(1, 5) AS g';
    const values = [text('a')];
    const refused = await run(read(insert, { values }));
    expect(refused).toMatchObject({
      outcome: { kind: 'faulted', reason: 'sql-failed' },
      detail: 'The database refused it with SQLSTATE 25006. Its words are in stderr.',
    });
    expect(stderr(refused)).toContain('ERROR 25006: cannot execute INSERT in a read-only transaction');
    expect(await count('part')).toBe(0);
    const done = await run(write(insert, { values }));
    expect([done.outcome, done.values]).toEqual([{ kind: 'rows', rows: 5 }, { rows: '5' }]);
    expect(await count('part')).toBe(5);
    const returned = await run(
      write("INSERT INTO part SELECT g, 'b' FROM generate_series(10, 3009) AS g RETURNING id", {
        rowsMax: 2,
        extract: { first: 'id' },
      }),
    );
    expect(returned).toMatchObject({
      outcome: { kind: 'rows', rows: 3_000 },
      detail: 'There are more rows: 2 are kept, as rows_max says.',
      values: { rows: '3000', first: '10' },
    });
    expect(stdout(returned)).toBe('{"id":10}\n{"id":11}\n');
    expect(await count('part')).toBe(3_005);
    const twice = await run(write('INSERT INTO part VALUES (1), (7777)'));
    expect([twice.outcome, stderr(twice)]).toEqual([
      { kind: 'faulted', reason: 'sql-failed' },
      'ERROR 23505: duplicate key value violates unique constraint "part_pkey"\nKey (id)=(1) already exists.\n',
    ]);
    expect(await count('part WHERE id = 7777')).toBe(0);
    expect((await run(write('UPDATE part SET note = null WHERE false'))).outcome).toEqual({ kind: 'rows', rows: 0 });
    expect((await run(write('CREATE INDEX ON part (note)'))).outcome).toEqual({ kind: 'rows', rows: 0 });
  });

  it('that fails when it is committed has failed', async () => {
    await database.query(`CREATE TABLE whole (id int PRIMARY KEY);
      CREATE TABLE share (whole int REFERENCES whole DEFERRABLE INITIALLY DEFERRED)`);
    const report = await run(write('INSERT INTO share VALUES (1)'));
    expect(report).toMatchObject({
      outcome: { kind: 'faulted', reason: 'sql-failed' },
      detail: expect.stringContaining('23503'),
    });
    expect(await count('share')).toBe(0);
  });

  it.each([
    ['is one', 'SELECT 1; SELECT 2', '42601'],
    ['has as many values as it says', 'SELECT $1::int', '08P01'],
    ['copies nothing in', 'COPY pg_am FROM STDIN', '57014'],
    ['is none that no transaction takes', 'VACUUM', '25001'],
  ])('%s', async (_what, statement, state) => {
    const report = await run(write(statement));
    expect([report.outcome, stderr(report)]).toEqual([
      { kind: 'faulted', reason: 'sql-failed' },
      expect.stringContaining(`ERROR ${state}: `),
    ]);
  });

  it('copies nothing out, and listens to nobody', async () => {
    expect(await run(read('COPY (SELECT 1) TO STDOUT'))).toMatchObject({
      outcome: { kind: 'faulted', reason: 'bad-input' },
      detail: expect.stringContaining('select the rows'),
    });
    expect((await run(write('LISTEN news'))).outcome).toEqual({ kind: 'rows', rows: 0 });
    expect((await run(read('-- nothing'))).outcome).toEqual({ kind: 'rows', rows: 0 });
  });

  it('tells values of the first row, and lists of all of them, or why not', async () => {
    const statement = "SELECT g AS id, 'n' || g AS name, NULL AS nothing FROM generate_series(1, 3) AS g";
    const told = await run(
      read(statement, {
        extract: { id: 'id', nothing: 'nothing', other: 'nowhere' },
        extractAll: { ids: 'id', names: 'name', nothings: 'nothing' },
      }),
    );
    expect(told).toMatchObject({
      outcome: { kind: 'rows', rows: 3 },
      values: { rows: '3', id: '1', ids: '1\n2\n3', names: 'n1\nn2\nn3' },
    });
    expect(told.valuesFault).toBe(
      'nothing: "nothing" of the first row is NULL; other: no column of the result is called "nowhere"; ' +
        'nothings: in row 1 it is NULL.',
    );
    const cut = await run(read(statement, { rowsMax: 2, extractAll: { ids: 'id' } }));
    expect(cut).toMatchObject({
      outcome: { kind: 'rows', rows: 2 },
      values: { rows: '2' },
      valuesFault: expect.stringContaining('not all of it is known'),
    });
    const whole = await run(read(statement, { rowsMax: 3 }));
    expect([whole.outcome, whole.detail]).toEqual([{ kind: 'rows', rows: 3 }, undefined]);
    const empty = await run(read('SELECT 1 AS id WHERE false', { extract: { id: 'id' }, extractAll: { ids: 'id' } }));
    expect(empty).toMatchObject({ values: { rows: '0', ids: '' }, valuesFault: 'id: there is no row.' });
  });

  it('keeps its secrets to itself, whatever the database says of them', async () => {
    const value = [{ type: 'text' as const, text: [{ secret: 'KEY' }] }];
    const given = secrets({ KEY: 'correct horse battery' });
    const row = await run(read('SELECT $1 AS said', { values: value, extract: { said: 'said' } }), given);
    expect([stdout(row), row.values!['said']]).toEqual(['{"said":"******"}\n', '******']);
    const fault = await run(read('SELECT $1::int', { values: value }), given);
    expect(stderr(fault)).toContain('invalid input syntax for type integer: "******"');
    expect(JSON.stringify(fault.detail)).not.toContain('correct');
    for (const file of readdirSync(rig.dir, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const kept = readFileSync(join(file.parentPath, file.name), 'latin1');
      expect([kept.includes('correct horse'), kept.includes(database.password)]).toEqual([false, false]);
    }
  });

  it('tells what the database says beside its rows', async () => {
    const report = await run(write("DO $$ BEGIN RAISE NOTICE 'half of it'; RAISE WARNING 'odd'; END $$"));
    expect([report.outcome, stderr(report)]).toEqual([{ kind: 'rows', rows: 0 }, 'NOTICE: half of it\nWARNING: odd\n']);
    const most = callLimits.sqlNoticesMax;
    const flood = async (count: number): Promise<string> =>
      stderr(await run(write(`DO $$ BEGIN FOR i IN 1..${count} LOOP RAISE NOTICE '%', i; END LOOP; END $$`)));
    expect((await flood(most)).endsWith(`NOTICE: ${most}\n`)).toBe(true);
    expect((await flood(most + 1)).endsWith(`NOTICE: ${most}\nAnd 1 more notices.\n`)).toBe(true);
  });

  it('is given to the database by the job alone, whatever the worker was started with', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      PGOPTIONS: '-c search_path=evil',
      PGPASSWORD: database.password,
      PGUSER: 'nobody',
      PGAPPNAME: 'x',
      PGSSLNEGOTIATION: 'direct',
      PGSSLMODE: 'require',
    });
    try {
      const report = await run(read("SELECT current_setting('search_path') AS p, current_user AS u"));
      expect(JSON.parse(stdout(report))).toEqual({ p: '"$user", public', u: database.user });
      const { password: _none, ...open } = read('SELECT 1');
      expect(await rig.run(open)).toMatchObject({
        outcome: { kind: 'faulted', reason: 'sql-failed' },
        detail: expect.stringContaining('asks for a password'),
      });
    } finally {
      process.env = before;
    }
    const wrong = await run(read('SELECT 1'), { secrets: { PASSWORD: 'another one' } });
    expect([wrong.outcome, stderr(wrong)]).toEqual([
      { kind: 'faulted', reason: 'sql-failed' },
      expect.stringContaining('28P01: password authentication failed'),
    ]);
  });
});

describe('the way to a database', () => {
  it('is none that the worker was not told of, and none in clear with a secret where nobody has named it', async () => {
    await withCallRig({}, async (own) => {
      const report = await own.run(read('SELECT 1'), secrets());
      expect(report.outcome).toEqual({ kind: 'refused', reason: 'call-not-allowed' });
      expect(report.startedAtMs).toBeUndefined();
    });
    const reach = { refusalOf: () => undefined, isNamed: () => false };
    await withCallRig({ allowed: reach }, async (own) => {
      expect((await own.run(read('SELECT 1'), secrets())).outcome).toEqual({
        kind: 'refused',
        reason: 'call-not-allowed',
      });
      const proved = read('SELECT 1', { tls: { authorities, serverName: 'far.example' } });
      expect((await own.run(proved, secrets())).outcome).toEqual({ kind: 'rows', rows: 1 });
    });
  });

  it('over TLS counts where an authority vouches for the name, or nobody has to', async () => {
    const statement = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    for (const tls of [{ authorities, serverName: 'far.example' }, { isUnproved: true } as const])
      expect(stdout(await run(read(statement, { tls })))).toBe('{"ssl":true}\n');
    expect(stdout(await run(read(statement)))).toBe('{"ssl":false}\n');
    for (const tls of [{}, { authorities }, { authorities, serverName: 'other.example' }])
      expect(await run(read(statement, { tls }))).toMatchObject({
        outcome: { kind: 'faulted', reason: 'call-unreachable' },
        detail: expect.stringMatching(/vouches|another name/),
      });
  });
});

describe('a statement that is ended', () => {
  it.each([
    ['in clear', { isInClear: true } as const],
    ['over TLS', { isUnproved: true } as const],
  ])('by its timeout or a cancel ends in the database too, %s', async (how, tls) => {
    const sleep = `SELECT pg_sleep(1000), '${how} late'`;
    expect(await run(read(sleep, { tls }), { timeoutMs: 1_000 })).toMatchObject({
      outcome: { kind: 'timed_out' },
      detail: 'Nothing was changed by it.',
    });
    await until('nothing to be under way', async () => (await underWay(`${how} late`)) === 0);
    await database.query('CREATE TABLE IF NOT EXISTS slow (n int)');
    const insert = write(`INSERT INTO slow SELECT 1 FROM pg_sleep(1000) WHERE '${how} cut' <> ''`, { tls });
    const attempt = await rig.begin(insert, secrets());
    await until('it to be under way', async () => (await underWay(`${how} cut`)) === 1);
    rig.ledger.cancel(attempt);
    expect(await rig.ended(attempt)).toMatchObject({
      outcome: { kind: 'cancelled' },
      detail: 'Nothing of it was committed.',
    });
    await until('nothing to be under way', async () => (await underWay(`${how} cut`)) === 0);
    expect(await count('slow')).toBe(0);
  });

  it('before it is committed has not done its work, and one whose commit nobody has answered is lost', async () => {
    await database.query('CREATE TABLE doubt (n int)');
    const insert = (n: number): SqlWork =>
      sqlWork(url(proxy.port), `INSERT INTO doubt VALUES (${n})`, { mode: 'write' });
    proxy.onSaid = (bytes) => (bytes.includes('INSERT') ? 'cut-after' : 'pass');
    expect((await run(insert(1))).outcome).toEqual({ kind: 'faulted', reason: 'call-broken' });
    const { all } = proxy;
    proxy.onSaid = (bytes) => (bytes.includes('COMMIT') ? 'cut-after' : 'pass');
    expect(await run(insert(2))).toMatchObject({
      outcome: { kind: 'unknown', reason: 'commit-unknown' },
      detail: expect.stringContaining('Look at the database'),
    });
    proxy.onSaid = (bytes) => (bytes.includes('COMMIT') ? 'cut' : 'pass');
    expect((await run(insert(3))).outcome).toEqual({ kind: 'unknown', reason: 'commit-unknown' });
    expect(proxy.all).toBe(all + 2);
    proxy.onSaid = () => 'pass';
    expect((await run(sqlWork(url(proxy.port), 'SELECT 1'))).outcome).toEqual({ kind: 'rows', rows: 1 });
    // What has ended by itself is not ended over another connection.
    await until('the connections to be cut', () => proxy.open === 0);
    expect(proxy.all).toBe(all + 3);
    expect(await database.query('SELECT n FROM doubt')).toEqual([{ n: 2 }]);
  });

  it('while it is committed is waited for: it was done in time, or is lost', async () => {
    await database.query('CREATE TABLE late (n int)');
    const insert = (n: number): SqlWork =>
      sqlWork(url(proxy.port), `INSERT INTO late VALUES (${n})`, { mode: 'write' });
    proxy.onSaid = (bytes) => (bytes.includes('COMMIT') ? 'hold-answers' : 'pass');
    const done = await rig.begin(insert(1), secrets());
    await until('it to be committed', async () => (await count('late')) === 1);
    rig.ledger.cancel(done);
    proxy.release();
    expect(await rig.ended(done)).toMatchObject({ outcome: { kind: 'rows', rows: 1 } });
    const silent = await run(insert(2), { timeoutMs: 1_500 });
    expect(silent.outcome).toEqual({ kind: 'unknown', reason: 'commit-unknown' });
    await until('the connections to be cut', () => proxy.open === 0);
  }, 30_000);

  it('with its worker is lost, and not given again', async () => {
    await database.query('CREATE TABLE once (n int)');
    await withCallRig({ allow: '127.0.0.1' }, async (own) => {
      const attempt = await own.begin(
        write("INSERT INTO once SELECT 1 FROM pg_sleep(1000) WHERE 'restart' <> ''"),
        secrets(),
      );
      await until('it to be under way', async () => (await underWay('restart')) === 1);
      await own.restart();
      expect((await own.ended(attempt)).outcome).toEqual({ kind: 'unknown', reason: 'worker-restarted' });
      await until('nothing to be under way', async () => (await underWay('restart')) === 0);
      await own.restart();
      expect([await underWay('restart'), await count('once')]).toEqual([0, 0]);
    });
  });

  it('by the end of the database has failed', async () => {
    const attempt = await rig.begin(read("SELECT pg_sleep(1000), 'killed'"), secrets());
    await until('it to be under way', async () => (await underWay("'killed'")) === 1);
    await database.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()',
      ["%'killed'"],
    );
    expect((await rig.ended(attempt)).outcome).toEqual({ kind: 'faulted', reason: 'sql-failed' });
  });
});
