/** Tokens that callers of the API show. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { given } from '../../base/given.ts';
import type { TokenId } from '../../base/ids.ts';
import type { Role } from '../../domain/access/permission.ts';
import type { ApiToken, ApiTokenStore } from '../contract/api-token.ts';
import type { AuditEntry } from '../contract/audit.ts';
import { auditAppend } from './audit/audit.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function apiTokenStore({ pool, ownPool, now }: StoreParts): ApiTokenStore {
  return {
    apiTokenCreate: (api, entry) => apiTokenCreate(pool, api, entry, now()),
    apiTokenFetch: (hash) => apiTokenFetch(pool, hash),
    apiTokenRevokedOf: (ids) => apiTokenRevokedOf(ownPool, ids),
    apiTokenList: (scope) => apiTokenList(pool, scope),
    apiTokenRevoke: (id, entry) => apiTokenRevoke(pool, id, entry, now()),
  };
}

type In<K extends keyof ApiTokenStore> = Parameters<ApiTokenStore[K]>[0];

interface TokenRow {
  id: TokenId;
  name: string;
  role: Role;
  created_at_ms: number;
  expires_at_ms: number;
  revoked_at_ms: number | null;
}

function tokenRecord(row: TokenRow): ApiToken {
  return given({
    id: row.id,
    name: row.name,
    role: row.role,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms ?? undefined,
  });
}

async function apiTokenCreate(
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
      `INSERT INTO api_token (id, hash, name, role, created_at_ms, expires_at_ms)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (name) WHERE revoked_at_ms IS NULL DO NOTHING
       RETURNING *`,
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

async function apiTokenRevokedOf(db: Executor, ids: readonly TokenId[]): Promise<readonly TokenId[]> {
  const { rows } = await db.query<{ id: TokenId }>({
    name: 'token-revoked',
    text: `SELECT asked.id FROM unnest($1::uuid[]) AS asked(id) LEFT JOIN api_token USING (id)
           WHERE api_token.id IS NULL OR api_token.revoked_at_ms IS NOT NULL`,
    values: [ids],
  });
  return rows.map((row) => row.id);
}

async function apiTokenList(db: Executor, scope: Scope): Promise<readonly ApiToken[]> {
  const { rows } = await db.query<TokenRow>(
    `SELECT * FROM api_token WHERE ${inScope(scope)} ORDER BY created_at_ms DESC LIMIT 1000`,
  );
  return rows.map(tokenRecord);
}

async function apiTokenRevoke(pool: Pool, id: TokenId, audit: AuditEntry, nowMs: number): Promise<boolean> {
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      'UPDATE api_token SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL',
      [id, nowMs],
    );
    if (rowCount > 0) await auditAppend(tx, audit, nowMs);
    return rowCount > 0;
  });
}
