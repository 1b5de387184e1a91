/**
 * The database under two roles, where somebody keeps PostgreSQL apart from Drover: an owner that migrates, and the role that
 * servers work as. Servers own the tables of their work, whose partitions they make and drop, but not those of the audit: they
 * add to it, and can neither change it nor take its guard away. The owner's password is needed for this alone.
 */
import type { Log } from '../../base/log.ts';
import { migrate } from './migrate.ts';
import { Pool, type Executor } from './pool.ts';

/** `serverUrl` names the role that servers work as; `ownerUrl` the owner, which is a member of it. Safe to repeat. */
export async function migrateAsOwner(ownerUrl: string, serverUrl: string, log: Log): Promise<void> {
  const server = await currentRole(serverUrl, log);
  const pool = new Pool({ url: ownerUrl, log, max: 1 });
  try {
    await migrate(pool);
    await pool.transaction((tx) => letServersWork(tx, server));
  } finally {
    await pool.close();
  }
}

/** Gives `server` what servers need of the tables that the present role owns. In the caller's transaction; safe to repeat. */
export async function letServersWork(tx: Executor, server: string): Promise<void> {
  // Whoever is to own a table must be let into its schema first.
  const { rows } = await tx.query<{ statement: string }>(
    `SELECT format(grants.text, current_schema(), $1::text) AS statement FROM (VALUES
       ('GRANT USAGE, CREATE ON SCHEMA %I TO %I'), ('GRANT SELECT, INSERT ON %I.audit TO %I'),
       ('GRANT SELECT, INSERT, DELETE ON %I.audit_unsealed TO %I'), ('GRANT SELECT, UPDATE ON %I.audit_head TO %I'),
       ('GRANT SELECT ON %I.schema_migration TO %I')) AS grants(text)
     UNION ALL SELECT format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, c.relname, $1::text)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
       AND pg_get_userbyid(c.relowner) = current_user
       AND c.relname NOT IN ('audit', 'audit_unsealed', 'audit_head', 'schema_migration')`,
    [server],
  );
  for (const { statement } of rows) await tx.query(statement);
}

/** The role that a URL logs in as. */
export async function currentRole(url: string, log: Log): Promise<string> {
  const pool = new Pool({ url, log, max: 1 });
  try {
    return (await pool.query<{ role: string }>('SELECT current_user AS role')).rows[0]!.role;
  } finally {
    await pool.close();
  }
}
