/** Agents: listed, shown, cut off, joined. */
import { z } from 'zod';
import { agentInstanceKeep, agentList, agentRevoke, agentShow } from '../../../app/agent.ts';
import { agentJoin } from '../../../app/enrolment.ts';
import { given } from '../../../base/given.ts';
import type { AgentId } from '../../../base/ids.ts';
import * as r from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { idParams } from '../params.ts';
import { agentResource } from './agent-resource.ts';

export const agentRoutes = [
  operation({
    id: 'listAgents',
    method: 'GET',
    path: '/agents',
    summary: 'List agents',
    permission: 'fleet.agent.view',
    query: z.strictObject({ ...page, problems: z.enum(['true']).optional().describe('Only agents that have one') }),
    status: 200,
    response: r.pageOf(r.Agent),
    errors: ['bad-input'],
    async handle({ ctx, caller, query }) {
      const { items, next } = await agentList(ctx, caller, query.problems === 'true', pageOfQuery(query));
      return given({ items: items.map((agent) => agentResource(agent, ctx.fleet.health)), next });
    },
  }),
  operation({
    id: 'getAgent',
    method: 'GET',
    path: '/agents/{id}',
    summary: 'Show an agent, its load and what is wrong with it',
    permission: 'fleet.agent.view',
    params: idParams,
    status: 200,
    response: r.Agent,
    errors: ['not-found'],
    handle: async ({ ctx, caller, params }) =>
      agentResource(await agentShow(ctx, caller, params.id as AgentId), ctx.fleet.health),
  }),
  operation({
    id: 'revokeAgent',
    method: 'POST',
    path: '/agents/{id}/revoke',
    needsNoRoom: true,
    summary: 'Cut an agent off for good',
    permission: 'fleet.agent.revoke',
    params: idParams,
    status: 200,
    response: r.Agent,
    errors: ['not-found'],
    handle: async ({ ctx, caller, params }) =>
      agentResource(await agentRevoke(ctx, caller, params.id as AgentId), ctx.fleet.health),
  }),
  operation({
    id: 'keepAgentInstance',
    method: 'POST',
    path: '/agents/{id}/keep',
    summary: 'Decide which of two copies of an agent is the right one; the other is never let in again',
    permission: 'fleet.agent.keep',
    params: idParams,
    body: r.AgentKeep,
    status: 200,
    response: r.Agent,
    errors: ['not-found', 'bad-input'],
    handle: async ({ ctx, caller, params, body }) =>
      agentResource(await agentInstanceKeep(ctx, caller, params.id as AgentId, body.instance), ctx.fleet.health),
  }),
  operation({
    id: 'joinAgent',
    method: 'POST',
    path: '/agents/join',
    summary: 'Enrol an agent with a join token',
    permission: 'public',
    body: r.AgentJoin,
    status: 201,
    response: r.AgentJoined,
    errors: ['join-token-invalid', 'join-token-expired', 'host-name-taken', 'label-protected', 'bad-input'],
    handle: ({ ctx, caller, body }) => agentJoin(ctx.enrolment, body, caller.requestId),
  }),
];
