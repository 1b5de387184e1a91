/**
 * The audit trail. A deed writes its entry in its own transaction, under a mark that only the audit's key can make, and waits for nobody.
 * `audit-seal.ts` numbers such entries and chains them, each hash covering the one before; `audit-verify.ts` checks marks and chain.
 * Who can write the tables has no key: what he changes or puts in is found.
 */
import { inScope } from '../scope.ts';
import type { Scope } from '../../../domain/access/access-node.ts';
import { createHmac } from 'node:crypto';
import { given } from '../../../base/given.ts';
import { newId } from '../../../base/ids.ts';
import type { Actor, AuditEntry, AuditRecord } from '../../contract/audit.ts';
import type { Page } from '../../contract/page.ts';
import type { Executor } from '../pool.ts';
import { boundedDetail, bytesBefore, PAGE_BYTES } from './audit-detail.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';

export async function auditAppend(tx: Executor, entry: AuditEntry, nowMs: number): Promise<void> {
  await auditAppendMany(tx, [entry], nowMs);
}

export async function auditAppendMany(tx: Executor, entries: readonly AuditEntry[], nowMs: number): Promise<void> {
  const ids = entries.map(() => newId());
  const bounded = entries.map((entry) => ({ ...entry, detail: boundedDetail(entry.detail) }));
  await tx.query({
    name: 'audit-append',
    text: `INSERT INTO audit_unsealed (at_ms, id, actor, action, target, detail, request_id, mark)
           SELECT $1, * FROM unnest($2::uuid[], $3::jsonb[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::bytea[])`,
    values: [
      nowMs,
      ids,
      bounded.map((entry) => JSON.stringify(entry.actor)),
      bounded.map((entry) => entry.action),
      bounded.map((entry) => entry.target),
      bounded.map((entry) => JSON.stringify(entry.detail)),
      bounded.map((entry) => entry.requestId ?? null),
      bounded.map((entry, i) => auditMark(tx.auditKey, ids[i]!, nowMs, entry)),
    ],
  });
}

/** HMAC-SHA256 over an entry in a canonical order. */
function auditMark(key: Uint8Array, id: string, atMs: number, entry: AuditEntry): Buffer {
  const canonical = JSON.stringify([
    id,
    atMs,
    sortKeys(entry.actor),
    entry.action,
    entry.target,
    sortKeys(entry.detail),
    entry.requestId ?? null,
  ]);
  return createHmac('sha256', key).update('entry\n').update(canonical).digest();
}

/** HMAC-SHA256 that ties an entry, by its mark, to its place in the chain. */
export function auditHash(key: Uint8Array, previous: Uint8Array, seq: number, mark: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`place\n${seq}\n`).update(previous).update(mark).digest();
}

/** Whether the entry is as its deed wrote it. What was written into the table past us may be of any shape; then it is not ours. */
export function isAsMarked(key: Uint8Array, row: MarkedRow): boolean {
  if (typeof row.actor !== 'object' || row.actor === null || !Buffer.isBuffer(row.mark)) return false;
  return auditMark(key, row.id, row.at_ms, entryOf(row)).equals(row.mark);
}

/** jsonb does not keep the order of keys, so the mark must not depend on it. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sortKeys(part)]),
  );
}

const FILTER = "($4::text IS NULL OR action = $4) AND ($5::text IS NULL OR actor->>'name' = $5)";
/**
 * Newest first; those that are not sealed yet come before all others, in the order in which they will be. After a page
 * that ended with one of them, what was sealed since (beyond the head of that page, $7) is left out where that page has
 * shown it. A page ends with its bytes, though it has fewer entries than were asked for.
 */
const list = (scope: Scope): string => `SELECT * FROM (SELECT entry.*, (SELECT seq FROM audit_head) AS head,
    count(*) OVER () AS found, ${bytesBefore('seq DESC NULLS FIRST, at_ms DESC, id DESC')} FROM (
    (
      SELECT NULL::bigint AS seq, id, at_ms, actor, action, target, detail, request_id, NULL::bytea AS hash,
        NULL::bytea AS previous_hash
      FROM audit_unsealed
     WHERE ${inScope(scope)} AND $1::bigint IS NULL AND ($2::bigint IS NULL OR (at_ms, id) < ($2, $3::uuid))
       AND ${FILTER}
     ORDER BY at_ms DESC, id DESC
     LIMIT $6)
    UNION ALL
    (SELECT seq, id, at_ms, actor, action, target, detail, request_id, hash, previous_hash FROM audit
     WHERE ${inScope(scope)} AND seq < coalesce($1, 9223372036854775807)
       AND ($7::bigint IS NULL OR seq <= $7 OR (at_ms, id) < ($2, $3)) AND ${FILTER}
     ORDER BY seq DESC
     LIMIT $6)
  ) AS entry ORDER BY seq DESC NULLS FIRST, at_ms DESC, id DESC LIMIT $6) AS page
  WHERE bytes_before < ${PAGE_BYTES} ORDER BY seq DESC NULLS FIRST, at_ms DESC, id DESC`;

export async function auditList(
  db: Executor,
  scope: Scope,
  filter: { action?: string; actor?: string },
  page: { limit: number; cursor?: string },
): Promise<Page<AuditRecord>> {
  // A place is that of a sealed entry, or (with number 0) that of one which was not sealed when its page was read, and the head of then.
  const [seq, atMs, id, head] = decodeCursor(page.cursor, ['bigint', 'bigint', 'uuid', 'bigint']) ?? [
    0,
    null,
    null,
    null,
  ];
  const isUnsealed = seq === 0;
  const { rows } = await db.query<ListedRow>(list(scope), [
    isUnsealed ? null : seq,
    isUnsealed ? atMs : null,
    isUnsealed ? id : null,
    filter.action ?? null,
    filter.actor ?? null,
    page.limit + 1,
    isUnsealed ? head : null,
  ]);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return given({
    items: shown.map(auditRecord),
    next:
      last && last.found > shown.length
        ? encodeCursor([last.seq ?? 0, last.at_ms, last.id, last.head ?? 0])
        : undefined,
  });
}

interface EntryRow {
  id: string;
  at_ms: number;
  actor: Actor;
  action: string;
  target: string;
  detail: Record<string, unknown>;
  request_id: string | null;
}
export interface MarkedRow extends EntryRow {
  mark: Buffer;
}
export interface SealedRow extends MarkedRow {
  seq: number;
  previous_hash: Buffer;
  hash: Buffer;
}
interface ListedRow extends EntryRow {
  seq: number | null;
  previous_hash: Buffer | null;
  hash: Buffer | null;
  head: number | null;
  /** On this page and after it; not all that there are. */
  found: number;
}

function entryOf(row: EntryRow): AuditEntry {
  return given({
    actor: row.actor,
    action: row.action,
    target: row.target,
    detail: row.detail,
    requestId: row.request_id ?? undefined,
  });
}

function auditRecord(row: ListedRow): AuditRecord {
  return {
    ...entryOf(row),
    id: row.id,
    atMs: row.at_ms,
    ...given({
      seal:
        row.seq === null ? undefined : { seq: row.seq, hash: hexOf(row.hash), previousHash: hexOf(row.previous_hash) },
    }),
  };
}

/** Empty where somebody has taken it out: the check of the chain tells that, and the entries are listed all the same. */
function hexOf(hash: Buffer | null): string {
  return hash?.toString('hex') ?? '';
}
