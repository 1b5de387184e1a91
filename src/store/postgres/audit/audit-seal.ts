/**
 * Numbers and chains the entries that deeds have written. The head's row is the fence: one sealer holds it at a time,
 * for one transaction, and another passes by. An entry is sealed as it stands, changed or not, with the mark of its
 * deed, so that what was changed stays to be found.
 */
import { limits } from '../../../base/limits.ts';
import { bytesBefore, PAGE_BYTES } from './audit-detail.ts';
import { auditHash, type MarkedRow } from './audit.ts';
import type { Executor, Pool } from '../pool.ts';

/** Seals what there is, in the order of its instants, a batch per transaction. @returns how many entries. */
export async function auditSeal(pool: Pool): Promise<number> {
  for (let sealed = 0; ; ) {
    const { rowCount } = await pool.query({ name: 'audit-unsealed', text: 'SELECT 1 FROM audit_unsealed LIMIT 1' });
    const batch = rowCount === 0 ? 0 : await pool.transaction(batchSeal);
    sealed += batch;
    if (batch === 0) return sealed;
  }
}

async function batchSeal(tx: Executor): Promise<number> {
  const heads = await tx.query<{ seq: number; hash: Buffer }>({
    name: 'audit-head',
    text: 'SELECT seq, hash FROM audit_head FOR UPDATE SKIP LOCKED',
  });
  const head = heads.rows[0];
  if (!head) return 0;
  const { rows } = await tx.query<MarkedRow>({
    name: 'audit-take',
    text: `WITH first AS (SELECT id, at_ms, detail FROM audit_unsealed ORDER BY at_ms, id LIMIT $1),
             sized AS (SELECT id, ${bytesBefore('at_ms, id')} FROM first),
             taken AS (SELECT id FROM sized WHERE bytes_before < ${PAGE_BYTES})
           DELETE FROM audit_unsealed u USING taken WHERE u.id = taken.id RETURNING u.*`,
    values: [limits.auditSealBatch],
  });
  if (rows.length === 0) return 0;
  rows.sort((a, b) => a.at_ms - b.at_ms || (a.id < b.id ? -1 : 1));
  const hashes: Buffer[] = [];
  for (const [n, row] of rows.entries())
    hashes.push(auditHash(tx.auditKey, hashes[n - 1] ?? head.hash, head.seq + 1 + n, row.mark));
  await tx.query({
    name: 'audit-seal',
    text: `INSERT INTO audit (seq, id, at_ms, actor, action, target, detail, request_id, mark, previous_hash, hash)
           SELECT *
           FROM unnest(
             $1::bigint[], $2::uuid[], $3::bigint[], $4::jsonb[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
             $9::bytea[], $10::bytea[], $11::bytea[]
           )`,
    values: [
      rows.map((_, n) => head.seq + 1 + n),
      rows.map((row) => row.id),
      rows.map((row) => row.at_ms),
      rows.map((row) => JSON.stringify(row.actor)),
      rows.map((row) => row.action),
      rows.map((row) => row.target),
      rows.map((row) => JSON.stringify(row.detail)),
      rows.map((row) => row.request_id),
      rows.map((row) => row.mark),
      rows.map((_, n) => hashes[n - 1] ?? head.hash),
      hashes,
    ],
  });
  await tx.query({
    name: 'audit-head-move',
    text: 'UPDATE audit_head SET seq = $1, hash = $2',
    values: [head.seq + rows.length, hashes.at(-1)],
  });
  return rows.length;
}
