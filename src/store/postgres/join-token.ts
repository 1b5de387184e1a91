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

/** So long after its end a secret of one host is known still, so that who comes with it is told that it is too late. */
const EXPIRED_KEPT_MS = 24 * 60 * 60_000;

type In<K extends keyof JoinTokenStore> = Parameters<JoinTokenStore[K]>[0];

/** Checks the token and locks it, so that it is used up together with what it is used for, or not at all. */
export async function joinTokenHold(
  tx: Executor,
  hash: Uint8Array,
  role: 'agent' | 'worker',
  nowMs: number,
): Promise<HeldJoinToken | 'join-token-invalid' | 'join-token-expired'> {
  const { rows } = await tx.query<Omit<HeldJoinToken, 'hash'> & { uses_left: number; expires_at_ms: number }>(
    `SELECT id, labels, zone, host_id, uses_left, expires_at_ms FROM join_token
     WHERE role = $2 AND id = (
       SELECT id FROM join_token WHERE hash = $1 UNION ALL SELECT token_id FROM join_token_host WHERE hash = $1
     )
     FOR UPDATE`,
    [hash, role],
  );
  const token = rows[0];
  if (!token) return 'join-token-invalid';
  // Looked at under the lock: of two that show the same secret, the second finds it used.
  const { rows: own } = await tx.query<{ host_id: HostId; used_at_ms: number | null }>(
    'SELECT host_id, used_at_ms FROM join_token_host WHERE hash = $1',
    [hash],
  );
  const isUsed = own[0] !== undefined && own[0].used_at_ms !== null;
  if (isUsed || token.uses_left < 1 || token.expires_at_ms <= nowMs) return 'join-token-expired';
  return { ...token, hash, host_id: own[0]?.host_id ?? token.host_id };
}

/** `host_id`: of the host that it was made for, and is good for alone. */
interface HeldJoinToken {
  id: string;
  hash: Uint8Array;
  labels: Record<string, string>;
  zone: string;
  host_id: HostId | null;
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
    text: `SELECT t.uses_left < 1 OR t.expires_at_ms <= $3 OR shown.used_at_ms IS NOT NULL AS is_over
      FROM (
        SELECT id, NULL::bigint AS used_at_ms FROM join_token WHERE hash = $1
        UNION ALL SELECT token_id, used_at_ms FROM join_token_host WHERE hash = $1
      ) AS shown JOIN join_token t ON t.id = shown.id
      WHERE t.role = $2`,
    values: [hash, role, nowMs],
  });
  return rows[0] === undefined ? 'join-token-invalid' : rows[0].is_over ? 'join-token-expired' : 'good';
}

export async function joinTokenUse(tx: Executor, { id, hash }: HeldJoinToken, nowMs: number): Promise<void> {
  await tx.query('UPDATE join_token SET uses_left = uses_left - 1 WHERE id = $1', [id]);
  await tx.query('UPDATE join_token_host SET used_at_ms = $2 WHERE hash = $1', [hash, nowMs]);
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
         id, hash, role, labels, zone, uses_left, created_at_ms, expires_at_ms, created_by, host_id
       )
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       RETURNING *`,
      [
        token.id,
        'hash' in token ? token.hash : null,
        token.role,
        JSON.stringify(token.labels),
        token.zone,
        token.uses,
        nowMs,
        nowMs + token.lifetimeMs,
        JSON.stringify(audit.actor),
        'hash' in token ? (token.hostId ?? null) : null,
      ],
    );
    if ('hosts' in token) {
      await tx.query(
        'INSERT INTO join_token_host (token_id, host_id, hash) SELECT $1, * FROM unnest($2::uuid[], $3::bytea[])',
        [token.id, token.hosts.map((host) => host.id), token.hosts.map((host) => Buffer.from(host.hash))],
      );
      await tx.query(
        'DELETE FROM join_token_host USING join_token AS t WHERE t.id = token_id AND t.expires_at_ms <= $1',
        [nowMs - EXPIRED_KEPT_MS],
      );
    }
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
