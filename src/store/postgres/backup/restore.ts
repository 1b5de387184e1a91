/**
 * Restores a backup into a database without anything in it, in one transaction: it is there whole, or nothing is. What was of the moment
 * of the backup and would be wrong now is put right in the same transaction (restore-aftermath.ts). A mark that is committed before it
 * and dropped in it (restore-marker.ts) tells the database of a restore that was killed from one that is new.
 */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { damaged, type BackupHeader, type BackupSummary, type BackupTable } from '../../../backup/backup-format.ts';
import type { BackupPart } from '../../../backup/backup-reader.ts';
import { assert } from '../../../base/assert.ts';
import { DroverError } from '../../../base/errors.ts';
import { auditAppend } from '../audit/audit.ts';
import {
  backupTables,
  MADE_BY_MIGRATIONS,
  quoted,
  schemaTables,
  withoutTimeLimits,
  type Querier,
} from './backup-tables.ts';
import { DB_NOW_MS } from '../lease/lease.ts';
import { DAILY_TABLES, dayPartitionCreate, defaultPartitionCreate } from '../maintenance.ts';
import { migrateIn, migrationLock, newestSchema, schemaDigest } from '../migrate.ts';
import { letServersWork } from '../owner-role.ts';
import { translateDatabaseError, type Executor } from '../pool.ts';
import { settleWhatTimeHasPassed, type Aftermath } from './restore-aftermath.ts';
import { markerDrop, markerPlace, restoreLock } from './restore-marker.ts';

export interface RestoreOptions {
  readonly url: string;
  readonly parts: AsyncIterableIterator<BackupPart>;
  /** Called before anything is written; throws when a key does not fit. Answers the key that the audit is chained under. */
  readonly auditKeyOf: (header: BackupHeader) => Uint8Array;
  /** The role that servers work as, where it is not the one that restores. */
  readonly serverRole?: string | undefined;
  /**
   * Once nobody else begins in this database any more, and before anything is in it. `isAnew`: an earlier restore had
   * been ended in the middle.
   */
  readonly onMarked?: (isAnew: boolean) => Promise<void>;
  readonly onProgress: (progress: { readonly table: string }) => void;
}

export interface RestoreResult extends Aftermath {
  /** An earlier restore into this database had been ended in the middle. */
  readonly isAnew: boolean;
  readonly header: BackupHeader;
  readonly summary: BackupSummary;
}

/**
 * Rejects with `restore-target-used`, `schema-newer`, `schema-unknown`, `backup-damaged` or what `auditKeyOf` and
 * `onMarked` throw; then the database is as it was.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreResult> {
  const first = await options.parts.next();
  assert(!first.done && first.value.kind === 'header', 'a backup begins with its header');
  const { header } = first.value;
  const newest = await newestSchema();
  if (header.schemaVersion > newest && header.schemaDigest !== undefined)
    throw new DroverError('schema-newer', {
      detail:
        `The backup has schema ${header.schemaVersion}, this program (${newest}) is older. Restore with version ` +
        `${header.programVersion} or a newer one.`,
    });
  if (header.schemaDigest !== (await schemaDigest(header.schemaVersion)))
    throw new DroverError('schema-unknown', {
      detail:
        `The backup was taken of a database that a development build of Drover (${header.programVersion}) had ` +
        "made, with other tables than this program's. Restore it with that build.",
    });
  const auditKey = options.auditKeyOf(header);
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'drover restore',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await withoutTimeLimits(client);
    await restoreLock(client);
    const isNew = await mark(client, header, auditKey);
    try {
      await options.onMarked?.(!isNew);
      await client.query('BEGIN');
      const result = await restoreIn(client, header, auditKey, options);
      await client.query('COMMIT');
      return { ...result, isAnew: !isNew };
    } catch (error) {
      // Whoever called is told, and nothing is left to be told to others. A connection that is gone leaves the mark, as a kill does.
      await client.query('ROLLBACK').catch(() => undefined);
      if (isNew) await markerDrop(client).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw translateDatabaseError(error);
  } finally {
    // What was not committed is undone with the connection.
    await client.end().catch(() => undefined);
  }
}

/** Commits the mark, and nothing else. False when an earlier restore has left it; throws where nothing can be restored into. */
async function mark(client: pg.Client, header: BackupHeader, auditKey: Uint8Array): Promise<boolean> {
  await client.query('BEGIN');
  // Until the mark is there, nobody begins here.
  await migrationLock(executorOf(client, auditKey));
  await client.query('SAVEPOINT unmarked');
  await prepare(client, header, auditKey);
  await client.query('ROLLBACK TO unmarked');
  const isNew = await markerPlace(client);
  await client.query('COMMIT');
  return isNew;
}

