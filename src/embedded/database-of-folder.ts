/**
 * The embedded database of a data folder of `drover up`, for programs that need it now and again: that of the running one, or one that is
 * started for the time being, with the folder held so that nobody starts it meanwhile.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { createEmbeddedPostgres } from './embedded-postgres.ts';

export interface FolderDatabase {
  readonly url: string;
  /** Stops what was started for this, and lets go of the folder. */
  close(): Promise<void>;
}

/** Of a folder that has a database. Rejects with `bad-input` where there is none, `database-unavailable` while it is starting. */
export async function openFolderDatabase(dataDir: string, clock: Clock, log: Log): Promise<FolderDatabase> {
  const hasOne = await stat(join(dataDir, 'postgres', 'data', 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (!hasOne)
    throw new DroverError('bad-input', {
      detail: `${dataDir} holds no database (or you may not look into it). Give the data folder of drover up with --data, or DATABASE_URL.`,
    });
  try {
    return await startFolderDatabase(dataDir, clock, log);
  } catch (error) {
    if (errorCodeOf(error) !== 'data-folder-in-use') throw error;
    return { url: await runningUrl(join(dataDir, 'postgres')), close: async () => undefined };
  }
}

/** Made if it is not there. Rejects with `data-folder-in-use` when `drover up` runs on it. */
export async function startFolderDatabase(dataDir: string, clock: Clock, log: Log): Promise<FolderDatabase> {
  const lock = await acquireFolderLock(dataDir, 'up');
  const postgres = createEmbeddedPostgres({ dir: join(dataDir, 'postgres'), clock, log });
  try {
    await postgres.start();
  } catch (error) {
    lock.release();
    throw error;
  }
  return {
    url: postgres.url,
    async close() {
      await postgres.stop();
      lock.release();
    },
  };
}

/** The port is on the fourth line of PostgreSQL's own file; one that is just starting has not written it. */
async function runningUrl(dir: string): Promise<string> {
  try {
    const password = (await readFile(join(dir, 'password'), 'utf8')).trim();
    const port = Number((await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8')).split('\n')[3]);
    if (Number.isInteger(port) && port > 0) return `postgres://drover:${password}@127.0.0.1:${port}/drover`;
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
