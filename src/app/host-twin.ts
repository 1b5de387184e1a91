/** Twins: hosts that joined with the machine id of another and without its key. They get no work until somebody says which machine they are. */
import type { AgentId } from '../base/ids.ts';
import { DroverError } from '../base/errors.ts';
import type { AuditEntry } from '../store/contract/audit.ts';
import type { HostRecord } from '../store/contract/host.ts';
import type { AppContext, Caller } from './context.ts';
import { hostFetch } from './host-access.ts';

export async function twinAccept(ctx: AppContext, caller: Caller, idOrName: string): Promise<HostRecord> {
  const host = await hostFetch(ctx, idOrName);
  const answer = await ctx.store.twinAccept(host.id, entryOf(caller, 'fleet.twin.accept', host));
  if (answer === 'not-twin') throw notTwin(host);
  return hostFetch(ctx, host.id);
}

/** `agentId`: the agent of the former host, which may not link any more. */
export async function twinReplace(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
): Promise<{ host: HostRecord; agentId?: AgentId }> {
  const host = await hostFetch(ctx, idOrName);
  const answer = await ctx.store.twinReplace(host.id, entryOf(caller, 'fleet.twin.replace', host));
  if (answer.kind === 'not-twin') throw notTwin(host);
  if (answer.kind === 'in-use')
    throw new DroverError('host-in-use', {
      detail: `${answer.hostName} has executions in flight. Cancel their runs or wait, then replace it.`,
    });
  return answer;
}

export function twinDetail({ name, twinOf }: HostRecord): string {
  return `${name} is a twin of ${twinOf}: it has the same machine id and joined without its key, so it gets no work until somebody decides. Another machine: drover hosts twins accept ${name}. The same one: drover hosts twins replace ${name}.`;
}

function entryOf(caller: Caller, action: string, host: HostRecord): AuditEntry {
  return {
    actor: caller.actor,
    action,
    target: `host/${host.name}`,
    detail: { twinOf: host.twinOf ?? null },
    requestId: caller.requestId,
  };
}

function notTwin({ name }: HostRecord): DroverError {
  return new DroverError('host-not-twin', {
    detail: `${name} is not a twin of a host that is there. See: drover hosts twins.`,
  });
}
