/** An agent as the API shows it. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type { AgentHealth } from '../../../fleet/agent-health.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { AgentRecord } from '../../../store/contract/agent.ts';
import { instant } from '../instant.ts';

export function agentResource(agent: AgentRecord, health: AgentHealth): z.infer<typeof resources.Agent> {
  const load = agent.linked ? health.loadOf(agent.hostId) : undefined;
  return {
    ...given({
      load: load
        ? {
            at: instant(load.atMs),
            running: load.running,
            unreported: load.unreported,
            rssBytes: load.rssBytes,
            loadAverage: load.loadAverage,
            lagMs: load.lagMs,
            freeSpoolBytes: load.freeSpoolBytes,
            ...given({ freeMemoryBytes: load.freeMemoryBytes, skewMs: load.skewMs }),
          }
        : undefined,
    }),
    links: health.linksOf(agent.hostId),
    problems:
      agent.state === 'active'
        ? [...new Set([...health.problemsOf(agent.hostId), ...(agent.copies ? ['copied'] : [])])]
        : [],
    ...given({
      uninstalledAt: instant(agent.uninstalledAtMs),
      copies: agent.copies?.map(({ instance, start, workerId, seenAtMs }) => ({
        instance,
        start,
        worker: workerId,
        seenAt: instant(seenAtMs),
      })),
    }),
    id: agent.id,
    hostId: agent.hostId,
    host: agent.hostName,
    state: agent.state,
    ...given({ version: agent.version }),
    linked: agent.linked,
    joinedAt: instant(agent.joinedAtMs),
    certificateExpiresAt: instant(agent.certificateExpiresAtMs),
  };
}
