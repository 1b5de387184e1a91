/** An agent joins: which host it becomes, its labels, its token used up, in one transaction. */
import { given } from '../../../base/given.ts';
import { type AgentId, type HostId, newId } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import { guardedChange } from '../../../domain/access/guarded-labels.ts';
import { decideJoin, twinName } from '../../../domain/fleet/join-decision.ts';
import type { JoinOutcome, AgentStore } from '../../contract/agent.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import { auditAppend } from '../audit/audit.ts';
import { DIRECTORY_CHANGED } from '../host-versions.ts';
import { joinTokenHold, joinTokenUse } from '../join-token.ts';
import type { Executor, Pool } from '../pool.ts';

type In<K extends keyof AgentStore> = Parameters<AgentStore[K]>[0];

export async function agentJoin(
  pool: Pool,
  join: In<'agentJoin'>,
  audit: Omit<AuditEntry, 'target'>,
  nowMs: number,
): Promise<JoinOutcome> {
  try {
    return await agentJoinOnce(pool, join, audit, nowMs);
  } catch (error) {
    // Another machine took the name between our look and our insert; now it is there to be seen.
    if ((error as { constraint?: unknown }).constraint !== 'host_name') throw error;
    return agentJoinOnce(pool, join, audit, nowMs);
  }
}

interface KnownHost {
  id: HostId;
  name: string;
  machine_id: string;
  agent_id: AgentId | null;
  labels: Record<string, string>;
  active_agent: AgentId | null;
}

async function agentJoinOnce(
  pool: Pool,
  join: In<'agentJoin'>,
  audit: Omit<AuditEntry, 'target'>,
  nowMs: number,
): Promise<JoinOutcome> {
  return pool.transaction(async (tx) => {
    // Two clones that join at once see each other.
    await tx.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [MACHINE_LOCK, join.machineId]);
    const token = await joinTokenHold(tx, join.tokenHash, 'agent', nowMs);
    if (typeof token === 'string') return { kind: 'refused', code: token };
    if (join.zones?.includes(token.zone) === false) return { kind: 'refused', code: 'link-busy' };
    const known = await knownHost(tx, join, token.host_id);
    if (token.host_id !== null && !known) return { kind: 'refused', code: 'join-token-invalid' };
    const isProved = join.keepAgentId !== undefined && known?.active_agent === join.keepAgentId;
    const original = await sameMachine(tx, join.machineId);
    const decision = decideJoin({
      known: known && { machineId: known.machine_id, hasActiveAgent: known.active_agent !== null },
      machineId: join.machineId,
      isProved,
      isTokenForIt: token.host_id !== null,
      isMachineKnown: original !== undefined,
    });
    if (decision === 'refused') return { kind: 'refused', code: 'host-name-taken' };
    const isTwin = decision === 'twin';
    const host = isTwin || !known ? undefined : known;
    // What the token says holds; what the machine says of itself comes after it.
    const labels = { ...join.labels, ...token.labels };
    const before = host?.labels ?? {};
    const guarded = guardedChange(
      join.guardedLabels ?? new Map(),
      { ...before, ...token.labels },
      { ...before, ...labels },
    );
    if (guarded) return { kind: 'refused', code: 'label-protected', guarded };
    if (Object.keys({ ...before, ...labels }).length > limits.labelsPerHostMax)
      return { kind: 'refused', code: 'bad-input' };
    // Only now: a token that was refused is good for another try.
    await joinTokenUse(tx, token, nowMs);
    const hostId = host?.id ?? newId<'host'>();
    const name = host?.name ?? (isTwin ? twinName(join.name, hostId) : join.name);
    const agentId = decision === 'same' ? join.keepAgentId! : newId<'agent'>();
    if (decision === 'same')
      await tx.query('UPDATE agent SET public_key = $2, certificate_expires_at_ms = $3, zone = $4 WHERE id = $1', [
        agentId,
        join.publicKey,
        join.certificateExpiresAtMs,
        token.zone,
      ]);
    else if (host)
      await tx.query("UPDATE agent SET state = 'replaced' WHERE host_id = $1 AND state = 'active'", [hostId]);
    const written = await tx.query<{ labels: Record<string, string> }>(
      `INSERT INTO host (id, name, machine_id, labels, facts, agent_id, created_at_ms, zone, twin_of)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       ON CONFLICT (id) DO UPDATE SET agent_id = $6, machine_id = $3, facts = $5, labels = host.labels || $4,
         zone = CASE WHEN host.address IS NULL THEN $8 ELSE host.zone END
       RETURNING labels`,
      [
        hostId,
        name,
        join.machineId,
        JSON.stringify(labels),
        JSON.stringify(join.facts),
        agentId,
        nowMs,
        token.zone,
        isTwin ? original!.id : null,
      ],
    );
    if (decision !== 'same')
      await tx.query(
        `INSERT INTO agent (id, host_id, state, public_key, joined_at_ms, certificate_expires_at_ms, zone)
         VALUES ($1, $2, 'active', $3, $4, $5, $6)`,
        [agentId, hostId, join.publicKey, nowMs, join.certificateExpiresAtMs, token.zone],
      );
    await tx.query(DIRECTORY_CHANGED);
    const detail = isTwin ? { ...audit.detail, twinOf: original!.name } : audit.detail;
    await auditAppend(tx, { ...audit, detail, target: `host/${name}` }, nowMs);
    return given({
      kind: 'joined' as const,
      hostId,
      agentId,
      name,
      labels: written.rows[0]!.labels,
      zone: token.zone,
      replaced: decision === 'host' ? (host?.agent_id ?? undefined) : undefined,
      twinOf: isTwin ? original!.name : undefined,
    });
  });
}

const MACHINE_LOCK = 727_003;

/** By the token, else by the agent that the caller has proved to be, whatever its host is called now; else by the name. */
async function knownHost(
  tx: Executor,
  join: In<'agentJoin'>,
  tokenHostId: HostId | null,
): Promise<KnownHost | undefined> {
  const where = async (condition: string, value: string): Promise<KnownHost | undefined> =>
    (
      await tx.query<KnownHost>(
        `SELECT id, name, machine_id, agent_id, labels,
           (SELECT agent.id FROM agent WHERE agent.id = host.agent_id AND agent.state = 'active') AS active_agent
         FROM host WHERE ${condition} AND removed_at_ms IS NULL FOR UPDATE`,
        [value],
      )
    ).rows[0];
  if (tokenHostId !== null) return where('id = $1', tokenHostId);
  const proved =
    join.keepAgentId === undefined
      ? undefined
      : await where('id = (SELECT host_id FROM agent WHERE id = $1) AND agent_id = $1', join.keepAgentId);
  return proved ?? where('name = $1', join.name);
}

/** The host that was there first; twins of it are not it. */
async function sameMachine(tx: Executor, machineId: string): Promise<{ id: HostId; name: string } | undefined> {
  const { rows } = await tx.query<{ id: HostId; name: string }>(
    'SELECT id, name FROM host WHERE machine_id = $1 AND removed_at_ms IS NULL AND twin_of IS NULL ORDER BY created_at_ms, id LIMIT 1',
    [machineId],
  );
  return machineId === '' ? undefined : rows[0];
}
