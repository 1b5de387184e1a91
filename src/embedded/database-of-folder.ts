/**
 * The embedded database of a data folder of `drover up`, for programs that need it now and again: that of the running one, or one that is
 * started for the time being, with the folder held so that nobody starts it meanwhile. For a restore it is made if need be; until the
 * restore has marked the database itself, a file in the folder says so, in case it is killed while PostgreSQL is being made.
 */
import { existsSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { socketFolder } from '../base/node-socket-folder.ts';
import { databaseUrl, isListening, socketFolderOf } from './database-socket.ts';
import { createEmbeddedPostgres } from './embedded-postgres.ts';

export interface FolderDatabase {
  /** For this process alone. */
  readonly url: string;
  /** Stops what was started for this, and lets go of the folder. */
  close(): Promise<void>;
}

/** There while a restore makes the database, and after one that was killed at that. */
const RESTORE_FILE = 'restore-unfinished';
const RESTORE_FILE_TEXT = 'A restore has begun here and is not finished: docs/operations/backup.md\n';

/** Throws `restore-unfinished` in a data folder whose database was made for a restore that never reached it. */
export function assertFolderRestored(dataDir: string): void {
  if (existsSync(join(dataDir, RESTORE_FILE)))
    throw new DroverError('restore-unfinished', {
      detail:
        `A restore into ${dataDir} was begun and did not come to its end, so nothing is in it. Repeat drover ` +
        'restore with the same backup and --data. To begin a new installation here instead, remove ' +
        `${join(dataDir, RESTORE_FILE)}.`,
    });
}

/**
 * Of a folder that has a database. Rejects with `bad-input` where there is none, `database-unavailable` while it is
 * starting, `restore-unfinished`.
 */
export async function openFolderDatabase(dataDir: string, clock: Clock, log: Log): Promise<FolderDatabase> {
  if (!(await hasDatabase(dataDir)))
    throw new DroverError('bad-input', {
      detail: `${dataDir} holds no database (or you may not look into it). Give the data folder of drover up with --data, or DATABASE_URL.`,
    });
  let lock;
  try {
    lock = await acquireFolderLock(dataDir, 'up');
  } catch (error) {
    if (errorCodeOf(error) !== 'data-folder-in-use') throw error;
    return { url: await runningUrl(join(dataDir, 'postgres')), close: async () => undefined };
  }
  try {
    assertFolderRestored(dataDir);
    return await startHeld(dataDir, lock, clock, log);
  } catch (error) {
    lock.release();
    throw error;
  }
}

export interface DatabaseForRestore extends FolderDatabase {
  /** An earlier restore was ended while it made the database. */
  readonly isAnew: boolean;
  /** The database itself says from now on that a restore is not finished; or this one has failed, and whoever called was told. */
  unmark(): Promise<void>;
}

/** Made if it is not there, and the folder marked until `unmark`. Rejects with `data-folder-in-use` when `drover up` runs on it. */
export async function startDatabaseForRestore(dataDir: string, clock: Clock, log: Log): Promise<DatabaseForRestore> {
  const lock = await acquireFolderLock(dataDir, 'up');
  const file = join(dataDir, RESTORE_FILE);
  const unmark = (): Promise<void> => rm(file, { force: true });
  const isAnew = existsSync(file);
  try {
    if (!isAnew && !(await hasDatabase(dataDir)))
      await writeFile(file, RESTORE_FILE_TEXT, { mode: 0o600, flush: true });
    return { ...(await startHeld(dataDir, lock, clock, log)), isAnew, unmark };
  } catch (error) {
    if (!isAnew) await unmark();
    lock.release();
    throw error;
  }
}

/** `lock` is released when it is closed. */
async function startHeld(dataDir: string, lock: { release(): void }, clock: Clock, log: Log): Promise<FolderDatabase> {
  const postgres = createEmbeddedPostgres({ dir: join(dataDir, 'postgres'), clock, log });
  await postgres.start();
  return {
    url: postgres.ownUrl,
    async close() {
      await postgres.stop();
      lock.release();
    },
  };
}

function hasDatabase(dataDir: string): Promise<boolean> {
  return stat(join(dataDir, 'postgres', 'data', 'PG_VERSION')).then(
    () => true,
    () => false,
  );
}

/** That of a PostgreSQL which another process runs here. */
async function runningUrl(dir: string): Promise<string> {
  try {
    const password = (await readFile(join(dir, 'password'), 'utf8')).trim();
    if (isListening(dir)) return databaseUrl(socketFolder(socketFolderOf(dir)).path, password);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      throw new DroverError('permission-denied', {
        detail: `The password of the database in ${dir} is for the user that drover up runs as, and root. Run this as one of them.`,
        cause: error,
      });
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  throw new DroverError('database-unavailable', { detail: `The database in ${dir} is just starting or stopping.` });
}
