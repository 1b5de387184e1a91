/**
 * Checks the chain of the audit, a page at a time and in bounded memory, and then the entries that are not sealed yet. What it finds: an
 * entry that was changed, one that is missing, one that was put in or moved, and a head that does not fit the last entry. What it cannot
 * find: an entry taken away before it was sealed; and that the end was cut off and the head set back to an older entry, both at once: who
 * notes a head and later checks from it finds that as well.
 */
import { limits } from '../../../base/limits.ts';
import type { AuditCheck, AuditFault, AuditPosition } from '../../contract/audit.ts';
import { bytesBefore, PAGE_BYTES } from './audit-detail.ts';
import { auditHash, isAsMarked, type MarkedRow, type SealedRow } from './audit.ts';
import type { Executor } from '../pool.ts';

const START: AuditPosition = { seq: 0, hash: '0'.repeat(64) };

export async function auditVerify(db: Executor, after: AuditPosition = START): Promise<AuditCheck> {
  const { rows } = await db.query<SealedRow>(pageOf('audit WHERE seq > $2', 'seq'), [
    limits.auditVerifyPage,
    after.seq,
  ]);
  let through = after;
  for (const row of rows) {
    const fault = faultOf(db.auditKey, through, row);
    if (fault) return { checked: row.seq - after.seq, through, fault, isWhole: false };
    through = { seq: row.seq, hash: row.hash.toString('hex') };
  }
  const checked = through.seq - after.seq;
  if (rows.length === limits.auditVerifyPage) return { checked, through, isWhole: false };
  const end = await db.query<{ seq: number; hash: Buffer; last: number }>(
    'SELECT seq, hash, (SELECT coalesce(max(seq), 0) FROM audit) AS last FROM audit_head',
  );
  const head = end.rows[0];
  // Somebody has sealed meanwhile: the caller goes on.
  if (head && head.last > through.seq) return { checked, through, isWhole: false };
  const chainFault = headFault(through, head);
  if (chainFault) return { checked, through, fault: chainFault, isWhole: false };
  return { checked, through, ...(await unsealedCheck(db)) };
}

/** So many entries ($1), or so many bytes of them. */
function pageOf(table: string, order: string): string {
  return `SELECT * FROM (
      SELECT *, ${bytesBefore(order)}
      FROM (SELECT * FROM ${table} ORDER BY ${order} LIMIT $1) AS first
    ) AS page
    WHERE bytes_before < ${PAGE_BYTES}
    ORDER BY ${order}`;
}

/** Those that are written and wait for their number: a second's worth, and no more than a page of them is looked at. */
async function unsealedCheck(db: Executor): Promise<Pick<AuditCheck, 'unsealed' | 'fault' | 'isWhole'>> {
  const { rows } = await db.query<MarkedRow>(pageOf('audit_unsealed', 'at_ms, id'), [limits.auditVerifyPage]);
  const bad = rows.find((row) => !isAsMarked(db.auditKey, row));
  if (!bad) return { unsealed: rows.length, isWhole: true };
  const detail =
    `An entry that is not sealed yet (${bad.id}) is not as it was written: its mark under the key of this ` +
    'installation is another.';
  return { unsealed: rows.length, fault: { kind: 'altered', detail }, isWhole: false };
}

function faultOf(key: Uint8Array, before: AuditPosition, row: SealedRow): AuditFault | undefined {
  const expected = before.seq + 1;
  if (row.seq !== expected)
    return {
      seq: expected,
      kind: 'missing',
      detail: `Entry ${expected} is missing; the next one there is ${row.seq}.`,
    };
  const previous = Buffer.from(before.hash, 'hex');
  if (!Buffer.isBuffer(row.previous_hash) || !row.previous_hash.equals(previous))
    return {
      seq: row.seq,
      kind: 'unchained',
      detail: `Entry ${row.seq} does not follow entry ${before.seq}: it was made after another one.`,
    };
  const isAsSealed = Buffer.isBuffer(row.hash) && isAsMarked(key, row);
  if (!isAsSealed || !auditHash(key, previous, row.seq, row.mark).equals(row.hash))
    return {
      seq: row.seq,
      kind: 'altered',
      detail: `Entry ${row.seq} is not as it was written: its hash under the key of this installation is another.`,
    };
  return undefined;
}

function headFault(
  through: AuditPosition,
  head: { seq: number; hash: Buffer; last: number } | undefined,
): AuditFault | undefined {
  if (!head) return { seq: through.seq, kind: 'head', detail: 'The head of the chain is gone.' };
  if (head.last < through.seq)
    return {
      seq: head.last + 1,
      kind: 'missing',
      detail: `Entry ${head.last + 1} and those after it, up to ${through.seq} at least, are missing.`,
    };
  if (head.seq > through.seq)
    return {
      seq: through.seq + 1,
      kind: 'missing',
      detail: `Entry ${through.seq + 1} and those after it, up to ${head.seq}, are missing.`,
    };
  if (head.seq === through.seq && head.hash.toString('hex') === through.hash) return undefined;
  return {
    seq: through.seq,
    kind: 'head',
    detail: `The head of the chain does not fit its last entry, ${through.seq}: one of them was changed.`,
  };
}
