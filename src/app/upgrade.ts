/** Upgrades of agents: listed, shown, cancelled. `upgrade-start.ts` starts one. */
import { DroverError } from '../base/errors.ts';
import type { Page } from '../store/contract/page.ts';
import type { Store } from '../store/contract/store.ts';
import type { AgentUpgradeRecord, UpgradeRecord } from '../store/contract/upgrade.ts';
import type { AgentPackages, CheckedPackages } from './agent-packages.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

/** Versions that this server has, newest first, with what is wrong with them. */
export async function agentPackageList(
  ctx: { readonly packages: AgentPackages },
  caller: Caller,
): Promise<readonly CheckedPackages[]> {
  assertCan(caller, 'fleet.agent.view');
  return ctx.packages.check();
}

/** Newest first. */
export function upgradeList(
  ctx: AppContext,
  caller: Caller,
  page: Parameters<Store['upgradeList']>[1],
): Promise<Page<UpgradeRecord>> {
  return ctx.store.upgradeList(scopeOf(caller, 'fleet.agent.view'), page);
}

export async function upgradeShow(ctx: AppContext, caller: Caller, id: string): Promise<UpgradeRecord> {
  assertCan(caller, 'fleet.agent.view');
  return upgradeFetch(ctx, id);
}

export async function agentUpgradeList(
  ctx: AppContext,
  caller: Caller,
  id: string,
  page: Parameters<Store['agentUpgradeList']>[1],
): Promise<Page<AgentUpgradeRecord>> {
  assertCan(caller, 'fleet.agent.view');
  await upgradeFetch(ctx, id);
  return ctx.store.agentUpgradeList(id, page);
}

/** No further batch is ordered; what is ordered ends. */
export async function upgradeCancel(ctx: AppContext, caller: Caller, id: string): Promise<UpgradeRecord> {
  assertCan(caller, 'fleet.agent.upgrade');
  const answer = await ctx.store.upgradeCancelRequest(
    id,
    auditOf(caller, 'fleet.agent.upgrade-cancel', `upgrade/${id}`),
  );
  if (answer === 'not-found') throw notFound(id);
  if (answer === 'already-finished')
    throw new DroverError('upgrade-already-finished', { detail: 'The upgrade has ended already.' });
  return upgradeFetch(ctx, id);
}

async function upgradeFetch(ctx: AppContext, id: string): Promise<UpgradeRecord> {
  const upgrade = await ctx.store.upgradeFetch(id);
  if (!upgrade) throw notFound(id);
  return upgrade;
}

function notFound(id: string): DroverError {
  return new DroverError('not-found', { detail: `There is no upgrade ${id}.` });
}
