/** What of the database a backup holds: asked of the database's own catalogue, so that a table that is added later is in it by itself. */
import type { BackupTable } from '../../../backup/backup-format.ts';

/** Whatever runs one statement and answers its rows. */
export interface Querier {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** What a restore is better off without. A table that is in neither place is in backups. */
export const NOT_IN_BACKUPS: Readonly<Record<string, string>> = {
  schema_migration: 'The restore migrates by itself, to the version that the backup is of.',
  server: 'Of the life that ended: servers register when they start.',
  server_lease: 'As with servers.',
  join_token:
    'One that was used up or withdrawn since would let somebody in again. They are short-lived and easily made anew.',
  join_token_host: 'As with join tokens.',
};

/** What migrations fill: a database that holds these rows alone is as good as empty. */
export const MADE_BY_MIGRATIONS: readonly string[] = ['partition', 'setting', 'audit_head'];

/** The table that says that a restore is not finished (restore-marker.ts); no part of the schema. */
export const RESTORE_MARKER = 'restore_unfinished';

/** All tables of the schema in an order in which each comes after those that it refers to. Partitions belong to their parents. */
export async function schemaTables(db: Querier): Promise<BackupTable[]> {
  const { rows } = (await db.query(
    `SELECT c.relname AS name,
       (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}') FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       (SELECT coalesce(array_agg(DISTINCT t.relname::text), '{}') FROM pg_constraint f JOIN pg_class t ON t.oid = f.confrelid
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> f.conrelid) AS refers
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> $1 ORDER BY c.relname`,
    [RESTORE_MARKER],
  )) as { rows: (BackupTable & { refers: string[] })[] };
  return inOrderOfReference(rows).map(({ name, columns }) => ({ name, columns }));
}

export async function backupTables(db: Querier): Promise<BackupTable[]> {
  return (await schemaTables(db)).filter(({ name }) => !Object.hasOwn(NOT_IN_BACKUPS, name));
}

/** Tables that refer to each other in a circle have no order; the schema has none, and a test keeps it so. */
export function inOrderOfReference<T extends { readonly name: string; readonly refers: readonly string[] }>(
  tables: readonly T[],
): T[] {
  const ordered: T[] = [];
  const placed = new Set<string>();
  const names = new Set(tables.map(({ name }) => name));
  for (let left = [...tables]; left.length > 0; ) {
    const next = left.filter(({ refers }) => refers.every((name) => placed.has(name) || !names.has(name)));
    if (next.length === 0)
      throw new Error(`tables refer to each other in a circle: ${left.map((t) => t.name).join(', ')}`);
    for (const table of next) {
      ordered.push(table);
      placed.add(table.name);
    }
    left = left.filter(({ name }) => !placed.has(name));
  }
  return ordered;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** One connection for one long piece of work: no limit of time that the role or the database may have set cuts it. */
export async function withoutTimeLimits(db: Querier): Promise<void> {
  await db.query(
    `SELECT set_config(name, '0', false) FROM pg_settings
     WHERE name IN (
       'statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout',
       'idle_session_timeout'
     )`,
  );
  await db.query("SET client_encoding = 'UTF8'; SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET bytea_output = 'hex'");
}
