/** Setting and removing labels of a host. */
import type { HostRecord } from '../store/contract/host.ts';
import type { AppContext, Caller } from './context.ts';
import { hostFetch } from './host-access.ts';
import { guardedFrom, labelProtected } from './label-guard.ts';

export async function hostLabel(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  change: { readonly set: Readonly<Record<string, string>>; readonly remove: readonly string[] },
): Promise<HostRecord> {
  const host = await hostFetch(ctx, idOrName);
  const changed = await ctx.store.hostLabel(host.id, change, await guardedFrom(ctx, caller), {
    actor: caller.actor,
    action: 'fleet.host.edit',
    target: `host/${host.name}`,
    detail: { ...change },
    requestId: caller.requestId,
  });
  if (changed && 'refused' in changed) throw labelProtected(changed.refused);
  return changed ?? hostFetch(ctx, idOrName);
}
