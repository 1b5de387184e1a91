/** Brings a database to this program's schema. Safe to run twice and by several servers at once. */
import { readdir, readFile } from 'node:fs/promises';
import { DroverError } from '../../base/errors.ts';
import type { Pool } from './pool.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** Any constant will do; it keeps two servers from migrating at the same time. */
const LOCK = 727_001;

export async function migrate(pool: Pool): Promise<void> {
  const files = (await readdir(FOLDER)).filter((file) => /^\d{4}_.*\.sql$/.test(file)).sort();
  const newest = Number(files.at(-1)!.slice(0, 4));
  await pool.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
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
    if (present > newest) {
      throw new DroverError('schema-newer', {
        detail: `The database has schema ${present}, this program knows ${newest}. Start the newer program, or restore a backup taken before the upgrade.`,
      });
    }
    for (const file of files) {
      const version = Number(file.slice(0, 4));
      if (versions.has(version)) continue;
      await tx.query(await readFile(new URL(file, FOLDER), 'utf8'));
      await tx.query('INSERT INTO schema_migration (version) VALUES ($1)', [version]);
    }
  });
}
