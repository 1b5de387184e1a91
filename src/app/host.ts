/** Hosts: listed, shown, removed. Adding and changing them is in `host-access.ts`. */
import { DroverError } from '../base/errors.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { HostRecord } from '../store/contract/host.ts';
import type { Page } from '../store/contract/page.ts';
import type { Store } from '../store/contract/store.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

/** For other verbs, which ask for their own permission. Throws `host-not-found`. */
export async function hostFetch(ctx: Pick<AppContext, 'store'>, idOrName: string): Promise<HostRecord> {
  const host = await ctx.store.hostFetch(idOrName);
  if (!host)
    throw new DroverError('host-not-found', { detail: `There is no host ${idOrName}. See: drover hosts list.` });
  return host;
}

export function hostShow(ctx: Pick<AppContext, 'store'>, caller: Caller, idOrName: string): Promise<HostRecord> {
  assertCan(caller, 'fleet.host.view');
  return hostFetch(ctx, idOrName);
}

/** By name. */
export function hostList(
  ctx: AppContext,
  caller: Caller,
  filter: Parameters<Store['hostList']>[1],
  page: Parameters<Store['hostList']>[2],
): Promise<Page<HostRecord>> {
  return ctx.store.hostList(scopeOf(caller, 'fleet.host.view'), filter, page);
}

/** Its agent is cut off too. */
export async function hostRemove(
  ctx: AppContext & { readonly fleet: Pick<Fleet, 'revoke'> },
  caller: Caller,
  idOrName: string,
): Promise<void> {
  assertCan(caller, 'fleet.host.remove');
  const host = await hostFetch(ctx, idOrName);
  const answer = await ctx.store.hostRemove(host.id, auditOf(caller, 'fleet.host.remove', `host/${host.name}`));
  if (answer === 'in-use')
    throw new DroverError('host-in-use', {
      detail: `${host.name} has executions in flight. Cancel their runs or wait.`,
    });
  if (answer === 'is-jump-host')
    throw new DroverError('host-is-jump-host', {
      detail: `Other hosts are reached through ${host.name}. Give them another jump host first: drover hosts edit HOST --jump-host OTHER.`,
    });
  if (host.agentId) ctx.fleet.revoke([host.agentId]);
}
