/**
 * Takes a backup: one snapshot of all tables, read beside the running fleet. It writes nothing and keeps nobody waiting but who makes
 * or drops tables: days of runs are not made or dropped while it goes on (maintenance.ts comes again), and nothing is migrated.
 */
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { BackupHeader, BackupSummary } from '../../../backup/backup-format.ts';
import { BackupWriter, type ByteSink } from '../../../backup/backup-writer.ts';
import { DroverError } from '../../../base/errors.ts';
import { backupTables, quoted, withoutTimeLimits, type Querier } from './backup-tables.ts';
import { DAILY_TABLES } from '../maintenance.ts';
import { assertSchemaOfThisProgram, newestSchema, schemaDigest } from '../migrate.ts';
import { translateDatabaseError } from '../pool.ts';
import { assertRestored } from './restore-marker.ts';

export interface BackupOptions {
  readonly url: string;
  readonly programVersion: string;
  readonly sink: ByteSink;
  /** Names the key that a sealed value is under, where the caller has it. */
  readonly keyIdOf: (purpose: string, sealed: Uint8Array) => string | undefined;
  readonly onProgress: (progress: { readonly table: string; readonly bytes: number }) => void;
}

/**
 * Rejects with `database-unavailable`, `schema-newer`, `schema-unknown`, `restore-unfinished`, or `bad-input` when
 * there is no database of Drover's.
 */
export async function takeBackup(
  options: BackupOptions,
): Promise<{ readonly header: BackupHeader; readonly summary: BackupSummary }> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'drover backup',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await withoutTimeLimits(client);
    return await copyAll(client, options);
  } catch (error) {
    throw translateDatabaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function copyAll(
  client: pg.Client,
  options: BackupOptions,
): Promise<{ readonly header: BackupHeader; readonly summary: BackupSummary }> {
  await assertOurs(client);
  const before = await backupTables(client);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // Before the snapshot: a table that is dropped after it and before it is read would be read as empty.
  await client.query(`LOCK TABLE ${before.map(({ name }) => quoted(name)).join(', ')} IN ACCESS SHARE MODE`);
  const tables = await backupTables(client);
  if (tables.some(({ name }) => !before.some((table) => table.name === name)))
    throw new DroverError('database-unavailable', {
      detail: 'The database is being migrated. Repeat it when that is done.',
    });
  const header = await headerOf(client, options);
  const writer = await BackupWriter.begin(options.sink, header);
  for (const table of tables) {
    options.onProgress({ table: table.name, bytes: writer.bytes });
    // Of a partitioned table this reads all days.
    const rows = `SELECT ${table.columns.map(quoted).join(', ')} FROM ${quoted(table.name)}`;
    await writer.table(table, client.query(copyTo(`COPY (${rows}) TO STDOUT`)) as AsyncIterable<Uint8Array>);
  }
  await client.query('COMMIT');
  return { header, summary: await writer.end() };
}

async function assertOurs(db: Querier): Promise<void> {
  await assertRestored(db);
  const { rows } = await db.query("SELECT to_regclass('schema_migration')::text AS ours");
  if ((rows[0] as { ours: string | null }).ours === null)
    throw new DroverError('bad-input', {
      detail: 'The database holds nothing of Drover: there is nothing to back up. Look at DATABASE_URL, or at --data.',
    });
}

async function headerOf(db: Querier, options: BackupOptions): Promise<BackupHeader> {
  const { rows } = await db.query(
    `SELECT (SELECT max(version) FROM schema_migration) AS "schemaVersion", (extract(epoch FROM now()) * 1000)::bigint AS "takenAtMs",
       (SELECT coalesce(encode(hash, 'hex'), '') FROM audit WHERE seq = 1) AS first,
       (SELECT coalesce(array_agg(DISTINCT key_id), '{}') FROM account_secret) AS "keyIds",
       (SELECT coalesce(array_agg(DISTINCT substring(c.relname FROM '_(\\d{8})$')), '{}')
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_namespace n ON n.oid = p.relnamespace
        WHERE n.nspname = current_schema() AND p.relname = ANY ($1) AND c.relname ~ '_\\d{8}$') AS days`,
    [DAILY_TABLES],
  );
  const { first, keyIds, ...told } = rows[0] as {
    schemaVersion: number;
    takenAtMs: number;
    first: string | null;
    keyIds: string[];
    days: string[];
  };
  await assertSchemaOfThisProgram(db);
  const newest = await newestSchema();
  if (told.schemaVersion > newest)
    throw new DroverError('schema-newer', {
      detail: `The database has schema ${told.schemaVersion}, this program knows ${newest}. Take the backup with the newer program.`,
    });
  const secrets = (await db.query('SELECT name, sealed FROM secret ORDER BY name')).rows as {
    name: string;
    sealed: Buffer;
  }[];
  const ids = secrets.flatMap(({ name, sealed }) => options.keyIdOf(name, sealed) ?? []);
  return {
    ...told,
    schemaDigest: await schemaDigest(told.schemaVersion),
    programVersion: options.programVersion,
    installation: (first ?? '').slice(0, 16),
    keyIds: [...new Set([...keyIds, ...ids])].sort(),
    sealed: Object.fromEntries(secrets.map(({ name, sealed }) => [name, sealed.toString('base64')])),
  };
}
