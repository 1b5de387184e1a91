/** API tokens, idempotency keys and small sealed secrets. */
import type { TokenId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Role } from '../../domain/access/permission.ts';
import type { ApiToken, AuditEntry, Store } from '../store.ts';
import { auditAppend } from './audit.ts';
import { bytes } from './execution-columns.ts';
import type { Executor, Pool } from './pool.ts';
import { present } from './rows.ts';

type In<K extends keyof Store> = Parameters<Store[K]>[0];
interface TokenRow {
  id: TokenId;
  name: string;
  role: Role;
  created_at_ms: number;
  expires_at_ms: number;
  revoked_at_ms: number | null;
}

function tokenRecord(row: TokenRow): ApiToken {
  return present<ApiToken>({
    id: row.id,
    name: row.name,
    role: row.role,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
  });
}

export async function apiTokenCreate(
  pool: Pool,
  token: In<'apiTokenCreate'>,
  audit: AuditEntry,
  nowMs: number,
): Promise<ApiToken | 'name-taken'> {
  return pool.transaction(async (tx) => {
    // One that opens nothing any more keeps no name.
    await tx.query(
      'UPDATE api_token SET revoked_at_ms = $2 WHERE name = $1 AND expires_at_ms <= $2 AND revoked_at_ms IS NULL',
      [token.name, nowMs],
    );
    const { rows } = await tx.query<TokenRow>(
      'INSERT INTO api_token (id, hash, name, role, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) WHERE revoked_at_ms IS NULL DO NOTHING RETURNING *',
      [token.id, token.hash, token.name, token.role, nowMs, nowMs + token.lifetimeMs],
    );
    if (!rows[0]) return 'name-taken';
    await auditAppend(tx, audit, nowMs);
    return tokenRecord(rows[0]);
  });
}

export async function apiTokenFetch(db: Executor, hash: Uint8Array): Promise<ApiToken | undefined> {
  const { rows } = await db.query<TokenRow>({
    name: 'token-fetch',
    text: 'SELECT * FROM api_token WHERE hash = $1',
    values: [hash],
  });
  return rows[0] && tokenRecord(rows[0]);
}

export async function apiTokenRevokedOf(db: Executor, ids: readonly TokenId[]): Promise<readonly TokenId[]> {
  const { rows } = await db.query<{ id: TokenId }>({
    name: 'token-revoked',
    text: `SELECT asked.id FROM unnest($1::uuid[]) AS asked(id) LEFT JOIN api_token USING (id)
           WHERE api_token.id IS NULL OR api_token.revoked_at_ms IS NOT NULL`,
    values: [ids],
  });
  return rows.map((row) => row.id);
}

export async function apiTokenList(db: Executor): Promise<readonly ApiToken[]> {
  const { rows } = await db.query<TokenRow>('SELECT * FROM api_token ORDER BY created_at_ms DESC LIMIT 1000');
  return rows.map(tokenRecord);
}

export async function apiTokenRevoke(pool: Pool, id: TokenId, audit: AuditEntry, nowMs: number): Promise<boolean> {
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      'UPDATE api_token SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL',
      [id, nowMs],
    );
    if (rowCount > 0) await auditAppend(tx, audit, nowMs);
    return rowCount > 0;
  });
}

/** A first request that died without an answer gives its key back after this; its effect, if any, is bound to the same run id. */
const CLAIM_MS = 60_000;

export interface Claim {
  readonly principal: string;
  readonly key: string;
  readonly requestHash: Uint8Array;
}
export type ClaimAnswer = Awaited<ReturnType<Store['idempotencyClaim']>>;

/** Claims that come at once, in one statement; of those that are the same, the first has the key and the others find it taken. */
export async function idempotencyClaimMany(
  db: Executor,
  claims: readonly Claim[],
  nowMs: number,
): Promise<readonly ClaimAnswer[]> {
  // In the order of keys, so that two servers that are asked the same can never wait for each other.
  const distinct = [...new Map([...claims].reverse().map((claim) => [claimKey(claim), claim])).values()].sort(
    (one, other) => (claimKey(one) < claimKey(other) ? -1 : 1),
  );
  const { rows: won } = await db.query<{ principal: string; key: string }>({
    name: 'idempotency-claim',
    text: `INSERT INTO idempotency (created_at_ms, principal, key, request_hash) SELECT $1::bigint, * FROM unnest($2::text[], $3::text[], $4::bytea[])
     ON CONFLICT (principal, key) DO UPDATE SET created_at_ms = $1, request_hash = excluded.request_hash, status = NULL, body = NULL
     WHERE (idempotency.status IS NULL AND idempotency.request_hash = excluded.request_hash AND idempotency.created_at_ms < $1 - ${CLAIM_MS}) OR idempotency.created_at_ms < $1 - ${limits.idempotencyKeptMs}
     RETURNING principal, key`,
    values: [
      nowMs,
      distinct.map((c) => c.principal),
      distinct.map((c) => c.key),
      distinct.map((c) => bytes(c.requestHash)),
    ],
  });
  const claimed = new Set(won.map(claimKey));
  const isWon = claims.map((claim) => claimed.delete(claimKey(claim)));
  const taken = claims.filter((_, i) => !isWon[i]);
  const known = new Map((await claimsFetch(db, taken)).map((row) => [claimKey(row), row]));
  return claims.map((claim, i): ClaimAnswer => {
    if (isWon[i]) return { kind: 'claimed' };
    const first = known.get(claimKey(claim));
    if (!first) return { kind: 'busy' };
    if (!first.request_hash.equals(claim.requestHash)) return { kind: 'reused' };
    return first.status === null ? { kind: 'busy' } : { kind: 'replay', status: first.status, body: first.body ?? '' };
  });
}

interface ClaimRow {
  principal: string;
  key: string;
  request_hash: Buffer;
  status: number | null;
  body: string | null;
}

async function claimsFetch(db: Executor, claims: readonly Claim[]): Promise<readonly ClaimRow[]> {
  if (claims.length === 0) return [];
  const { rows } = await db.query<ClaimRow>(
    'SELECT principal, key, request_hash, status, body FROM idempotency WHERE (principal, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))',
    [claims.map(({ principal }) => principal), claims.map(({ key }) => key)],
  );
  return rows;
}

function claimKey({ principal, key }: { readonly principal: string; readonly key: string }): string {
  return `${principal}\n${key}`;
}

export interface ClaimEnd {
  readonly principal: string;
  readonly key: string;
  readonly status: number;
  readonly body: string;
}

/** Keys are each another: the request that ends is the one that claimed it. */
export async function idempotencyStoreMany(db: Executor, ends: readonly ClaimEnd[]): Promise<void> {
  const sorted = [...ends].sort((one, other) => (claimKey(one) < claimKey(other) ? -1 : 1));
  await db.query({
    name: 'idempotency-store',
    text: `UPDATE idempotency i SET status = c.status, body = c.body FROM unnest($1::text[], $2::text[], $3::int[], $4::text[]) AS c(principal, key, status, body)
           WHERE i.principal = c.principal AND i.key = c.key`,
    values: [
      sorted.map(({ principal }) => principal),
      sorted.map(({ key }) => key),
      sorted.map(({ status }) => status),
      sorted.map(({ body }) => body),
    ],
  });
}

export async function idempotencyRelease(db: Executor, key: string, principal: string): Promise<void> {
  await db.query('DELETE FROM idempotency WHERE principal = $1 AND key = $2 AND status IS NULL', [principal, key]);
}
