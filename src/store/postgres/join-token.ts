/** Tokens that agents and workers join with. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { given } from '../../base/given.ts';
import type { HostId, TokenId } from '../../base/ids.ts';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type { JoinToken, JoinTokenStore } from '../contract/join-token.ts';
import { auditAppend } from './audit/audit.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function joinTokenStore({ pool, now }: StoreParts): JoinTokenStore {
  return {
    joinTokenCreate: (join, entry) => joinTokenCreate(pool, join, entry, now()),
    joinTokenCheck: (hash, role) => joinTokenCheck(pool, hash, role, now()),
    joinTokenList: (scope) => joinTokenList(pool, scope, now()),
    joinTokenRevoke: (id, entry) => joinTokenRevoke(pool, id, entry, now()),
  };
}

type In<K extends keyof JoinTokenStore> = Parameters<JoinTokenStore[K]>[0];

/** Checks the token and locks it, so that it is used up together with what it is used for, or not at all. */
export async function joinTokenHold(
  tx: Executor,
  hash: Uint8Array,
  role: 'agent' | 'worker',
  nowMs: number,
): Promise<
  | { id: string; labels: Record<string, string>; zone: string; host_id: HostId | null; host_names: string[] | null }
  | 'join-token-invalid'
  | 'join-token-expired'
> {
  const { rows } = await tx.query<{
    id: string;
    labels: Record<string, string>;
    zone: string;
    host_id: HostId | null;
    host_names: string[] | null;
    uses_left: number;
    expires_at_ms: number;
  }>('SELECT * FROM join_token WHERE hash = $1 AND role = $2 FOR UPDATE', [hash, role]);
  const token = rows[0];
  if (!token) return 'join-token-invalid';
  if (token.uses_left < 1 || token.expires_at_ms <= nowMs) return 'join-token-expired';
  return token;
}

/** As `joinTokenHold`, without a lock: before anything costly is done for whoever shows it. */
async function joinTokenCheck(
  db: Executor,
  hash: Uint8Array,
  role: 'agent' | 'worker',
  nowMs: number,
): ReturnType<JoinTokenStore['joinTokenCheck']> {
  const { rows } = await db.query<{ is_over: boolean }>({
    name: 'join-token-check',
    text: 'SELECT uses_left < 1 OR expires_at_ms <= $3 AS is_over FROM join_token WHERE hash = $1 AND role = $2',
    values: [hash, role, nowMs],
  });
  return rows[0] === undefined ? 'join-token-invalid' : rows[0].is_over ? 'join-token-expired' : 'good';
}

export async function joinTokenUse(tx: Executor, id: string, hostName?: string): Promise<void> {
  await tx.query(
    'UPDATE join_token SET uses_left = uses_left - 1, host_names = array_remove(host_names, $2) WHERE id = $1',
    [id, hostName ?? null],
  );
}

interface JoinTokenRow {
  id: TokenId;
  role: 'agent' | 'worker';
  labels: Record<string, string>;
  zone: string;
  host_id: HostId | null;
  uses_left: number;
  created_at_ms: number;
  expires_at_ms: number;
  created_by: Actor;
}

function joinTokenRecord(row: JoinTokenRow): JoinToken {
  return given({
    id: row.id,
    role: row.role,
    labels: row.labels,
    zone: row.zone,
    hostId: row.host_id ?? undefined,
    usesLeft: row.uses_left,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    createdBy: row.created_by,
  });
}

async function joinTokenCreate(
  pool: Pool,
  token: In<'joinTokenCreate'>,
  audit: AuditEntry,
  nowMs: number,
): Promise<JoinToken> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<JoinTokenRow>(
      `INSERT INTO join_token (
         id, hash, role, labels, zone, uses_left, created_at_ms, expires_at_ms, created_by, host_id, host_names
       )
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
       RETURNING *`,
      [
        token.id,
        token.hash,
        token.role,
        JSON.stringify(token.labels),
        token.zone,
        token.uses,
        nowMs,
        nowMs + token.lifetimeMs,
        JSON.stringify(audit.actor),
        token.hostId ?? null,
        token.hostNames ?? null,
      ],
    );
    await auditAppend(tx, audit, nowMs);
    return joinTokenRecord(rows[0]!);
  });
}

async function joinTokenList(db: Executor, scope: Scope, nowMs: number): Promise<readonly JoinToken[]> {
  const { rows } = await db.query<JoinTokenRow>(
    `SELECT * FROM join_token WHERE ${inScope(scope)} AND uses_left > 0 AND expires_at_ms > $1 ORDER BY created_at_ms DESC LIMIT 1000`,
    [nowMs],
  );
  return rows.map(joinTokenRecord);
}

async function joinTokenRevoke(pool: Pool, id: TokenId, audit: AuditEntry, nowMs: number): Promise<boolean> {
  return pool.transaction(async (tx) => {
    const { rowCount } = await tx.query('DELETE FROM join_token WHERE id = $1', [id]);
    if (rowCount > 0) await auditAppend(tx, audit, nowMs);
    return rowCount > 0;
  });
}