/** The tables of the backup's schema, with nothing in them. */
async function prepare(client: pg.Client, header: BackupHeader, auditKey: Uint8Array): Promise<Executor> {
  const tx = executorOf(client, auditKey);
  await migrateIn(tx, header.schemaVersion, (present) => {
    throw new DroverError('restore-target-used', {
      detail:
        `The database has schema ${present} already, the backup is of schema ${header.schemaVersion}. Give an ` +
        'empty database; it is migrated after the restore.',
    });
  });
  await assertUnused(client);
  return tx;
}

async function restoreIn(
  client: pg.Client,
  header: BackupHeader,
  auditKey: Uint8Array,
  options: RestoreOptions,
): Promise<Omit<RestoreResult, 'isAnew'>> {
  const tx = await prepare(client, header, auditKey);
  for (const name of MADE_BY_MIGRATIONS) await client.query(`DELETE FROM ${quoted(name)}`);
  for (const table of DAILY_TABLES) {
    await defaultPartitionCreate(tx, table);
    for (const day of header.days) await dayPartitionCreate(tx, table, dayOfName(day));
  }
  const summary = await copyTables(client, options);
  const version = await newestSchema();
  await migrateIn(tx, version, () => undefined);
  const nowMs = await databaseNow(client);
  const aftermath = await settleWhatTimeHasPassed(tx, nowMs);
  await auditAppend(
    tx,
    {
      actor: { kind: 'system', id: 'restore', name: 'drover restore' },
      action: 'installation.restore',
      target: `backup/${summary.digest}`,
      detail: {
        takenAt: new Date(header.takenAtMs).toISOString(),
        takenBy: header.programVersion,
        rows: summary.rows,
        ...aftermath,
      },
    },
    nowMs,
  );
  if (options.serverRole !== undefined) await letServersWork(tx, options.serverRole);
  await markerDrop(client);
  return { header, summary, ...aftermath };
}

/** Table by table, as they come; the file's own end decides whether any of it was right. */
async function copyTables(client: pg.Client, options: RestoreOptions): Promise<BackupSummary> {
  const wanted = new Map((await backupTables(client)).map((table) => [table.name, table]));
  for (;;) {
    const { value: part, done } = await options.parts.next();
    assert(!done, 'a backup ends with its end');
    if (part.kind === 'end') {
      if (wanted.size > 0) throw damaged(`it lacks ${[...wanted.keys()].join(', ')}`);
      return part.summary;
    }
    assert(part.kind === 'table', 'between tables there is nothing');
    const { name, columns } = part.table;
    assertSame(part.table, wanted.get(name));
    wanted.delete(name);
    options.onProgress({ table: name });
    await pipeline(
      Readable.from(rowsOf(options.parts), { objectMode: true, highWaterMark: 1 }),
      client.query(copyFrom(`COPY ${quoted(name)} (${columns.map(quoted).join(', ')}) FROM STDIN`)),
    );
  }
}

async function* rowsOf(parts: AsyncIterator<BackupPart>): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const { value: part, done } = await parts.next();
    assert(!done, 'a table has an end');
    if (part.kind !== 'rows') return;
    yield part.bytes;
  }
}

function assertSame(told: BackupTable, present: BackupTable | undefined): void {
  const sorted = (table: BackupTable): string => [...table.columns].sort().join();
  if (!present || sorted(told) !== sorted(present))
    throw damaged(`its table ${told.name} is not that of its schema version`);
}

/** Nothing but what migrations make: neither a run nor a host nor a token, nor a server that has begun. */
async function assertUnused(db: Querier): Promise<void> {
  for (const { name } of await schemaTables(db)) {
    if (name === 'schema_migration' || MADE_BY_MIGRATIONS.includes(name)) continue;
    const { rows } = await db.query(`SELECT 1 FROM ${quoted(name)} LIMIT 1`);
    if (rows.length > 0)
      throw new DroverError('restore-target-used', {
        detail:
          `The database is in use: its table ${name} holds something. Give an empty database in DATABASE_URL, or a ` +
          'new data folder with --data.',
      });
  }
}

function executorOf(client: pg.Client, auditKey: Uint8Array): Executor {
  return {
    auditKey,
    async query<T>(query: string | { text: string; name?: string; values?: unknown[] }, values?: unknown[]) {
      const result = typeof query === 'string' ? await client.query(query, values) : await client.query(query);
      return { rows: result.rows as T[], rowCount: result.rowCount ?? 0 };
    },
  };
}

async function databaseNow(db: Querier): Promise<number> {
  return ((await db.query(`SELECT ${DB_NOW_MS} AS now`)).rows[0] as { now: number }).now;
}

function dayOfName(name: string): number {
  return Math.floor(
    Date.UTC(Number(name.slice(0, 4)), Number(name.slice(4, 6)) - 1, Number(name.slice(6))) / 86_400_000,
  );
}
