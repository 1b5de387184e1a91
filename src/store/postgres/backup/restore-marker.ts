/**
 * Tells a restore that was ended in the middle from a database that nobody has used yet. All of a restore is one transaction, so one that
 * is killed leaves nothing, and a server would begin a new installation there without a word. So the restore commits a table with nothing
 * in it first, and drops it in its own transaction; while it is there, nobody begins in this database but the next restore.
 */
import { DroverError } from '../../../base/errors.ts';
import { quoted, RESTORE_MARKER, type Querier } from './backup-tables.ts';

/** Any constant that nobody else locks by; held for as long as a restore is at work, so that it ends with its connection. */
const RESTORE_LOCK = 727_002;

/** Throws `restore-unfinished` in a database that a restore works on, or was ended in. Asks only, waits for nobody. */
export async function assertRestored(db: Querier): Promise<void> {
  const { rows } = await db.query(
    `SELECT to_regclass($1) IS NOT NULL AS "isMarked",
       EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
         WHERE d.datname = current_database() AND l.locktype = 'advisory' AND (l.classid, l.objid) = (0, $2::bigint)
           AND l.granted) AS "isAtWork"`,
    [RESTORE_MARKER, RESTORE_LOCK],
  );
  const { isMarked, isAtWork } = rows[0] as { isMarked: boolean; isAtWork: boolean };
  if (!isMarked) return;
  throw new DroverError('restore-unfinished', {
    detail: isAtWork
      ? 'A restore is at work in this database. Repeat this when it is over.'
      : 'A restore into this database was begun and did not come to its end, so nothing is in it. Repeat drover ' +
        `restore with the same backup. To begin a new installation here instead: DROP TABLE ${RESTORE_MARKER}.`,
  });
}

/** Held by the session until it ends. Rejects with `restore-target-used` while another restore holds it. */
export async function restoreLock(db: Querier): Promise<void> {
  const { rows } = await db.query('SELECT pg_try_advisory_lock($1) AS taken', [RESTORE_LOCK]);
  if (!(rows[0] as { taken: boolean }).taken)
    throw new DroverError('restore-target-used', { detail: 'Another restore is at work in this database.' });
}

/** In the caller's transaction. False when an earlier restore has left one. */
export async function markerPlace(db: Querier): Promise<boolean> {
  const { rows } = await db.query('SELECT to_regclass($1) IS NULL AS "isNew"', [RESTORE_MARKER]);
  const { isNew } = rows[0] as { isNew: boolean };
  if (isNew) await db.query(`CREATE TABLE ${quoted(RESTORE_MARKER)} ()`);
  return isNew;
}

export async function markerDrop(db: Querier): Promise<void> {
  await db.query(`DROP TABLE ${quoted(RESTORE_MARKER)}`);
}
