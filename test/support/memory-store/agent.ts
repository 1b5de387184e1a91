/** Which start of each agent counts, in memory. */
import { limits } from '../../../src/base/limits.ts';
import { judgeInstance } from '../../../src/domain/agent/session-rule.ts';
import type { AgentShown, AgentStore } from '../../../src/store/contract/agent.ts';
import type { MemoryTables } from './rows.ts';

export function agentInstancesShow(
  tables: MemoryTables,
  shown: readonly AgentShown[],
  nowMs: number,
): Awaited<ReturnType<AgentStore['agentInstancesShow']>> {
  return shown.map(({ agentId, hostId, workerId, instance }) => {
    const agent = tables.agents.get(agentId);
    if (!agent || agent.isRevoked || agent.hostId !== hostId) return 'unknown';
    const worker = tables.workers.get(workerId);
    if (worker?.revokedAtMs !== undefined || worker?.zone !== agent.zone) return 'other-zone';
    const { verdict, record } = judgeInstance(agent.session, instance, nowMs, limits.agentCopyQuietMs);
    agent.session = record;
    return verdict;
  });
}
