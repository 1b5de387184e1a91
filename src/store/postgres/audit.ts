/**
 * The audit trail: append-only and chained, each entry's hash covering the one before, under a key that the database does not
 * hold: who can write its tables cannot make a chain that verifies. The head row is locked for the rest of the transaction, so
 * entries are numbered in commit order; keep it the last statement of a transaction. `audit-verify.ts` checks the chain.
 */
import { createHmac } from 'node:crypto';
import type { Actor, AuditEntry, AuditRecord, Page } from '../store.ts';
import type { Executor } from './pool.ts';
import { decodeCursor, encodeCursor, present } from './rows.ts';

export async function auditAppend(tx: Executor, entry: AuditEntry, nowMs: number): Promise<void> {
  const { rows } = await tx.query<{ seq: number; hash: Buffer }>({
    name: 'audit-head',
    text: 'SELECT seq, hash FROM audit_head FOR UPDATE',
  });
  const head = rows[0]!;
  const seq = head.seq + 1;
  const hash = auditHash(tx.auditKey, head.hash, seq, nowMs, entry);
  await tx.query({
    name: 'audit-append',
    text: `WITH entry AS (INSERT INTO audit (seq, at_ms, actor, action, target, detail, request_id, previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9))
           UPDATE audit_head SET seq = $1, hash = $9`,
    values: [
      seq,
      nowMs,
      JSON.stringify(entry.actor),
      entry.action,
      entry.target,
      JSON.stringify(entry.detail),
      entry.requestId ?? null,
      head.hash,
      hash,
    ],
  });
}

/** HMAC-SHA256 over the previous hash and the entry in a canonical order. */
export function auditHash(key: Uint8Array, previous: Uint8Array, seq: number, atMs: number, entry: AuditEntry): Buffer {
  const canonical = JSON.stringify([
    seq,
    atMs,
    entry.actor.kind,
    entry.actor.id,
    entry.actor.name,
    entry.action,
    entry.target,
    sortKeys(entry.detail),
    entry.requestId ?? null,
  ]);
  return createHmac('sha256', key).update(previous).update(canonical).digest();
}

/** jsonb does not keep the order of keys, so the hash must not depend on it. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sortKeys(part)]),
  );
}

export async function auditList(
  db: Executor,
  filter: { action?: string; actor?: string },
  page: { limit: number; cursor?: string },
): Promise<Page<AuditRecord>> {
  const after = decodeCursor(page.cursor, ['bigint']);
  const { rows } = await db.query<AuditRow>(
    `SELECT * FROM audit WHERE seq < $1 AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR actor->>'name' = $3) ORDER BY seq DESC LIMIT $4`,
    [after?.[0] ?? Number.MAX_SAFE_INTEGER, filter.action ?? null, filter.actor ?? null, page.limit + 1],
  );
  const items = rows.slice(0, page.limit).map(auditRecord);
  return present<Page<AuditRecord>>({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.seq]) : undefined,
  });
}

export interface AuditRow {
  seq: number;
  at_ms: number;
  actor: Actor;
  action: string;
  target: string;
  detail: Record<string, unknown>;
  request_id: string | null;
  hash: Buffer;
  previous_hash: Buffer;
}

export function auditRecord(row: AuditRow): AuditRecord {
  return present<AuditRecord>({
    seq: row.seq,
    atMs: row.at_ms,
    actor: row.actor,
    action: row.action,
    target: row.target,
    detail: row.detail,
    requestId: row.request_id,
    hash: row.hash.toString('hex'),
    previousHash: row.previous_hash.toString('hex'),
  });
}
