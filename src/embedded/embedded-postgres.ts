/**
 * A real PostgreSQL as a child process, on a data folder of ours. The binaries come from the npm package of the platform;
 * they are copied beside the data once, because install scripts (which would make their symbolic links) do not run, and
 * because PostgreSQL refuses to run as root while another user may not read the place where packages are installed.
 *
 * A postmaster that an earlier, killed process left behind is stopped and replaced; one that dies is started again.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { pause, type Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';

const START_MS = 60_000;
const RESTART_PAUSE_MS = 200;

export interface EmbeddedPostgresOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Further settings; tests turn durability off. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres extends Service {
  /** postgres:// URL of the `drover` database; known after start. */
  readonly url: string;
  readonly pid: number | undefined;
}

interface Owner { readonly uid?: number; readonly gid?: number }

export function createEmbeddedPostgres(options: EmbeddedPostgresOptions): EmbeddedPostgres {
  const { dir, clock, log } = options;
  const data = join(dir, 'data');
  let bin = '';
  let port = 0;
  let password = '';
  let owner: Owner = {};
  let child: ChildProcess | undefined;
  let stopping = false;
  let exited: Promise<void> = Promise.resolve();

  function launch(): void {
    const settings = { ...SETTINGS, ...options.settings, port: String(port), unix_socket_directories: '' };
    const args = ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    // In a session of its own: Ctrl-C on a terminal must reach us, not PostgreSQL, which stops last.
    const started = spawn(join(bin, 'postgres'), args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'], detached: true, cwd: dir, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' } });
    child = started;
    let tail = '';
    started.stderr!.on('data', (bytes: Buffer) => {
      tail = (tail + bytes.toString()).slice(-2_000);
    });
    exited = new Promise((resolve) => {
      started.once('error', () => resolve());
      started.once('exit', (code, signal) => {
        resolve();
        if (stopping || child !== started) return;
        log.warn({ code, signal, tail: tail.split('\n').slice(-4) }, 'PostgreSQL ended by itself; starting it again');
        clock.after(RESTART_PAUSE_MS, () => void (stopping || launch()));
      });
    });
  }

  return {
    name: 'embedded-postgres',
    get url() {
      return `postgres://drover:${password}@127.0.0.1:${port}/drover`;
    },
    get pid() {
      return child?.pid;
    },
    async start() {
      stopping = false;
      await mkdir(dir, { recursive: true });
      owner = databaseOwner();
      bin = join(await installBinaries(dir), 'bin');
      if (owner.uid !== undefined) await assertReachable(dir, owner);
      await stopStale(data, clock);
      const passwordFile = join(dir, 'password');
      const fresh = !(await exists(join(data, 'PG_VERSION')));
      if (fresh) await initialise({ dir, data, bin, passwordFile, owner });
      password = (await readFile(passwordFile, 'utf8')).trim();
      port = await freePort();
      launch();
      await ensureDatabase(this.url, clock);
    },
    async stop() {
      stopping = true;
      // Fast shutdown: ends sessions, writes a checkpoint.
      child?.kill('SIGINT');
      await exited;
      child = undefined;
    },
  };
}

