/**
 * Twins: hosts that joined with the machine id of another and without its key. They get no work until somebody says
 * which machine they are.
 */
import { DroverError } from '../base/errors.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { AuditEntry } from '../store/contract/audit.ts';
import type { HostRecord } from '../store/contract/host.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';

export async function twinAccept(ctx: AppContext, caller: Caller, idOrName: string): Promise<HostRecord> {
  assertCan(caller, 'fleet.twin.decide');
  const host = await hostFetch(ctx, idOrName);
  const answer = await ctx.store.twinAccept(host.id, entryOf(caller, 'fleet.twin.accept', host));
  if (answer === 'not-twin') throw notTwin(host);
  return hostFetch(ctx, host.id);
}

/** The agent of the former host may not link any more. */
export async function twinReplace(
  ctx: AppContext & { readonly fleet: Pick<Fleet, 'revoke'> },
  caller: Caller,
  idOrName: string,
): Promise<HostRecord> {
  assertCan(caller, 'fleet.twin.decide');
  const host = await hostFetch(ctx, idOrName);
  const answer = await ctx.store.twinReplace(host.id, entryOf(caller, 'fleet.twin.replace', host));
  if (answer.kind === 'not-twin') throw notTwin(host);
  if (answer.kind === 'in-use')
    throw new DroverError('host-in-use', {
      detail: `${answer.hostName} has executions in flight. Cancel their runs or wait, then replace it.`,
    });
  if (answer.agentId) ctx.fleet.revoke([answer.agentId]);
  return answer.host;
}

function entryOf(caller: Caller, action: string, host: HostRecord): AuditEntry {
  return auditOf(caller, action, `host/${host.name}`, { twinOf: host.twinOf ?? null });
}

function notTwin({ name }: HostRecord): DroverError {
  return new DroverError('host-not-twin', {
    detail: `${name} is not a twin of a host that is there. See: drover hosts twins.`,
  });
}
