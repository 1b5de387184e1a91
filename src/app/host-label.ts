/** Setting and removing labels of a host. */
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { HostRecord } from '../store/contract/host.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';
import { guardedFrom, labelProtected } from './label-guard.ts';

export async function hostLabel(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  change: { readonly set: Readonly<Record<string, string>>; readonly remove: readonly string[] },
): Promise<HostRecord> {
  assertCan(caller, 'fleet.host.edit');
  const host = await hostFetch(ctx, idOrName);
  const changed = await ctx.store.hostLabel(
    host.id,
    change,
    await guardedFrom(ctx, caller),
    auditOf(caller, 'fleet.host.edit', `host/${host.name}`, { ...change }),
  );
  if (changed && 'refused' in changed) throw labelProtected(changed.refused);
  if (changed && 'tooMany' in changed)
    throw new DroverError('bad-input', {
      detail: `${host.name} would have ${changed.tooMany} labels; ${limits.labelsPerHostMax} are allowed.`,
    });
  return changed ?? hostFetch(ctx, idOrName);
}
