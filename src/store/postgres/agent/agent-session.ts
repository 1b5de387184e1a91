/** Which start of an agent counts: shown by agents, judged against the record under its lock, so that of two servers one is first. */
import type { AgentId, HostId, WorkerId } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import { decideInstance, judgeInstance, type AgentSessionRecord } from '../../../domain/agent/session-rule.ts';
import type { AgentShown, AgentStore } from '../../contract/agent.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import { auditAppend } from '../audit/audit.ts';
import type { Pool } from '../pool.ts';

interface Row {
  id: AgentId;
  host_id: HostId;
  host_name: string;
  is_current: boolean;
  zone: string;
  session: AgentSessionRecord | null;
}

/** Answers in the order of what was shown. One statement to read and lock, one to write, for up to some thousands of agents. */
export async function agentInstancesShow(
  pool: Pool,
  shown: readonly AgentShown[],
  nowMs: number,
): ReturnType<AgentStore['agentInstancesShow']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<Row>({
      name: 'agent-sessions-hold',
      text: `SELECT a.id, a.host_id, a.zone, a.session, host.name AS host_name,
               a.state = 'active' AND host.agent_id = a.id AND host.removed_at_ms IS NULL AS is_current
             FROM agent a JOIN host ON host.id = a.host_id WHERE a.id = ANY ($1) ORDER BY a.id FOR UPDATE OF a`,
      values: [shown.map(({ agentId }) => agentId)],
    });
    const workers = await tx.query<{ id: WorkerId; zone: string }>({
      name: 'agent-sessions-workers',
      text: 'SELECT id, zone FROM worker WHERE id = ANY ($1) AND revoked_at_ms IS NULL',
      values: [[...new Set(shown.map(({ workerId }) => workerId))]],
    });
    const zones = new Map(workers.rows.map(({ id, zone }) => [id, zone]));
    const agents = new Map(rows.map((row) => [row.id, row]));
    const changed = new Map<AgentId, Row>();
    const discovered: Row[] = [];
    const answers = shown.map((one): Awaited<ReturnType<AgentStore['agentInstancesShow']>>[number] => {
      const row = agents.get(one.agentId);
      if (!row?.is_current || row.host_id !== one.hostId) return 'unknown';
      if (zones.get(one.workerId) !== row.zone) return 'other-zone';
      const { verdict, record } = judgeInstance(row.session ?? undefined, one.instance, nowMs, limits.agentCopyQuietMs);
      if (record.rival && !row.session?.rival) discovered.push(row);
      if (record !== row.session) changed.set(row.id, Object.assign(row, { session: record }));
      return verdict;
    });
    if (changed.size > 0)
      await tx.query({
        name: 'agent-sessions-write',
        text: 'UPDATE agent SET session = c.session FROM unnest($1::uuid[], $2::jsonb[]) AS c(id, session) WHERE agent.id = c.id',
        values: [[...changed.keys()], [...changed.values()].map(({ session }) => JSON.stringify(session))],
      });
    for (const row of discovered)
      await auditAppend(
        tx,
        {
          actor: { kind: 'system', id: 'fleet', name: 'fleet' },
          action: 'fleet.agent.copied',
          target: `host/${row.host_name}`,
          detail: {
            agentId: row.id,
            instances: [row.session!.current, row.session!.rival!].map(({ instance }) => instance),
          },
        },
        nowMs,
      );
    return answers;
  });
}

export async function agentInstanceKeep(
  pool: Pool,
  id: AgentId,
  instance: string,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<AgentStore['agentInstanceKeep']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ session: AgentSessionRecord | null }>(
      'SELECT session FROM agent WHERE id = $1 FOR UPDATE',
      [id],
    );
    if (!rows[0]) return 'not-found';
    const decided = rows[0].session && decideInstance(rows[0].session, instance);
    if (!decided) return 'no-such-instance';
    await tx.query('UPDATE agent SET session = $2 WHERE id = $1', [id, JSON.stringify(decided)]);
    await auditAppend(tx, audit, nowMs);
    return 'kept';
  });
}
