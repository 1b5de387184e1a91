/**
 * A real PostgreSQL as a child process, on a data folder of ours. The binaries come from the npm package of the platform;
 * they are copied beside the data once, because install scripts (which would make their symbolic links) do not run, and
 * because PostgreSQL refuses to run as root while another user may not read the place where packages are installed.
 *
 * A postmaster that an earlier, killed process left behind is stopped and replaced; one that dies is started again. Whose a process is,
 * is told by its working directory, never by the number in a file: numbers are used again, also for another folder's PostgreSQL.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve as absolute } from 'node:path';
import pg from 'pg';
import { pause, type Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { socketFolder, type SocketFolder } from '../base/node-socket-folder.ts';
import type { Service } from '../base/service.ts';
import { initialise } from './database-folder.ts';
import { assertReachable, databaseOwner, type Owner } from './database-owner.ts';
import { databaseUrl, makeSocketFolder, socketFolderOf } from './database-socket.ts';
import { KeptLog } from './kept-log.ts';
import { exists, installBinaries } from './postgres-binaries.ts';
import { SETTINGS, walSettings } from './postgres-settings.ts';
import { SHUTDOWN, stopStale } from './stale-postgres.ts';

const START_MS = 60_000;
/** Between an end that nobody asked for and the next start: doubled with each end, from and up to. */
const RESTART_PAUSE_MS = 200;
const RESTART_PAUSE_MS_MAX = 10_000;
/** Alive for so long, it has recovered. */
const STEADY_MS = 30_000;
const ANSWERS_EVERY_MS = 200;
/** Ends of a PostgreSQL that has never been ready after which it never will be, unless the reason passes by itself. */
const START_FAILURES_MAX = 3;
const PASSES = /shared memory block|lock file/;
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
  /** What whoever starts it should know of the user that it runs as. */
  readonly onNote?: (note: string) => void;
}

export interface EmbeddedPostgres extends Service {
  /** postgres:// URL of the `drover` database, by a socket; known after start. */
  readonly url: string;
  /** The same for this process alone, however deep the folder is. */
  readonly ownUrl: string;
  readonly pid: number | undefined;
}

export function createEmbeddedPostgres(options: EmbeddedPostgresOptions): EmbeddedPostgres {
  const { clock, log } = options;
  const dir = absolute(options.dir);
  const data = join(dir, 'data');
  let bin = '';
  let password = '';
  let owner: Owner = {};
  let socket: SocketFolder | undefined;
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
    const settings = { ...SETTINGS, ...walSettings(dir), ...options.settings };
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
      if (await answers(api.ownUrl)) {
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
    const chosen = databaseOwner(data);
    owner = chosen.owner;
    if (chosen.note !== undefined) {
      log.warn({ folder: data }, chosen.note);
      options.onNote?.(chosen.note);
    }
    bin = join(await installBinaries(dir), 'bin');
    if (owner.uid !== undefined) await assertReachable(dir, owner);
    await stopStale(data, clock);
    const passwordFile = join(dir, 'password');
    if (!(await exists(join(data, 'PG_VERSION'))))
      await initialise({ dir, data, bin, passwordFile, owner, isDurable: options.settings?.fsync !== 'off' });
    password = (await readFile(passwordFile, 'utf8')).trim();
    await makeSocketFolder(dir, owner);
    socket?.close();
    socket = socketFolder(socketFolderOf(dir));
    if (!stopping) launch();
    await ensureDatabase(url(), clock, givenUp);
  }

  const api: EmbeddedPostgres = {
    name: 'embedded-postgres',
    get url() {
      return databaseUrl(socketFolderOf(dir), password);
    },
    get ownUrl() {
      return databaseUrl(socket?.path ?? socketFolderOf(dir), password);
    },
    get pid() {
      return child?.pid;
    },
    async start() {
      stopping = false;
      failures = [];
      starting = begin(() => api.ownUrl);
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
      socket?.close();
      socket = undefined;
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
