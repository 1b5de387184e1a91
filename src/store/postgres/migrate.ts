/**
 * Brings a database to this program's schema. Safe to run twice and by several servers at once. Each migration that was applied is kept
 * with its digest, so that a database made by a build with other migrations is refused instead of being worked on as what it is not.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { DroverError } from '../../base/errors.ts';
import type { Querier } from './backup/backup-tables.ts';
import { assertRestored } from './backup/restore-marker.ts';
import type { Executor, Pool } from './pool.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** Any constant will do; it keeps two servers from migrating at the same time. */
const LOCK = 727_001;

/**
 * Throws `schema-newer`, `schema-unknown`, `data-folder-foreign`, `database-encoding`, or `restore-unfinished` in a database that a
 * restore was ended in.
 */
export async function migrate(pool: Pool): Promise<void> {
  const newest = await newestSchema();
  await pool.transaction(async (tx) => {
    // A restore holds the lock until its end: nobody waits for that. One that began a moment ago is found below.
    await assertRestored(tx);
    await migrationLock(tx);
    await assertRestored(tx);
    await migrateIn(tx, newest, (present) => {
      throw new DroverError('schema-newer', {
        detail:
          `The database has schema ${present}, this program knows ${newest}. Start the newer program, or restore a ` +
          'backup taken before the upgrade.',
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
  return (await migrations()).at(-1)!.version;
}

/** The digest of all migrations up to version `upTo`, hexadecimal: two builds with the same one make the same tables. */
export async function schemaDigest(upTo: number): Promise<string> {
  const all = createHash('sha256');
  for (const { version, digest } of await migrations()) if (version <= upTo) all.update(digest);
  return all.digest('hex');
}

/**
 * Applies what is missing up to version `upTo`; a database that is beyond it is given to `onNewer` and left alone.
 * Throws `schema-unknown`, `data-folder-foreign` or `database-encoding`.
 */
export async function migrateIn(tx: Executor, upTo: number, onNewer: (present: number) => void): Promise<void> {
  await migrationLock(tx);
  const { rows } = await tx.query<{ ours: string | null; foreign: string | null }>(
    `SELECT to_regclass('schema_migration')::text AS ours,
       coalesce(to_regclass('run'), to_regclass('host'), to_regclass('partition'))::text AS foreign`,
  );
  if (rows[0]!.ours === null && rows[0]!.foreign !== null) {
    throw new DroverError('data-folder-foreign', {
      detail: 'The database holds tables of another program. Give Drover a database of its own in DATABASE_URL.',
    });
  }
  await assertHoldsUtf8(tx);
  await tx.query(
    `CREATE TABLE IF NOT EXISTS schema_migration (
       version int PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
     )`,
  );
  const known = await migrations();
  const applied = await appliedMigrations(tx);
  assertOfThisProgram(applied, known);
  const present = Math.max(0, ...applied.keys());
  if (present > upTo) return onNewer(present);
  for (const { version, text, digest } of known) {
    if (version > upTo || applied.has(version)) continue;
    await tx.query(text);
    await tx.query('INSERT INTO schema_migration (version, digest) VALUES ($1, $2)', [version, digest]);
  }
}

/** Names are of every script, and the checks of the tables are of Unicode: another encoding would refuse them one by one, later. */
async function assertHoldsUtf8(tx: Executor): Promise<void> {
  const { rows } = await tx.query<{ encoding: string }>("SELECT current_setting('server_encoding') AS encoding");
  if (rows[0]!.encoding !== 'UTF8')
    throw new DroverError('database-encoding', {
      detail:
        `The database has the encoding ${rows[0]!.encoding}; Drover needs UTF8. Make another and give it in ` +
        "DATABASE_URL: CREATE DATABASE drover ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0.",
    });
}

/** Throws `schema-unknown` where the database was made by a build with other migrations. In a database that was migrated once. */
export async function assertSchemaOfThisProgram(db: Querier): Promise<void> {
  assertOfThisProgram(await appliedMigrations(db), await migrations());
}

interface Migration {
  readonly version: number;
  readonly text: string;
  /** SHA-256 of the text, hexadecimal. */
  readonly digest: string;
}

/** By version. The digest is null in databases of builds that kept none. */
async function appliedMigrations(db: Querier): Promise<Map<number, string | null>> {
  const { rows } = await db.query("SELECT version, to_jsonb(m) ->> 'digest' AS digest FROM schema_migration m");
  return new Map((rows as { version: number; digest: string | null }[]).map((row) => [row.version, row.digest]));
}

/** What is beyond the newest that we know is not ours to judge. */
function assertOfThisProgram(applied: Map<number, string | null>, known: readonly Migration[]): void {
  const own = new Map(known.map(({ version, digest }) => [version, digest]));
  for (const [version, digest] of applied) {
    const ours = own.get(version);
    if (digest !== null && (ours === undefined || ours === digest)) continue;
    throw new DroverError('schema-unknown', {
      detail:
        `The database was made by a development build of Drover: its schema ${version} is not this program's, and ` +
        'nothing leads from there to here. Give an empty database in DATABASE_URL or a new data folder with ' +
        '--data, or go on with the build that made it.',
    });
  }
}

async function migrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => /^\d{4}_.*\.sql$/.test(file)).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(new URL(file, FOLDER), 'utf8');
      return { version: Number(file.slice(0, 4)), text, digest: createHash('sha256').update(text).digest('hex') };
    }),
  );
}
