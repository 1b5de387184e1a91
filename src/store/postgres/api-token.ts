/** Tokens that callers of the API show. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { given } from '../../base/given.ts';
import type { RunId, TokenId } from '../../base/ids.ts';
import type { Role } from '../../domain/access/permission.ts';
import type { ApiToken, ApiTokenStore } from '../contract/api-token.ts';
import type { AuditEntry } from '../contract/audit.ts';
import { TERMINAL_RUN_STATES } from '../../domain/flow/run-machine.ts';
import { auditAppend, auditAppendMany } from './audit/audit.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function apiTokenStore({ pool, ownPool, hints, now }: StoreParts): ApiTokenStore {
  return {
    apiTokenCreate: (api, entry) => apiTokenCreate(pool, api, entry, now()),
    apiTokenFetch: (hash) => apiTokenFetch(pool, hash),
    apiTokenRevokedOf: (ids) => apiTokenRevokedOf(ownPool, ids),
    apiTokenList: (scope) => apiTokenList(pool, scope),
    async apiTokenRevoke(id, entry, cancelOf) {
      const cancelled = await apiTokenRevoke(pool, id, entry, { nowMs: now(), ...given({ cancelOf }) });
      for (const run of cancelled ?? []) hints.notify('run', run);
      return cancelled;
    },
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

async function apiTokenRevoke(
  pool: Pool,
  id: TokenId,
  audit: AuditEntry,
  { nowMs, cancelOf }: { readonly nowMs: number; readonly cancelOf?: (run: RunId) => AuditEntry },
): ReturnType<ApiTokenStore['apiTokenRevoke']> {
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query(
      'UPDATE api_token SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL',
      [id, nowMs],
    );
    if (rowCount === 0) return undefined;
    const cancelled = cancelOf ? await runsCancel(tx, id, audit.actor.name, nowMs) : [];
    const detail = cancelOf ? { ...audit.detail, cancelledRuns: cancelled.length } : audit.detail;
    await auditAppendMany(tx, [{ ...audit, detail }, ...cancelled.map((run) => cancelOf!(run))], nowMs);
    return cancelled;
  });
}

/** Of all that it has under way, but for what is being cancelled already. Starts that are being written are waited for. */
async function runsCancel(tx: Executor, id: TokenId, by: string, nowMs: number): Promise<readonly RunId[]> {
  await tx.query('SELECT 1 FROM run_load WHERE principal = $1 FOR UPDATE', [id]);
  // In one order, as everybody locks runs.
  const { rows } = await tx.query<{ id: RunId }>(
    `SELECT id FROM run WHERE id IN (SELECT run_id FROM run_active WHERE principal = $1) ORDER BY id FOR UPDATE`,
    [id],
  );
  const cancelled = await tx.query<{ id: RunId }>(
    `UPDATE run SET cancel_requested_at_ms = $2, cancel_requested_by = $3
     WHERE id = ANY ($1::uuid[]) AND cancel_requested_at_ms IS NULL AND NOT state = ANY ($4)
     RETURNING id`,
    [rows.map((row) => row.id), nowMs, by, TERMINAL_RUN_STATES],
  );
  const ids = cancelled.rows.map((row) => row.id);
  await tx.query('UPDATE run_active SET cancel_requested = true WHERE run_id = ANY ($1::uuid[])', [ids]);
  return ids;
}