/** Fit for one machine shared with everything else; durability stays on. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1', max_connections: '100', shared_buffers: '256MB', max_wal_size: '4GB', min_wal_size: '256MB', wal_compression: 'on',
  checkpoint_timeout: '15min', jit: 'off', password_encryption: 'scram-sha-256', log_min_messages: 'fatal', autovacuum_naptime: '20s', max_parallel_workers_per_gather: '0',
};

function run(command: string, args: string[], owner: Owner, env: Record<string, string> = {}): void {
  const result = spawnSync(command, args, { ...owner, encoding: 'utf8', env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...env }, cwd: '/' });
  if (result.status !== 0) throw new DroverError('embedded-database-failed', { detail: `${command.split('/').at(-1)} failed: ${(result.error?.message ?? result.stderr).trim().slice(-500)}` });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

/** PostgreSQL refuses to run as root: the system's `postgres` user, or one of our own. */
function databaseOwner(): Owner {
  if (process.getuid?.() !== 0) return {};
  const known = lookUp('drover-postgres') ?? lookUp('postgres');
  if (known) return known;
  spawnSync('useradd', ['--system', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', 'drover-postgres']);
  const made = lookUp('drover-postgres');
  if (!made) throw new DroverError('embedded-database-failed', { detail: 'PostgreSQL does not run as root, and the user drover-postgres could not be created. Create it (useradd --system drover-postgres), run Drover as another user, or set DATABASE_URL.' });
  return made;
}

function lookUp(user: string): Owner | undefined {
  const uid = Number(spawnSync('id', ['-u', user], { encoding: 'utf8' }).stdout.trim() || Number.NaN);
  const gid = Number(spawnSync('id', ['-g', user], { encoding: 'utf8' }).stdout.trim() || Number.NaN);
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
}

async function assertReachable(dir: string, owner: Owner): Promise<void> {
  const { status } = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { ...owner, cwd: '/' });
  if (status !== 0) throw new DroverError('embedded-database-failed', { detail: `PostgreSQL does not run as root, and its user cannot enter ${dir}. Choose a data folder whose parents everybody may pass (chmod o+x), for example below /var/lib.` });
}

/** Copies the package's binaries and makes the links that its install script would have made. Atomic by rename. */
async function installBinaries(dir: string): Promise<string> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  let source: string;
  try {
    // The package exports its entry point alone; its root is the folder above `dist`.
    source = dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch (error) {
    throw new DroverError('embedded-database-failed', { detail: `The package ${packageName} is not installed; install it, or set DATABASE_URL.`, cause: error });
  }
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string };
  const target = join(dir, `postgres-${version}`);
  if (await exists(target)) return target;
  const staging = `${target}.${process.pid}`;
  await cp(join(source, 'native'), staging, { recursive: true });
  for (const program of ['postgres', 'initdb', 'pg_ctl']) await chmod(join(staging, 'bin', program), 0o755).catch(() => undefined);
  const links = JSON.parse(await readFile(join(source, 'native', 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const link of links) {
    const path = join(staging, link.target.replace(/^native\//, ''));
    await rm(path, { force: true });
    await symlink(link.source.split('/').at(-1)!, path);
  }
  await rename(staging, target).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true });
    if (!(await exists(target))) throw error;
  });
  return target;
}

async function initialise(at: { dir: string; data: string; bin: string; passwordFile: string; owner: Owner }): Promise<void> {
  await rm(at.data, { recursive: true, force: true });
  await writeFile(at.passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  await mkdir(at.data, { mode: 0o700 });
  if (at.owner.uid !== undefined) for (const path of [at.data, at.passwordFile]) await chown(path, at.owner.uid, at.owner.gid!);
  run(join(at.bin, 'initdb'), ['-D', at.data, '-U', 'drover', '--pwfile', at.passwordFile, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-instructions', '--no-sync'], at.owner);
}

/** The postmaster of an earlier life on this very folder: fast shutdown, then harder. */
async function stopStale(data: string, clock: Clock): Promise<void> {
  const lines = await readFile(join(data, 'postmaster.pid'), 'utf8').then((text) => text.split('\n'), () => undefined);
  const pid = Number(lines?.[0]);
  if (!lines || !(pid > 1) || lines[1] !== data || !(await isPostgres(pid))) return;
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (let i = 0; i < 100; i++) {
      if (!(await isPostgres(pid))) return;
      await pause(clock, 100);
    }
  }
}

async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return spawnSync('ps', ['-p', String(pid), '-o', 'comm='], { encoding: 'utf8' }).stdout.includes('postgres');
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^Name:\s+postgres$/m.test(status) && !/^State:\s+Z/m.test(status);
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Waits for an answer and creates our database when it is missing. After a kill -9 the old shared memory may linger for a
 * moment: a start that fails for it is tried again by the exit handler meanwhile.
 */
async function ensureDatabase(url: string, clock: Clock): Promise<void> {
  const until = clock.monotonicMs() + START_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url.replace(/\/drover$/, '/postgres'), connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'drover'");
      if (rowCount === 0) await client.query('CREATE DATABASE drover');
      return;
    } catch (error) {
      if (clock.monotonicMs() > until) throw new DroverError('embedded-database-failed', { detail: `PostgreSQL did not answer within ${START_MS / 1_000} s: ${(error as Error).message}`, cause: error });
      await pause(clock, 30);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
