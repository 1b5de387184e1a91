/** Agents as they are on record. */
import { inScope } from '../scope.ts';
import type { Scope } from '../../../domain/access/access-node.ts';
import { given } from '../../../base/given.ts';
import { type AgentId, type HostId, isUuid } from '../../../base/ids.ts';
import type { AgentSessionRecord } from '../../../domain/agent/session-rule.ts';
import type { AgentRecord, AgentStore } from '../../contract/agent.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import type { Page } from '../../contract/page.ts';
import { auditAppend } from '../audit/audit.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { Executor, Pool } from '../pool.ts';

const AGENT_SELECT = `SELECT agent.*, host.name AS host_name, coalesce(p.linked AND p.agent_id = agent.id, false) AS linked,
    CASE WHEN NOT p.linked AND p.agent_id = agent.id THEN p.uninstalled_at_ms END AS uninstalled_at_ms
  FROM agent JOIN host ON host.id = agent.host_id LEFT JOIN host_presence p ON p.host_id = agent.host_id`;

interface AgentRow {
  id: AgentId;
  host_id: HostId;
  host_name: string;
  state: AgentRecord['state'];
  version: string | null;
  public_key: Buffer;
  joined_at_ms: number;
  certificate_expires_at_ms: number;
  linked: boolean;
  session: AgentSessionRecord | null;
  uninstalled_at_ms: number | null;
}

function agentRecord(row: AgentRow): AgentRecord {
  return given({
    id: row.id,
    hostId: row.host_id,
    hostName: row.host_name,
    state: row.state,
    version: row.version ?? undefined,
    joinedAtMs: row.joined_at_ms,
    certificateExpiresAtMs: row.certificate_expires_at_ms,
    publicKey: row.public_key,
    linked: row.linked,
    uninstalledAtMs: row.uninstalled_at_ms ?? undefined,
    copies: row.session?.rival && [row.session.current, row.session.rival],
  });
}

export async function agentFetch(db: Executor, id: AgentId): Promise<AgentRecord | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<AgentRow>(`${AGENT_SELECT} WHERE agent.id = $1`, [id]);
  return rows[0] && agentRecord(rows[0]);
}

export async function agentList(
  db: Executor,
  scope: Scope,
  page: { limit: number; cursor?: string },
  hostIds?: readonly HostId[],
): Promise<Page<AgentRecord>> {
  const after = decodeCursor(page.cursor, ['uuid']);
  const { rows } = await db.query<AgentRow>(
    `${AGENT_SELECT}
     WHERE ${inScope(scope)} AND ($1::uuid IS NULL OR agent.id > $1)
       AND ($3::uuid[] IS NULL OR (agent.host_id = ANY ($3) AND agent.id = host.agent_id))
     ORDER BY agent.id
     LIMIT $2`,
    [after?.[0] ?? null, page.limit + 1, hostIds ?? null],
  );
  const items = rows.slice(0, page.limit).map(agentRecord);
  return given({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.id]) : undefined,
  });
}

export async function agentRevoke(
  pool: Pool,
  id: AgentId,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<AgentStore['agentRevoke']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ state: string }>('SELECT state FROM agent WHERE id = $1 FOR UPDATE', [id]);
    if (!rows[0]) return 'not-found';
    if (rows[0].state !== 'active') return 'already-revoked';
    await tx.query("UPDATE agent SET state = 'revoked' WHERE id = $1", [id]);
    await auditAppend(tx, audit, nowMs);
    return 'revoked';
  });
}

export async function agentCertificateRenewed(
  db: Executor,
  id: AgentId,
  publicKey: Uint8Array,
  expiresAtMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    "UPDATE agent SET public_key = $2, certificate_expires_at_ms = $3 WHERE id = $1 AND state = 'active'",
    [id, publicKey, expiresAtMs],
  );
  return rowCount > 0;
}
