/** Brings a database to this program's schema. Safe to run twice and by several servers at once. */
import { readdir, readFile } from 'node:fs/promises';
import { DroverError } from '../../base/errors.ts';
import type { Executor, Pool } from './pool.ts';
import { assertRestored } from './backup/restore-marker.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** Any constant will do; it keeps two servers from migrating at the same time. */
const LOCK = 727_001;

/** Throws `schema-newer`, `data-folder-foreign`, or `restore-unfinished` in a database that a restore was ended in. */
export async function migrate(pool: Pool): Promise<void> {
  const newest = await newestSchema();
  await pool.transaction(async (tx) => {
    // A restore holds the lock until its end: nobody waits for that. One that began a moment ago is found below.
    await assertRestored(tx);
    await migrationLock(tx);
    await assertRestored(tx);
    await migrateIn(tx, newest, (present) => {
      throw new DroverError('schema-newer', {
        detail: `The database has schema ${present}, this program knows ${newest}. Start the newer program, or restore a backup taken before the upgrade.`,
      });
    });
  });
}

/** Whoever has it is the only one who migrates this database, until the end of the transaction. Taking it twice is taking it once. */
export async function migrationLock(tx: Executor): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
}

/** The schema that this program works with. */
export async function newestSchema(): Promise<number> {
  return Number((await migrationFiles()).at(-1)!.slice(0, 4));
}

/** Applies what is missing up to version `upTo`; a database that is beyond it is given to `onNewer` and left alone. */
export async function migrateIn(tx: Executor, upTo: number, onNewer: (present: number) => void): Promise<void> {
  await migrationLock(tx);
  const { rows } = await tx.query<{ ours: string | null; foreign: string | null }>(
    "SELECT to_regclass('schema_migration')::text AS ours, coalesce(to_regclass('run'), to_regclass('host'), to_regclass('partition'))::text AS foreign",
  );
  if (rows[0]!.ours === null && rows[0]!.foreign !== null) {
    throw new DroverError('data-folder-foreign', {
      detail: 'The database holds tables of another program. Give Drover a database of its own in DATABASE_URL.',
    });
  }
  await tx.query(
    'CREATE TABLE IF NOT EXISTS schema_migration (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
  );
  const applied = await tx.query<{ version: number }>('SELECT version FROM schema_migration');
  const versions = new Set(applied.rows.map((row) => row.version));
  const present = Math.max(0, ...versions);
  if (present > upTo) return onNewer(present);
  for (const file of await migrationFiles()) {
    const version = Number(file.slice(0, 4));
    if (version > upTo || versions.has(version)) continue;
    await tx.query(await readFile(new URL(file, FOLDER), 'utf8'));
    await tx.query('INSERT INTO schema_migration (version) VALUES ($1)', [version]);
  }
}

async function migrationFiles(): Promise<string[]> {
  return (await readdir(FOLDER)).filter((file) => /^\d{4}_.*\.sql$/.test(file)).sort();
}
