/** What a run would do, by the same checks and with the same refusals as its start (`run-start.ts`); nothing is written. */
import type { ErrorCode } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { HostId } from '../base/ids.ts';
import { asWhom, type Worker } from '../domain/placement/as-whom.ts';
import { batchEnds } from '../domain/rollout/batches.ts';
import { inOrder, parseOrder } from '../domain/rollout/order.ts';
import type { Policy } from '../domain/run/policy.ts';
import type { TargetHost } from '../domain/target/expression.ts';
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
  /** One after the other; names of the first hosts of each, where they can be told. */
  readonly batches?: readonly { readonly hostCount: number; readonly hosts: readonly string[] }[];
  /** Of a task without hosts: how many workers would take it now, and in words why others would not. */
  readonly workers?: { readonly count: number; readonly why: string };
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
  ctx: AppContext & { readonly fleet: Pick<Fleet, 'locate' | 'workersFor'> },
  caller: Caller,
  input: RunStartInput,
  namesMax: number,
): Promise<RunPlan> {
  assertCan(caller, 'job.run.create');
  const { hosts, accounts } = await runSettled(ctx, caller, input);
  const { worker } = input.placement;
  const user = accounts.placement.user ?? input.placement.user;
  const ids = hosts.map(({ id }) => id);
  const told = await ctx.store.hostAgentUsers(ids);
  const agentless = new Set(await ctx.store.hostsWithoutAgent(ids));
  const unreached = new Map(accounts.unreached.map((one) => [one.id, one]));
  const groups = new Map<string, AsGroup & { hostCount: number; readonly hosts: string[] }>();
  const refused: RefusedHost[] = [];
  for (const [index, { id, name }] of hosts.entries()) {
    const { via, worker: who } = wayTo(id, input.placement.via, accounts, ctx.fleet, told);
    const barred =
      via === 'agent'
        ? undefined
        : (unreached.get(id) ??
          (via === 'none' ? withoutWay(name, input.placement.via, agentless.has(id)) : undefined));
    const whom = barred ? { kind: 'refused' as const, ...barred } : asWhom(name, who, user);
    if (whom.kind === 'refused') {
      refused.push({ host: name, code: whom.code, detail: whom.detail });
      continue;
    }
    const account = who.kind === 'account' ? who.name : undefined;
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
    ...given({ batches: batchesOf(hosts, input.policy), workers: worker && ctx.fleet.workersFor(worker) }),
    refusedCount: refused.length,
    refused: refused.slice(0, namesMax),
  };
}

/** Names of a batch that are told. */
const BATCH_HOSTS_TOLD = 20;

function batchesOf(hosts: readonly TargetHost[], { batches, order }: Policy): RunPlan['batches'] {
  if (!batches) return undefined;
  const parsed = order === undefined ? undefined : parseOrder(order);
  const isTold = parsed?.kind !== 'random' || parsed.seed !== undefined;
  const ordered = parsed ? inOrder(hosts, parsed, 0) : hosts;
  return batchEnds(batches, hosts.length)?.map((end, at, ends) => {
    const from = ends[at - 1] ?? 0;
    const told = isTold ? ordered.slice(from, Math.min(end, from + BATCH_HOSTS_TOLD)) : [];
    return { hostCount: end - from, hosts: told.map(({ name }) => name) };
  });
}

/** Of a host to which there is no way now: why it never comes to a start (`neverReached` of `owner/route.ts`). */
function withoutWay(
  host: string,
  asked: RunStartInput['placement']['via'],
  hasNoAgent: boolean,
): { readonly code: ErrorCode; readonly detail: string } | undefined {
  if (asked === 'ssh') {
    const { code, detail } = hostWithoutAddress(host);
    return { code, detail };
  }
  if (!hasNoAgent) return undefined;
  const detail =
    asked === 'agent'
      ? `${host} has no agent. Install one: drover agents install -t ${host}; or leave out --via.`
      : `Nothing reaches ${host}: it has no agent, and no address for SSH. Give it one: drover hosts edit ${host} ` +
        '--address ADDRESS.';
  return { code: 'host-without-agent', detail };
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
