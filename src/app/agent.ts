/** Agents: listed, shown, cut off, and which of two copies is the right one. */
import { DroverError } from '../base/errors.ts';
import type { AgentId } from '../base/ids.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { AgentRecord } from '../store/contract/agent.ts';
import type { Page } from '../store/contract/page.ts';
import type { Store } from '../store/contract/store.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

type FleetContext = AppContext & { readonly fleet: Pick<Fleet, 'health' | 'revoke'> };

/** `onlyTroubled`: those that have a problem. */
export function agentList(
  ctx: FleetContext,
  caller: Caller,
  onlyTroubled: boolean,
  page: Parameters<Store['agentList']>[1],
): Promise<Page<AgentRecord>> {
  const scope = scopeOf(caller, 'fleet.agent.view');
  const troubled = onlyTroubled ? ctx.fleet.health.troubled().map(({ hostId }) => hostId) : undefined;
  return ctx.store.agentList(scope, page, troubled);
}

export function agentShow(ctx: Pick<AppContext, 'store'>, caller: Caller, id: AgentId): Promise<AgentRecord> {
  assertCan(caller, 'fleet.agent.view');
  return agentFetch(ctx, id);
}

/** For good. */
export async function agentRevoke(ctx: FleetContext, caller: Caller, id: AgentId): Promise<AgentRecord> {
  assertCan(caller, 'fleet.agent.revoke');
  const answer = await ctx.store.agentRevoke(id, auditOf(caller, 'fleet.agent.revoke', `agent/${id}`));
  if (answer === 'not-found') throw notFound(id);
  ctx.fleet.revoke([id]);
  return agentFetch(ctx, id);
}

/** `instance` is the copy that stays; others are never let in again. */
export async function agentInstanceKeep(
  ctx: AppContext,
  caller: Caller,
  id: AgentId,
  instance: string,
): Promise<AgentRecord> {
  assertCan(caller, 'fleet.agent.keep');
  const answer = await ctx.store.agentInstanceKeep(
    id,
    instance,
    auditOf(caller, 'fleet.agent.keep', `agent/${id}`, { instance }),
  );
  if (answer === 'not-found') throw notFound(id);
  if (answer === 'no-such-instance')
    throw new DroverError('bad-input', {
      detail: `The agent has no start ${instance} to decide on. See who shows itself: drover agents show.`,
    });
  return agentFetch(ctx, id);
}

async function agentFetch(ctx: Pick<AppContext, 'store'>, id: AgentId): Promise<AgentRecord> {
  const agent = await ctx.store.agentFetch(id);
  if (!agent) throw notFound(id);
  return agent;
}

function notFound(id: AgentId): DroverError {
  return new DroverError('not-found', { detail: `There is no agent ${id}.` });
}
