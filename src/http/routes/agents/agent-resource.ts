/** An agent as the API shows it. */
import type { z } from 'zod';
import type { AgentHealth } from '../../../fleet/agent-health.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { AgentRecord } from '../../../store/contract/agent.ts';
import { given } from '../fields.ts';

export function agentResource(agent: AgentRecord, health: AgentHealth): z.infer<typeof resources.Agent> {
  const load = agent.linked ? health.loadOf(agent.hostId) : undefined;
  return {
    ...(load
      ? {
          load: {
            at: new Date(load.atMs).toISOString(),
            running: load.running,
            unreported: load.unreported,
            rssBytes: load.rssBytes,
            loadAverage: load.loadAverage,
            lagMs: load.lagMs,
            freeSpoolBytes: load.freeSpoolBytes,
            ...given('freeMemoryBytes', load.freeMemoryBytes),
            ...given('skewMs', load.skewMs),
          },
        }
      : {}),
    links: health.linksOf(agent.hostId),
    problems:
      agent.state === 'active'
        ? [...new Set([...health.problemsOf(agent.hostId), ...(agent.copies ? ['copied'] : [])])]
        : [],
    ...given(
      'copies',
      agent.copies?.map(({ instance, start, workerId, seenAtMs }) => ({
        instance,
        start,
        worker: workerId,
        seenAt: new Date(seenAtMs).toISOString(),
      })),
    ),
    id: agent.id,
    hostId: agent.hostId,
    host: agent.hostName,
    state: agent.state,
    ...given('version', agent.version),
    linked: agent.linked,
    joinedAt: new Date(agent.joinedAtMs).toISOString(),
    certificateExpiresAt: new Date(agent.certificateExpiresAtMs).toISOString(),
  };
}
