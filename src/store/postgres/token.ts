/** API tokens, idempotency keys and small sealed secrets. */
import type { TokenId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Role } from '../../domain/access/permission.ts';
import type { ApiToken, AuditEntry, Store } from '../store.ts';
import { auditAppend } from './audit.ts';
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

export async function idempotencyClaim(
  db: Executor,
  key: string,
  principal: string,
  requestHash: Uint8Array,
  nowMs: number,
): ReturnType<Store['idempotencyClaim']> {
  const claimed = await db.query(
    `INSERT INTO idempotency (principal, key, request_hash, created_at_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (principal, key) DO UPDATE SET created_at_ms = $4, request_hash = $3, status = NULL, body = NULL
     WHERE (idempotency.status IS NULL AND idempotency.request_hash = $3 AND idempotency.created_at_ms < $4 - ${CLAIM_MS}) OR idempotency.created_at_ms < $4 - ${limits.idempotencyKeptMs}
     RETURNING 1`,
    [principal, key, requestHash, nowMs],
  );
  if (claimed.rowCount > 0) return { kind: 'claimed' };
  const { rows } = await db.query<{ request_hash: Buffer; status: number | null; body: string | null }>(
    'SELECT request_hash, status, body FROM idempotency WHERE principal = $1 AND key = $2',
    [principal, key],
  );
  const first = rows[0];
  if (!first) return { kind: 'busy' };
  if (!first.request_hash.equals(requestHash)) return { kind: 'reused' };
  return first.status === null ? { kind: 'busy' } : { kind: 'replay', status: first.status, body: first.body ?? '' };
}

export async function idempotencyStore(
  db: Executor,
  key: string,
  principal: string,
  status: number,
  body: string,
): Promise<void> {
  await db.query('UPDATE idempotency SET status = $3, body = $4 WHERE principal = $1 AND key = $2', [
    principal,
    key,
    status,
    body,
  ]);
}

export async function idempotencyRelease(db: Executor, key: string, principal: string): Promise<void> {
  await db.query('DELETE FROM idempotency WHERE principal = $1 AND key = $2 AND status IS NULL', [principal, key]);
}
