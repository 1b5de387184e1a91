/** `drover backup` and `drover restore` that are killed in the middle, as real processes: nothing that they leave is taken for what it is not. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient, dataOf } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installationKeys } from '../../src/app/installation-keys.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { hashSecret, newSecret } from '../../src/pki/join-token.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { migrateAsOwner } from '../../src/store/postgres/owner-role.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { believe } from '../support/authorities.ts';
import { until } from '../support/until.ts';
import { cleanEnv, drover, newDataDir, removeDataDir, runCli, startUp, stopUp } from '../support/up.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-killed-'));
const at = (name: string): string => join(folder, name);
const FILE = at('drover.backup');
const KEY = Buffer.alloc(32, 5).toString('base64');
const TOKEN = newSecret();

let admin: TestDatabase;
/** An owner, and the role that servers work as, as docs/operations/install.md says. */
let roles: { readonly owner: string; readonly server: string };
/** Of an installation that has been used a little. */
let source: string;

beforeAll(async () => {
  chmodSync(folder, 0o711);
  admin = await testDatabase();
  const [{ name }] = (await admin.query('SELECT current_database() AS name')) as [{ name: string }];
  roles = { owner: `${name}_o`, server: `${name}_s` };
  for (const role of [roles.owner, roles.server]) await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'pw'`);
  await admin.query(`GRANT ${roles.server} TO ${roles.owner}`);
  source = await newDatabase(`${name}_source`);
  await migrateAsOwner(urlOf(source, 'owner'), urlOf(source, 'server'), silentLog);
  const store = await createPostgresStore({
    url: urlOf(source, 'server'),
    clock: systemClock,
    log: silentLog,
    auditKey: async (secrets) =>
      (await installationKeys(secrets, createMasterKey(Buffer.from(KEY, 'base64')), systemClock)).masterKey.auditKey,
  });
  await store.apiTokenCreate(
    { id: newId<'token'>(), hash: hashSecret(TOKEN), name: 'test', role: 'admin', lifetimeMs: 86_400_000 },
    { actor: { kind: 'system', id: 'test', name: 'test' }, action: 'access.token.create', target: 'test', detail: {} },
  );
  await store.auditSeal();
  await store.close();
  expect(await runCli(['backup', FILE], asServer(source))).toMatchObject({ code: 0, stderr: '' });
}, 240_000);
afterAll(async () => {
  for (const name of databases) await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  for (const role of [roles.owner, roles.server]) await admin.query(`DROP ROLE ${role}`);
  await admin.drop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const databases: string[] = [];
async function newDatabase(name: string): Promise<string> {
  databases.push(name);
  await admin.query(`CREATE DATABASE ${name} OWNER ${roles.owner}`);
  return name;
}

function urlOf(database: string, role?: 'owner' | 'server'): string {
  const url = new URL(admin.url);
  if (role) [url.username, url.password] = [roles[role], 'pw'];
  url.pathname = `/${database}`;
  return url.href;
}

const asServer = (database: string): Record<string, string> => ({
  DATABASE_URL: urlOf(database, 'server'),
  DROVER_MASTER_KEY: KEY,
});
const asOwner = (database: string): Record<string, string> => ({
  ...asServer(database),
  DATABASE_OWNER_URL: urlOf(database, 'owner'),
});

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client
    .query(text)
    .then(({ rows }) => rows as Record<string, unknown>[])
    .finally(() => client.end());
}

/** What the statement takes is held until it is let go. */
async function hold(url: string, statement: string): Promise<{ release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(statement);
  return { release: () => client.end() };
}

function begin(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(drover, args, { stdio: 'ignore', env: { ...cleanEnv(), ...env } });
}

async function startServer(data: string, env: Record<string, string>): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(drover, ['server', '--data', data, '--listen', '127.0.0.1:0', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...cleanEnv(), ...env },
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => text.startsWith('{"ready"') && resolve(text));
    void ended.then((code) => reject(new Error(`the server ended with ${code}`)));
  });
  const { url, ca } = JSON.parse(line) as { url: string; ca: string };
  believe(url, readFileSync(ca, 'utf8'), ca);
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}

const sessions = (database: string, program: string, more = ''): Promise<Record<string, unknown>[]> =>
  query(
    admin.url,
    `SELECT query FROM pg_stat_activity WHERE datname = '${database}' AND application_name = 'drover ${program}' ${more}`,
  );

async function refused(args: readonly string[], env: Record<string, string>, words: RegExp): Promise<void> {
  const { code, stderr, stdout } = await runCli(args, env);
  expect(stderr, args.join(' ')).toMatch(words);
  expect([code, stdout], args.join(' ')).toEqual([3, '']);
}

describe('a backup that is killed', () => {
  it('leaves the one before, and a part that is told as such by whoever reads it', async () => {
    const before = readFileSync(FILE);
    // Where one table is read, and those before it are written: its rows come once a lock is free.
    await query(
      urlOf(source),
      `ALTER TABLE setting ENABLE ROW LEVEL SECURITY; ALTER TABLE setting FORCE ROW LEVEL SECURITY;
       CREATE POLICY held ON setting USING (pg_advisory_xact_lock_shared(1)::text IS NOT NULL)`,
    );
    const held = await hold(urlOf(source), 'SELECT pg_advisory_xact_lock(1)');
    const backup = begin(['backup', FILE], asServer(source));
    try {
      await until(
        'the backup to be in the middle',
        async () => (await sessions(source, 'backup', "AND wait_event = 'advisory' AND query LIKE 'COPY%'")).length > 0,
      );
    } finally {
      await kill(backup);
      await held.release();
      await query(
        urlOf(source),
        'DROP POLICY held ON setting; ALTER TABLE setting NO FORCE ROW LEVEL SECURITY; ALTER TABLE setting DISABLE ROW LEVEL SECURITY',
      );
    }
    const part = `${FILE}.part`;
    expect(statSync(part).size).toBeGreaterThan(1_000);
    expect(statSync(part).mode & 0o777).toBe(0o600);
    expect(readFileSync(FILE).equals(before)).toBe(true);

    const empty = await newDatabase(`${source}_never`);
    const isNoBackup = /is no backup yet: it is what one has written so far .*drover\.backup, if .*\(backup-damaged\)/;
    await refused(['restore', part], asServer(empty), isNoBackup);
    await refused(['backup', 'verify', part], {}, isNoBackup);
    // Under another name it is as little a backup.
    copyFileSync(part, at('renamed.backup'));
    await refused(
      ['restore', at('renamed.backup')],
      asServer(empty),
      /not a whole backup: it ends in the middle.*\(backup-damaged\)/,
    );
    expect(
      await query(urlOf(empty), "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
    ).toEqual([]);

    await until('the session of the killed backup to end', async () => (await sessions(source, 'backup')).length === 0);
    expect(await runCli(['backup', FILE], asServer(source))).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(part)).toBe(false);
    expect(await runCli(['backup', 'verify', FILE])).toMatchObject({ code: 0 });
  }, 240_000);
});

describe('a restore that is killed', () => {
  it('leaves a database in which nobody begins but the next restore, with a role of its own that owns it', async () => {
    const target = await newDatabase(`${source}_target`);
    await migrateAsOwner(urlOf(target, 'owner'), urlOf(target, 'server'), silentLog);
    const [data, upData] = [at('server'), newDataDir()];
    const starts: readonly (readonly [readonly string[], Record<string, string>])[] = [
      [['server', '--migrate-only'], asOwner(target)],
      [['backup', at('of-nothing.backup')], asServer(target)],
      [['server', '--data', data, '--listen', '127.0.0.1:0'], asServer(target)],
      [['up', '--data', upData, '--listen', '127.0.0.1:0', '--agents', '0'], asServer(target)],
    ];
    // It may look at the table, and waits where it would write it.
    const held = await hold(urlOf(target), 'LOCK TABLE host IN SHARE MODE');
    const restore = begin(['restore', FILE], asOwner(target));
    try {
      await until(
        'the restore to be in the middle',
        async () =>
          (await sessions(target, 'restore', `AND wait_event_type = 'Lock' AND query LIKE 'COPY "host"%'`)).length > 0,
      );
      await refused(starts[0]![0], starts[0]![1], /A restore is at work in this database.*\(restore-unfinished\)/);
      await refused(['restore', FILE], asOwner(target), /Another restore is at work.*\(restore-target-used\)/);
    } finally {
      await kill(restore);
      await held.release();
    }
    await until('its session to end', async () => (await sessions(target, 'restore')).length === 0);

    for (const [args, env] of starts)
      await refused(
        args,
        env,
        /did not come to its end.*Repeat drover restore.*DROP TABLE restore_unfinished.*\(restore-unfinished\)/,
      );
    expect(existsSync(at('of-nothing.backup'))).toBe(false);
    expect(
      await query(
        urlOf(target),
        'SELECT (SELECT count(*)::int FROM secret) + (SELECT count(*)::int FROM api_token) + (SELECT count(*)::int FROM server) AS rows',
      ),
    ).toEqual([{ rows: 0 }]);

    const again = await runCli(['restore', FILE], asOwner(target));
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Restored \d+ rows/) });
    expect(again.stderr).toBe('An earlier restore was begun here and not finished; it is begun anew.\n');
    expect(await query(urlOf(target), "SELECT to_regclass('restore_unfinished') AS marker")).toEqual([
      { marker: null },
    ]);

    const { url, stop } = await startServer(data, asServer(target));
    try {
      const client = createClient({ baseUrl: url, token: TOKEN });
      expect(dataOf(await client.GET('/api/v1/tokens')).items.map((item) => item.name)).toEqual(['test']);
      dataOf(await client.POST('/api/v1/join-tokens', { body: { role: 'agent' } }));
      const actions = dataOf(await client.GET('/api/v1/audit')).items.map(({ action }) => action);
      expect(actions).toEqual(['fleet.join-token.create', 'installation.restore', 'access.token.create']);
      expect(await runCli(['audit', 'verify'], { DROVER_URL: url, DROVER_TOKEN: TOKEN })).toMatchObject({ code: 0 });
    } finally {
      await stop();
    }
    for (const statement of [
      "UPDATE audit SET action = 'x'",
      'DELETE FROM audit',
      'TRUNCATE audit',
      'DROP TABLE audit',
      'ALTER TABLE audit DISABLE TRIGGER ALL',
      "UPDATE audit_unsealed SET action = 'x'",
      'ALTER TABLE audit_head OWNER TO CURRENT_USER',
    ])
      await expect(query(urlOf(target, 'server'), statement), statement).rejects.toThrow(
        /permission denied|must be owner/,
      );
    removeDataDir(upData);
  }, 400_000);

  it('leaves a data folder in which drover up does not begin, from its first moment on', async () => {
    const data = newDataDir();
    // It is read whole, and then once more: that is where it waits, with PostgreSQL made and nothing in it.
    const fifo = at('fifo');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    writeFileSync(at('key'), KEY);
    const restore = begin(['restore', fifo, '--data', data, '--master-key', at('key')]);
    try {
      await writeFile(fifo, readFileSync(FILE));
      await until(
        'PostgreSQL to be there',
        () => existsSync(join(data, 'postgres', 'data', 'postmaster.pid')),
        120_000,
      );
    } finally {
      await kill(restore);
    }
    try {
      const isUnfinished = /did not come to its end.*Repeat drover restore.*\(restore-unfinished\)/;
      await refused(['backup', at('of-nothing.backup'), '--data', data], {}, isUnfinished);
      await refused(['up', '--data', data, '--listen', '127.0.0.1:0', '--agents', '0'], {}, isUnfinished);
      const again = await runCli(['restore', FILE, '--data', data, '--master-key', at('key'), '--json']);
      expect(again).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(again.stdout)).toMatchObject({ isAnew: true });
      const up = await startUp(data, 0);
      const client = createClient({ baseUrl: up.url, token: TOKEN });
      expect(dataOf(await client.GET('/api/v1/audit')).items).toContainEqual(
        expect.objectContaining({ action: 'installation.restore' }),
      );
      await stopUp(up);
    } finally {
      removeDataDir(data);
    }
  }, 400_000);
});
