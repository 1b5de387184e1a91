/** What a run would do, by the same checks and with the same refusals as its start (`run-start.ts`); nothing is written. */
import type { ErrorCode } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { HostId } from '../base/ids.ts';
import { asWhom, type Worker } from '../domain/placement/as-whom.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { assertCan, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import type { RunAccounts } from './run-account.ts';
import { hostWithoutAddress } from './host-access.ts';
import { runSettled, type RunStartInput } from './run-start.ts';

/** Lists hold the first so many that the caller asks for; counts are of all. */
export interface RunPlan {
  readonly hostCount: number;
  readonly hosts: readonly string[];
  readonly accounts: readonly string[];
  readonly user?: string;
  /** The hosts that it would not be refused on, drawn together by way, user and account. */
  readonly as: readonly AsGroup[];
  /** Hosts that it would not start on as things are now, each with the code that the run would have. */
  readonly refusedCount: number;
  readonly refused: readonly RefusedHost[];
}

export interface AsGroup {
  /** `none`: there is no way now, so that it would wait for one. */
  readonly via: 'agent' | 'ssh' | 'none';
  readonly user?: string;
  readonly account?: string;
  readonly hostCount: number;
  readonly hosts: readonly string[];
}

interface RefusedHost {
  readonly host: string;
  readonly code: ErrorCode;
  readonly detail: string;
}

export async function runPlan(
  ctx: AppContext & { readonly fleet: Pick<Fleet, 'locate'> },
  caller: Caller,
  input: RunStartInput,
  namesMax: number,
): Promise<RunPlan> {
  assertCan(caller, 'job.run.create');
  const { hosts, accounts } = await runSettled(ctx, caller, input);
  const user = accounts.placement.user ?? input.placement.user;
  const told = await ctx.store.hostAgentUsers(hosts.map(({ id }) => id));
  const unreached = new Map(accounts.unreached.map((one) => [one.id, one]));
  const groups = new Map<string, AsGroup & { hostCount: number; readonly hosts: string[] }>();
  const refused: RefusedHost[] = [];
  for (const [index, { id, name }] of hosts.entries()) {
    const { via, worker } = wayTo(id, input.placement.via, accounts, ctx.fleet, told);
    const barred = via === 'agent' ? undefined : (unreached.get(id) ?? withoutAddress(name, via, input.placement.via));
    const whom = barred ? { kind: 'refused' as const, ...barred } : asWhom(name, worker, user);
    if (whom.kind === 'refused') {
      refused.push({ host: name, code: whom.code, detail: whom.detail });
      continue;
    }
    const account = worker.kind === 'account' ? worker.name : undefined;
    const key = JSON.stringify([via, whom.user, account]);
    const group = groups.get(key) ?? { via, ...given({ user: whom.user, account }), hostCount: 0, hosts: [] };
    groups.set(key, group);
    group.hostCount++;
    if (index < namesMax) group.hosts.push(name);
  }
  return {
    hostCount: hosts.length,
    hosts: hosts.slice(0, namesMax).map((host) => host.name),
    accounts: accounts.used.map((account) => account.name),
    ...given({ user }),
    as: [...groups.values()].slice(0, namesMax),
    refusedCount: refused.length,
    refused: refused.slice(0, namesMax),
  };
}

/** Over SSH alone, where there is no address, it never comes to a start. */
function withoutAddress(
  host: string,
  way: AsGroup['via'],
  asked: RunStartInput['placement']['via'],
): { readonly code: ErrorCode; readonly detail: string } | undefined {
  if (way !== 'none' || asked !== 'ssh') return undefined;
  const { code, detail } = hostWithoutAddress(host);
  return { code, detail };
}

/** The way that the owner would take now (`owner/route.ts`), and who is at its end. */
function wayTo(
  id: HostId,
  asked: RunStartInput['placement']['via'],
  { logins }: RunAccounts,
  fleet: Pick<Fleet, 'locate'>,
  told: Awaited<ReturnType<AppContext['store']['hostAgentUsers']>>,
): { readonly via: AsGroup['via']; readonly worker: Worker } {
  const agent: Worker = { kind: 'agent', ...told.get(id) };
  if (asked !== 'ssh' && fleet.locate(id) !== undefined) return { via: 'agent', worker: agent };
  const login = asked === 'agent' ? undefined : logins.get(id);
  if (login) return { via: 'ssh', worker: { ...login, kind: 'account' } };
  // Over SSH alone the agent never comes to it.
  return { via: 'none', worker: asked === 'ssh' ? { kind: 'agent' } : agent };
}
