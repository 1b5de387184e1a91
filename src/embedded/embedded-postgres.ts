/**
 * A real PostgreSQL as a child process, on a data folder of ours. The binaries come from the npm package of the platform;
 * they are copied beside the data once, because install scripts (which would make their symbolic links) do not run, and
 * because PostgreSQL refuses to run as root while another user may not read the place where packages are installed.
 *
 * A postmaster that an earlier, killed process left behind is stopped and replaced; one that dies is started again. Whose a process is,
 * is told by its working directory, never by the number in a file: numbers are used again, also for another folder's PostgreSQL.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, resolve as absolute } from 'node:path';
import pg from 'pg';
import { pause, type Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import { SETTINGS, walSettings } from './postgres-settings.ts';
import { KeptLog } from './kept-log.ts';

const START_MS = 60_000;
/** Between an end that nobody asked for and the next start: doubled with each end, from and up to. */
const RESTART_PAUSE_MS = 200;
const RESTART_PAUSE_MS_MAX = 10_000;
/** Alive for so long, it has recovered. */
const STEADY_MS = 30_000;
const ANSWERS_EVERY_MS = 200;
/** Ends of a PostgreSQL that has never been ready after which it never will be, unless the reason passes by itself. */
const START_FAILURES_MAX = 3;
const PASSES = /shared memory block|lock file|could not bind|Address already in use/;
/** Fast shutdown (sessions end, a checkpoint is written), then immediate (recovery at the next start), then none at all. */
const SHUTDOWN: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGINT', 6_000],
  ['SIGQUIT', 2_000],
  ['SIGKILL', 2_000],
];

export interface EmbeddedPostgresOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Further settings; tests turn durability off. */
  readonly settings?: Readonly<Record<string, string>>;
  /** It ended though nobody asked, and is started again. */
  readonly onRestart?: (why: string, logFile: string) => void;
  /** It answers again after such an end. */
  readonly onBack?: () => void;
}

export interface EmbeddedPostgres extends Service {
  /** postgres:// URL of the `drover` database; known after start. */
  readonly url: string;
  readonly pid: number | undefined;
}

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

export function createEmbeddedPostgres(options: EmbeddedPostgresOptions): EmbeddedPostgres {
  const { clock, log } = options;
  const dir = absolute(options.dir);
  const data = join(dir, 'data');
  let bin = '';
  let port = 0;
  let password = '';
  let owner: Owner = {};
  let child: ChildProcess | undefined;
  let stopping = false;
  let exited: Promise<void> = Promise.resolve();
  let starting: Promise<void> = Promise.resolve();
  /** What PostgreSQL said when it ended before it was ever ready. */
  let failures: string[] = [];
  let restarts = 0;
  const logFile = join(dir, 'postgres.log');
  const kept = new KeptLog(logFile, clock);

  function launch(): void {
    const settings = {
      ...SETTINGS,
      ...walSettings(dir),
      ...options.settings,
      port: String(port),
      unix_socket_directories: '',
    };
    const args = ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    // In a session of its own: Ctrl-C on a terminal must reach us, not PostgreSQL, which stops last.
    const started = spawn(join(bin, 'postgres'), args, {
      ...owner,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' },
    });
    child = started;
    const startedAt = clock.monotonicMs();
    let tail = '';
    started.stderr!.on('data', (bytes: Buffer) => {
      tail = (tail + bytes.toString()).slice(-2_000);
      kept.add(bytes.toString());
    });
    exited = new Promise((resolve) => {
      started.once('error', (error) => {
        failures.push(error.message);
        resolve();
      });
      started.once('exit', (code, signal) => {
        resolve();
        if (stopping || child !== started) return;
        if (!PASSES.test(tail)) failures.push(tail.trim().split('\n').slice(-4).join(' '));
        log.warn({ code, signal, tail: tail.split('\n').slice(-4) }, 'PostgreSQL ended by itself; starting it again');
        if (clock.monotonicMs() - startedAt > STEADY_MS) restarts = 0;
        const why = endedBecause(signal ?? `exit ${code}`, tail);
        kept.add(
          `PostgreSQL ended by itself (${why}) at ${new Date(clock.nowMs()).toISOString()}; it is started again\n`,
        );
        options.onRestart?.(why, logFile);
        const pauseMs = Math.min(RESTART_PAUSE_MS_MAX, RESTART_PAUSE_MS * 2 ** restarts++);
        clock.after(pauseMs, () => {
          if (stopping) return;
          launch();
          void tellWhenBack(child!);
        });
      });
    });
  }

  /** Once for each end that was told; whoever has ended meanwhile is told of by itself. */
  async function tellWhenBack(one: ChildProcess): Promise<void> {
    while (!stopping && child === one && one.exitCode === null && one.signalCode === null) {
      if (await answers(api.url)) {
        kept.add(`PostgreSQL answers again at ${new Date(clock.nowMs()).toISOString()}\n`);
        log.warn({}, 'PostgreSQL answers again');
        return options.onBack?.();
      }
      await pause(clock, ANSWERS_EVERY_MS);
    }
  }

  /** Why there is no sense in waiting any longer. */
  function givenUp(): string | undefined {
    if (stopping) return 'it was stopped while it was starting';
    return failures.length >= START_FAILURES_MAX ? failures.at(-1) : undefined;
  }

  async function begin(url: () => string): Promise<void> {
    await mkdir(dir, { recursive: true });
    owner = databaseOwner();
    bin = join(await installBinaries(dir), 'bin');
    if (owner.uid !== undefined) await assertReachable(dir, owner);
    await stopStale(data, clock);
    const passwordFile = join(dir, 'password');
    if (!(await exists(join(data, 'PG_VERSION'))))
      await initialise({ dir, data, bin, passwordFile, owner, isDurable: options.settings?.fsync !== 'off' });
    password = (await readFile(passwordFile, 'utf8')).trim();
    port = await freePort();
    if (!stopping) launch();
    await ensureDatabase(url(), clock, givenUp);
  }

  const api: EmbeddedPostgres = {
    name: 'embedded-postgres',
    get url() {
      return `postgres://drover:${password}@127.0.0.1:${port}/drover`;
    },
    get pid() {
      return child?.pid;
    },
    async start() {
      stopping = false;
      failures = [];
      starting = begin(() => api.url);
      await starting.catch(async (error: unknown) => {
        stopping = true;
        await end(child, exited, clock);
        throw hasNoSpace((error as Error).message)
          ? new DroverError('database-full', {
              detail: `PostgreSQL did not start, because no space is left on the disk of ${dir}. Make room, then start again.`,
              cause: error,
            })
          : error;
      });
    },
    async stop() {
      stopping = true;
      await end(child, exited, clock);
      await starting.catch(() => undefined);
      child = undefined;
      kept.close();
    },
  };
  return api;
}

