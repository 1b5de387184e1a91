/** What the store does with agents. */
import type { AgentStore } from '../../contract/agent.ts';
import type { StoreParts } from '../store-parts.ts';
import { agentJoin } from './agent-join.ts';
import { agentInstanceKeep, agentInstancesShow } from './agent-session.ts';
import { agentCertificateRenewed, agentFetch, agentList, agentRevoke } from './agent.ts';

export function agentStore({ pool, ownPool, hints, now }: StoreParts): AgentStore {
  return {
    agentJoin: (join, entry) => agentJoin(pool, join, entry, now()),
    agentCertificateRenewed: (id, publicKey, expiresAtMs) => agentCertificateRenewed(pool, id, publicKey, expiresAtMs),
    agentFetch: (id) => agentFetch(pool, id),
    agentList: (scope, page, hostIds) => agentList(pool, scope, page, hostIds),
    async agentRevoke(id, entry) {
      const answer = await agentRevoke(pool, id, entry, now());
      if (answer === 'revoked') hints.notify('fleet', id);
      return answer;
    },
    agentInstancesShow: (shown) => agentInstancesShow(ownPool, shown, now()),
    async agentInstanceKeep(id, instance, entry) {
      const answer = await agentInstanceKeep(pool, id, instance, entry, now());
      if (answer === 'kept') hints.notify('fleet', id);
      return answer;
    },
  };
}
