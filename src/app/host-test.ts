/** Tries the way to a host over SSH from the worker that a run would take. It logs in, so it is audited like any use of an account. */
import type { Fleet } from '../fleet/fleet.ts';
import type { ConnectionStep } from '../protocol/link/worker-v1.ts';
import { accountFetch } from './account.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';
import { hostWithoutAddress } from './host-access.ts';

/**
 * `asked` is an account's name or id. Throws what stands in the way before anything could be tried: no such host, no
 * account for it, no worker of its zone.
 */
export async function hostTest(
  ctx: AppContext & { readonly fleet: Pick<Fleet, 'testConnection'> },
  caller: Caller,
  idOrName: string,
  asked: string | undefined,
): Promise<readonly ConnectionStep[]> {
  assertCan(caller, 'fleet.host.test');
  const host = await hostFetch(ctx, idOrName);
  if (host.address === undefined) throw hostWithoutAddress(host.name);
  const account = asked === undefined ? undefined : await accountFetch(ctx, asked);
  await ctx.store.auditWrite(
    auditOf(caller, 'fleet.host.test', `host/${host.name}`, account ? { account: account.name } : {}),
  );
  const steps = await ctx.fleet.testConnection(host.id, account?.id);
  // Who names an account asks about that account; without one it is the way that a run would take.
  if (account === undefined)
    await ctx.store.hostContactsWrite([{ hostId: host.id, atMs: ctx.clock.nowMs(), ...failureOf(steps) }]);
  return steps;
}

function failureOf(steps: readonly ConnectionStep[]): { code?: string } {
  const failed = steps.find(({ result }) => result === 'failed');
  return failed ? { code: failed.code ?? 'internal' } : {};
}