async function end(child: ChildProcess | undefined, exited: Promise<void>, clock: Clock): Promise<void> {
  if (!child) return;
  for (const [signal, waitMs] of SHUTDOWN) {
    child.kill(signal);
    // One that was stopped would not hear of it.
    child.kill('SIGCONT');
    const giveUp = new AbortController();
    const ended = await Promise.race([exited.then(() => true), pause(clock, waitMs, giveUp.signal).then(() => false)]);
    giveUp.abort();
    if (ended) return;
  }
}

/** In words, where its last ones are known to mean something that somebody can mend. */
function endedBecause(how: string, tail: string): string {
  return hasNoSpace(tail) ? `${how}, no space left on the disk` : how;
}

function hasNoSpace(words: string): boolean {
  return /No space left on device|Disk quota exceeded|ENOSPC/i.test(words);
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function run(command: string, args: string[], owner: Owner, env: Record<string, string> = {}): void {
  const result = spawnSync(command, args, {
    ...owner,
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', ...env },
    cwd: '/',
  });
  if (result.status !== 0)
    throw new DroverError('embedded-database-failed', {
      detail: `${command.split('/').at(-1)} failed: ${(result.error?.message ?? result.stderr).trim().slice(-500)}`,
    });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** PostgreSQL refuses to run as root: the system's `postgres` user, or one of our own. */
function databaseOwner(): Owner {
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

async function assertReachable(dir: string, owner: Owner): Promise<void> {
  const { status } = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { ...owner, cwd: '/' });
  if (status !== 0)
    throw new DroverError('embedded-database-failed', {
      detail:
        `PostgreSQL does not run as root, and its user cannot enter ${dir}. Choose a data folder whose parents ` +
        'everybody may pass (chmod o+x), for example below /var/lib.',
    });
}

/** Copies the package's binaries and makes the links that its install script would have made. Atomic by rename. */
async function installBinaries(dir: string): Promise<string> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  let source: string;
  try {
    // The package exports its entry point alone; its root is the folder above `dist`.
    source = dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch (error) {
    throw new DroverError('embedded-database-failed', {
      detail: `The package ${packageName} is not installed; install it, or set DATABASE_URL.`,
      cause: error,
    });
  }
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string };
  const target = join(dir, `postgres-${version}`);
  if (await exists(target)) return target;
  const staging = `${target}.${process.pid}`;
  await cp(join(source, 'native'), staging, { recursive: true }).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true });
    throw error;
  });
  for (const program of ['postgres', 'initdb', 'pg_ctl'])
    await chmod(join(staging, 'bin', program), 0o755).catch(() => undefined);
  const links = JSON.parse(await readFile(join(source, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
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

/**
 * Built aside and put in its place when it is whole: initdb writes PG_VERSION first, so a folder that it was killed in the middle of would
 * look like a database for ever. Under a name of its own, because an initdb outlives the process that started it.
 */
async function initialise(at: {
  dir: string;
  data: string;
  bin: string;
  passwordFile: string;
  owner: Owner;
  isDurable: boolean;
}): Promise<void> {
  for (const name of await readdir(at.dir))
    if (name.startsWith('initialising-'))
      await rm(join(at.dir, name), { recursive: true, force: true }).catch(() => undefined);
  const staging = join(at.dir, `initialising-${randomBytes(6).toString('hex')}`);
  await rm(at.data, { recursive: true, force: true });
  await writeFile(at.passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  await mkdir(staging, { mode: 0o700 });
  if (at.owner.uid !== undefined)
    for (const path of [staging, at.passwordFile]) await chown(path, at.owner.uid, at.owner.gid!);
  run(
    join(at.bin, 'initdb'),
    [
      '-D',
      staging,
      '-U',
      'drover',
      '--pwfile',
      at.passwordFile,
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-instructions',
      ...(at.isDurable ? [] : ['--no-sync']),
    ],
    at.owner,
  );
  await rename(staging, at.data);
}

/**
 * Ends what an earlier life left running on this very folder: the postmaster, and sessions that outlived theirs. Then the lock file goes,
 * because PostgreSQL would believe its number if anything else of the same user had it by now; with nobody left on the folder
 * that is safe.
 */
async function stopStale(data: string, clock: Clock): Promise<void> {
  const lockFile = join(data, 'postmaster.pid');
  const text = await readFile(lockFile, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const postmaster = Number(text.split('\n')[0]);
  for (const [signal, waitMs] of SHUTDOWN) {
    const left = await processesOn(data, postmaster);
    if (left.length === 0) break;
    for (const pid of left.includes(postmaster) ? [postmaster] : left) signalQuietly(pid, signal);
    const until = clock.monotonicMs() + waitMs;
    while (clock.monotonicMs() < until && (await processesOn(data, postmaster)).length > 0) await pause(clock, 50);
  }
  // Sessions of a postmaster that had to be killed.
  for (const pid of await processesOn(data, postmaster)) signalQuietly(pid, 'SIGKILL');
  await rm(lockFile, { force: true });
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended meanwhile.
  }
}

/** The PostgreSQL processes whose working directory is this data folder: all of theirs, and of no other folder's. */
async function processesOn(data: string, postmaster: number): Promise<number[]> {
  if (process.platform !== 'linux')
    return spawnSync('ps', ['-p', String(postmaster), '-o', 'args='], { encoding: 'utf8' }).stdout.includes(data)
      ? [postmaster]
      : [];
  const folder = await realpath(data);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const isOurs = await Promise.all(
    pids.map(async (pid) => {
      if ((await readlink(`/proc/${pid}/cwd`).catch(() => '')) !== folder) return false;
      return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')) === 'postgres\n';
    }),
  );
  return pids.filter((_, i) => isOurs[i]);
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
async function ensureDatabase(url: string, clock: Clock, givenUp: () => string | undefined): Promise<void> {
  const until = clock.monotonicMs() + START_MS;
  for (;;) {
    const client = new pg.Client({
      connectionString: url.replace(/\/drover$/, '/postgres'),
      connectionTimeoutMillis: 2_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'drover'");
      if (rowCount === 0) await client.query('CREATE DATABASE drover');
      return;
    } catch (error) {
      const reason = givenUp();
      if (reason !== undefined)
        throw new DroverError('embedded-database-failed', {
          detail: `PostgreSQL did not start: ${reason}`,
          cause: error,
        });
      if (clock.monotonicMs() > until)
        throw new DroverError('embedded-database-failed', {
          detail: `PostgreSQL did not answer within ${START_MS / 1_000} s: ${(error as Error).message}`,
          cause: error,
        });
      await pause(clock, 30);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
