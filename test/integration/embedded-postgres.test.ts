/** The PostgreSQL that we bring: what it survives, what it leaves alone, and what it says when it cannot start. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { errorCodeOf } from '../../src/base/errors.ts';
import { given } from '../../src/base/given.ts';
import { silentLog } from '../../src/base/log.ts';
import { databaseAddress } from '../../src/bin/database-address.ts';
import { createEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { requiring } from '../support/needs.ts';
import { until } from '../support/until.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function newFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), 'drover-pg-'));
  chmodSync(parent, 0o711);
  ends.push(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'postgres');
}

function embedded(dir: string, onRestart?: (why: string, logFile: string) => void): EmbeddedPostgres {
  const postgres = createEmbeddedPostgres({
    dir,
    clock: systemClock,
    log: silentLog,
    settings: { shared_buffers: '16MB' },
    ...given({ onRestart }),
  });
  ends.push(() => postgres.stop());
  return postgres;
}

async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end().catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/cwd`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** A process of its own, and its group, with PostgreSQL on the folder. */
function startHolder(dir: string): {
  child: ChildProcess;
  ready: Promise<{ pid: number; url: string }>;
  killGroup: () => void;
} {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../support/database-holder.ts', import.meta.url)), dir],
    { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
  );
  const killGroup = (): void => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  ends.push(killGroup);
  return {
    child,
    killGroup,
    ready: new Promise((resolve) =>
      child.stdout!.once('data', (bytes: Buffer) =>
        resolve(JSON.parse(bytes.toString()) as { pid: number; url: string }),
      ),
    ),
  };
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

describe('the embedded database', () => {
  it('runs as a user of its own, on a socket alone, behind a password, and keeps what it said it kept', async () => {
    const dir = newFolder();
    const postgres = embedded(dir);
    await postgres.start();
    const [row] = await ask(
      postgres.url,
      "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS sync, current_setting('listen_addresses') AS listen, current_setting('server_encoding') AS encoding",
    );
    expect(row).toEqual({ fsync: 'on', sync: 'on', listen: '', encoding: 'UTF8' });
    const user = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${postgres.pid}/status`, 'utf8'))![1]);
    expect(user).not.toBe(0);
    expect(statSync(join(dir, 'socket'))).toMatchObject({ uid: user, gid: process.getgid!() });
    expect(statSync(join(dir, 'socket')).mode & 0o007).toBe(0);
    expect(statSync(join(dir, 'password')).uid).toBe(process.getuid!());
    await expect(ask(postgres.url.replace(/:[^:@]*@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(/password/);
    await expect(ask(postgres.url.replace(/:[^:@]*@/, '@'), 'SELECT 1')).rejects.toThrow();
  });

  it('keeps its data over a stop and a start, and stops as often as it is told to', async () => {
    const postgres = embedded(newFolder());
    await postgres.stop();
    await postgres.start();
    await ask(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const pid = postgres.pid!;
    await postgres.stop();
    await postgres.stop();
    expect(isAlive(pid)).toBe(false);
    await postgres.start();
    expect(await ask(postgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('comes back after kill -9, with every commit, while the store says only that it was away', async () => {
    const told: string[] = [];
    const postgres = embedded(newFolder(), (why, logFile) =>
      told.push(`${why}: ${readFileSync(logFile, 'utf8').trim().split('\n').at(-1)}`),
    );
    await postgres.start();
    const store = await createPostgresStore({
      url: postgres.url,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
    ends.push(() => store.close());
    for (let round = 1; round <= 3; round++) {
      await store.secretPut(`round-${round}`, Buffer.from([round]));
      const pid = postgres.pid!;
      const calls = Array.from({ length: 20 }, () =>
        store.ping().then(
          () => 'answered',
          (error: unknown) => errorCodeOf(error),
        ),
      );
      process.kill(pid, 'SIGKILL');
      for (const answer of await Promise.all(calls)) expect(['answered', 'database-unavailable']).toContain(answer);
      // A session that has not noticed yet may answer once more.
      await until('another PostgreSQL', () => postgres.pid !== pid);
      await until('the database to be back', () =>
        store.ping().then(
          () => true,
          (error: unknown) => {
            expect(errorCodeOf(error)).toBe('database-unavailable');
            return false;
          },
        ),
      );
      for (let written = 1; written <= round; written++)
        expect(await store.secretFetch(`round-${written}`)).toEqual(Buffer.from([written]));
    }
    // Whoever runs it is told each time, and finds it in its log.
    expect(told).toHaveLength(3);
    for (const words of told) expect(words).toMatch(/^SIGKILL: PostgreSQL ended by itself \(SIGKILL\)/);
  });

  it('replaces the PostgreSQL that a killed owner left behind', async () => {
    const dir = newFolder();
    const holder = startHolder(dir);
    const left = await holder.ready;
    await ask(left.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await killed(holder.child);
    expect(isAlive(left.pid)).toBe(true);
    const postgres = embedded(dir);
    await postgres.start();
    expect(isAlive(left.pid)).toBe(false);
    expect(await ask(postgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('starts although the owner was killed together with its PostgreSQL, sessions and all', async () => {
    const dir = newFolder();
    const holder = startHolder(dir);
    const left = await holder.ready;
    await ask(left.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const session = ask(left.url, 'SELECT pg_sleep(600)').catch(() => 'ended');
    await until(
      'the session',
      async () =>
        (
          await ask(
            left.url,
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
          )
        ).length > 0,
    );
    process.kill(left.pid, 'SIGKILL');
    await killed(holder.child);
    const postgres = embedded(dir);
    await postgres.start();
    expect(await ask(postgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(await session).toBe('ended');
  });

  it('says which folder its user cannot enter', async () => {
    if (process.getuid?.() !== 0) return;
    const parent = mkdtempSync(join(tmpdir(), 'drover-pg-'));
    ends.push(() => rmSync(parent, { recursive: true, force: true }));
    chmodSync(parent, 0o700);
    await expect(embedded(join(parent, 'postgres')).start()).rejects.toMatchObject({
      code: 'embedded-database-failed',
      detail: expect.stringContaining(parent) as string,
    });
  });
});

describe('the socket of the embedded database', () => {
  it('is reached in a folder that is too deep for the path of a socket', async () => {
    const dir = join(newFolder(), 'deep'.repeat(30), 'postgres');
    mkdirSync(dirname(dir), { recursive: true, mode: 0o711 });
    const postgres = embedded(dir);
    await postgres.start();
    expect(Buffer.byteLength(join(dir, 'socket'))).toBeGreaterThan(107);
    expect(await ask(postgres.ownUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    // As another process is told.
    process.env.DATABASE_URL = postgres.url;
    try {
      expect(await ask(databaseAddress('DATABASE_URL')!, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      delete process.env.DATABASE_URL;
    }
    const pid = postgres.pid!;
    process.kill(pid, 'SIGKILL');
    await until('another PostgreSQL', () => postgres.pid !== pid);
    await until('an answer', () =>
      ask(postgres.ownUrl, 'SELECT 1 AS one').then(
        () => true,
        () => false,
      ),
    );
  });

  it('is taken anew although the number that a killed one left in its lock is that of another process of its user', async () => {
    const [mine, other] = [newFolder(), embedded(newFolder())];
    const first = embedded(mine);
    await first.start();
    await first.stop();
    await other.start();
    const lock = join(mine, 'socket', '.s.PGSQL.5432.lock');
    writeFileSync(lock, `${other.pid}\n${join(mine, 'data')}\n1\n5432\n../socket\n\n`, { mode: 0o600 });
    await first.start();
    expect(await ask(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

requiring('root').describe('started as root, the embedded database', () => {
  const NOBODY = 65_534;

  it('is out of reach for another user of the machine, who knows the way and the password', async () => {
    const postgres = embedded(newFolder());
    await postgres.start();
    const { hostname } = new URL(postgres.url);
    const socket = join(decodeURIComponent(hostname), '.s.PGSQL.5432');
    const tried = spawnSync(
      process.execPath,
      [
        '-e',
        `require('net').connect(${JSON.stringify(socket)}, () => console.log('reached')).on('error', (e) => console.log(e.code))`,
      ],
      { uid: NOBODY, gid: NOBODY, encoding: 'utf8', cwd: '/', env: { PATH: process.env.PATH ?? '' } },
    );
    expect(tried.stdout).toBe('EACCES\n');
    expect(listenersOf(postgres.pid!)).toEqual([]);
  });

  it('goes on as whoever owned its folder, where that is nobody else', async () => {
    const dir = newFolder();
    const postgres = embedded(dir);
    await postgres.start();
    await ask(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await postgres.stop();
    chownAll(join(dir, 'data'), 54_321);
    await postgres.start();
    expect(await ask(postgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(readFileSync(`/proc/${postgres.pid}/status`, 'utf8')).toMatch(/^Uid:\s+54321/m);
    await postgres.stop();
    chownAll(join(dir, 'data'), NOBODY);
    await expect(postgres.start()).rejects.toMatchObject({
      code: 'embedded-database-failed',
      detail: expect.stringContaining('belongs to the user nobody') as string,
    });
  });
});

/** Sockets of TCP that a process listens on. */
function listenersOf(pid: number): string[] {
  const inodes = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
  return ['tcp', 'tcp6']
    .flatMap((kind) => readFileSync(`/proc/net/${kind}`, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[3] === '0A' && inodes.includes(words[9]!))
    .map((words) => words[1]!);
}

function chownAll(path: string, uid: number): void {
  lchownSync(path, uid, uid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) chownAll(join(path, name), uid);
}

describe('the embedded database, begun on a bad footing,', () => {
  it('replaces a PostgreSQL that was left behind stopped', async () => {
    const dir = newFolder();
    const holder = startHolder(dir);
    const left = await holder.ready;
    await killed(holder.child);
    process.kill(left.pid, 'SIGSTOP');
    const first = embedded(dir);
    await first.start();
    expect(isAlive(left.pid)).toBe(false);
    await first.stop();
  });

  it('never touches the PostgreSQL of another folder, whatever number its lock file holds', async () => {
    const [mine, other] = [newFolder(), embedded(newFolder())];
    const first = embedded(mine);
    await first.start();
    await first.stop();
    await other.start();
    writeFileSync(
      join(mine, 'data', 'postmaster.pid'),
      `${other.pid}\n${join(mine, 'data')}\n1\n1\n\n127.0.0.1\n1 1\nready   \n`,
      { mode: 0o600 },
    );
    const pid = other.pid!;
    await first.start();
    expect(other.pid).toBe(pid);
    expect(await ask(other.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await ask(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('starts over when it was killed while it made its folder', async () => {
    const dir = newFolder();
    const holder = startHolder(dir);
    await until(
      'initdb to be at work',
      () => existsSync(dir) && readdirSync(dir).some((name) => existsSync(join(dir, name, 'PG_VERSION'))),
    );
    holder.killGroup();
    const postgres = embedded(dir);
    await postgres.start();
    expect(await ask(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says at once why PostgreSQL refuses the folder', async () => {
    const dir = newFolder();
    const first = embedded(dir);
    await first.start();
    await first.stop();
    writeFileSync(join(dir, 'data', 'PG_VERSION'), '99\n');
    await expect(first.start()).rejects.toMatchObject({
      code: 'embedded-database-failed',
      detail: expect.stringContaining('incompatible') as string,
    });
    expect(first.pid === undefined || !isAlive(first.pid)).toBe(true);
  });

  it('takes a folder that is named relative to where we are', async () => {
    const postgres = embedded(relative(process.cwd(), newFolder()));
    await postgres.start();
    expect(await ask(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is stopped in the middle of its start, and nothing of it is left', async () => {
    const dir = newFolder();
    const postgres = embedded(dir);
    const started = postgres.start().then(
      () => 'started',
      (error: unknown) => errorCodeOf(error),
    );
    await until('its folder to be made', () => existsSync(dir));
    await postgres.stop();
    expect(await started).toBe('embedded-database-failed');
    expect(existsSync(join(dir, 'data', 'postmaster.pid'))).toBe(false);
  });

  it('ends although PostgreSQL is stopped', async () => {
    const postgres = embedded(newFolder());
    await postgres.start();
    const pid = postgres.pid!;
    process.kill(pid, 'SIGSTOP');
    await postgres.stop();
    expect(isAlive(pid)).toBe(false);
  });
});
