/** Starts an ad-hoc run: everything is checked and every fault told at once; then one transaction, and the owner takes over. */
import { othersTurn, type Clock } from '../base/clock.ts';
import { DroverError, type InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newRunId, type HostId, type RunId } from '../base/ids.ts';
import { PARTITION_COUNT, partitionOf } from '../domain/run/partition.ts';
import { limits } from '../base/limits.ts';
import { ROOT } from '../domain/access/access-node.ts';
import type { Permission } from '../domain/access/permission.ts';
import { firstAttempts, type SeedExecution } from '../domain/crew/execution.ts';
import { parseTarget, TargetSearch, type TargetExpression, type TargetMatch } from '../domain/target/expression.ts';
import { isStaged } from '../domain/rollout/rollout.ts';
import { PLAN_OF_COMMAND } from '../domain/run/plan.ts';
import type { Policy } from '../domain/run/policy.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import { hostSubject, NO_SUBJECT, type Subject } from '../domain/run/subject.ts';
import type { Placement, WorkerChoice } from '../domain/placement/placement.ts';
import { workFaults, type Work } from '../domain/work/work.ts';
import { twinDetail } from '../domain/target/twin-words.ts';
import type { HostRecord } from '../store/contract/host.ts';
import type { AuditEntry } from '../store/contract/audit.ts';
import { oneTask } from '../domain/run/new-task.ts';
import type { NewRun, RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import { accountUse } from './account.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import type { HostDirectory } from './host-view.ts';
import { runAccounts, type RunAccounts } from './run-account.ts';
import { batchesFault, inOrderOf } from './run-rollout.ts';
import { sealRunSecrets, secretsOn, type RunSecrets } from './run-secrets.ts';

export interface RunStartInput {
  /** An expression; in words, where the placement says a worker instead. */
  readonly targets: string;
  /** At most so many of the hosts that match: the first by name. */
  readonly hostsMax?: number;
  readonly name: string;
  readonly reason: string;
  readonly work: Work;
  readonly policy: Policy;
  /** As whom beyond the user: by `account`. */
  readonly placement: Pick<Placement, 'via' | 'user' | 'worker'>;
  /** Those that the work names. */
  readonly secrets: RunSecrets;
  /** Name or id of the account to run as. */
  readonly account?: string;
}

/** `beforeStart` is told of the run when it is written, before anything of it starts. */
type BeforeStart = (id: RunId, executions: readonly SeedExecution[]) => void;

export function runStart(
  ctx: AppContext,
  caller: Caller,
  input: RunStartInput,
  beforeStart?: BeforeStart,
): Promise<RunRecord> {
  return runBegin(ctx, caller, { ...input, permission: 'job.run.create' }, beforeStart);
}

/** For other verbs that do their work by a run: `permission` is asked for here, and again of whoever retries the run. */
export async function runBegin(
  ctx: AppContext,
  caller: Caller,
  input: RunStartInput & { readonly permission: Permission },
  beforeStart?: BeforeStart,
): Promise<RunRecord> {
  assertCan(caller, input.permission);
  const { hosts, accounts } = await runSettled(ctx, caller, input);
  const id = newOwnedRunId(ctx);
  const { work, policy } = input;
  const spec: RunSpec = { work, policy, placement: { ...input.placement, ...accounts.placement } };
  // First: a use that is on record and did not happen is better than one that happened and is not.
  await accountUse(ctx, caller.actor, id, accounts.used);
  const targets: readonly Subject[] = spec.placement.worker
    ? [NO_SUBJECT]
    : inOrderOf(hosts, policy, id).map(({ id: hostId, name }) => hostSubject(hostId, name));
  const run: NewRun = {
    id,
    partition: partitionOf(id),
    name: input.name,
    reason: input.reason,
    createdBy: caller.actor,
    permission: input.permission,
    targetExpression: input.targets,
    ...oneTask(spec, targets, sealRunSecrets(ctx.sealer, id, input.secrets)),
    ...given({ claim: caller.claim, plan: isStaged(policy) ? PLAN_OF_COMMAND : undefined }),
  };
  const audit = auditOf(caller, 'job.run.create', `run/${id}`, {
    name: input.name,
    reason: input.reason,
    targets: input.targets,
    hosts: hosts.length,
    user: spec.placement.user ?? null,
    account: input.account ?? null,
    secrets: Object.keys(input.secrets),
  });
  return runWrite(ctx, run, audit, () => beforeStart?.(id, firstAttempts(targets)));
}

/** With its first step where its owner is at hand. `onWritten`: before anything of it starts. */
export function runWrite(
  ctx: AppContext,
  run: NewRun,
  audit: AuditEntry,
  onWritten: () => void = () => undefined,
): Promise<RunRecord> {
  return ctx.ownership.create(run, audit, onWritten) ?? runLeft(ctx, run, audit, onWritten);
}

/** Written as one that waits: its owner hears of it from the store. */
async function runLeft(ctx: AppContext, run: NewRun, audit: AuditEntry, onWritten: () => void): Promise<RunRecord> {
  const record = await ctx.store.runCreate(run, audit);
  onWritten();
  // This server may be its owner by now.
  ctx.ownership.wake(run.id);
  return record;
}

const NO_HOST = '' as HostId;

interface SettledRun {
  readonly hosts: HostDirectory['hosts'];
  readonly accounts: RunAccounts;
}

/** Where a run goes and as whom, or every fault of it; nothing is written. */
export async function runSettled(ctx: AppContext, caller: Caller, input: RunStartInput): Promise<SettledRun> {
  const { worker } = input.placement;
  const { hosts: matching, fault } = worker ? workerFault(worker) : await expandTargets(ctx, input.targets);
  const hosts = matching.slice(0, input.hostsMax);
  const accounts = await runAccounts(ctx, fault ? [] : hosts, input.placement, input.account);
  const { environment } = accounts.placement;
  // One that differs from host to host is as long on each.
  const secrets = secretsOn(hosts[0]?.id ?? NO_HOST, input.secrets);
  const batches = fault ? undefined : batchesFault(input.policy, hosts.length);
  const faults = [
    ...(batches ? [batches] : []),
    ...(fault?.code === 'bad-target' ? [fault] : []),
    ...workFaults(input.work, { secrets, ...given({ environment }) }),
    ...accounts.faults,
  ];
  assertMayUse(caller, accounts.used);
  if (faults.length > 0)
    throw new DroverError(faults.length === 1 ? faults[0]!.code : 'bad-input', {
      detail: faults.map((f) => f.detail).join(' '),
      faults,
    });
  if (fault) throw new DroverError(fault.code, { detail: fault.detail, faults: [fault] });
  return { hosts, accounts };
}

/** It goes to no hosts; what may be wrong is what it says of workers. */
export function workerFault({ select, prefer = 'all' }: WorkerChoice): { hosts: []; fault?: InputFault } {
  for (const [field, text] of [
    ['worker', select],
    ['prefer', prefer],
  ] as const) {
    const parsed = parseTarget(text);
    if (parsed.ok) continue;
    const { column, detail } = parsed.fault;
    const told =
      text.trim() === ''
        ? `No worker is named: say all, names or labels of workers.`
        : `What is said of workers is not valid at column ${column}: ${detail}.`;
    return { hosts: [], fault: { pointer: `#/${field}`, code: 'bad-target', detail: told } };
  }
  return { hosts: [] };
}

export function assertMayUse(caller: Caller, accounts: readonly unknown[]): void {
  if (accounts.length > 0 && !caller.can('access.account.use', ROOT))
    throw new DroverError('permission-denied', {
      detail: 'This run would use accounts, and the permission access.account.use is not given.',
    });
}

export async function runPreview(
  ctx: AppContext,
  caller: Caller,
  targets: string,
  namesMax: number,
): Promise<{ hostCount: number; hosts: readonly string[] }> {
  assertCan(caller, 'fleet.host.view');
  const { hosts, fault } = await expandTargets(ctx, targets);
  if (fault) throw new DroverError(fault.code, { detail: fault.detail, faults: [fault] });
  return { hostCount: hosts.length, hosts: hosts.slice(0, namesMax).map((host) => host.name) };
}

/** Targets pass twins over; who names one is told why. */
async function firstTwin(store: Store, names: readonly string[]): Promise<HostRecord | undefined> {
  const host = await store.hostFetch(names[0]!);
  return host?.twinOf === undefined ? undefined : host;
}

/** The frozen host list of a run. */
export async function expandTargets(
  { store, hosts: view, clock }: Pick<AppContext, 'store' | 'hosts' | 'clock'>,
  text: string,
): Promise<{ hosts: HostDirectory['hosts']; fault?: InputFault }> {
  const pointer = '#/targets';
  const parsed = parseTarget(text);
  if (!parsed.ok)
    return {
      hosts: [],
      fault: {
        pointer,
        code: 'bad-target',
        detail: `The target is not valid at column ${parsed.fault.column}: ${parsed.fault.detail}.`,
      },
    };
  const { hosts, unknownNames } = await matchInTurns(parsed.expression, (await view.directory()).hosts, clock);
  const twin = unknownNames.length > 0 ? await firstTwin(store, unknownNames) : undefined;
  if (twin) return { hosts, fault: { pointer, code: 'host-is-twin', detail: twinDetail(twin) } };
  if (unknownNames.length > 0)
    return {
      hosts,
      fault: {
        pointer,
        code: 'host-not-found',
        detail:
          `No host is named ${unknownNames.slice(0, 20).join(', ')}` +
          `${unknownNames.length > 20 ? ` (and ${unknownNames.length - 20} more)` : ''}. See: drover hosts list.`,
      },
    };
  if (hosts.length === 0)
    return {
      hosts,
      fault: { pointer, code: 'no-target-matched', detail: `No host matches ${text}. See: drover hosts list.` },
    };
  if (hosts.length > limits.targetsPerRunMax)
    return {
      hosts,
      fault: {
        pointer,
        code: 'too-many-targets',
        detail: `${hosts.length} hosts match; a run may have ${limits.targetsPerRunMax}.`,
      },
    };
  return { hosts };
}

/**
 * Hosts that are held against an expression between two looks at the clock: each term of it costs a host a few hundred
 * nanoseconds, as a rule.
 */
const HOSTS_AT_ONCE = 10;
/** Longest look at hosts before others get their turn. */
const SLICE_MS = 10;

async function matchInTurns(
  expression: TargetExpression,
  hosts: HostDirectory['hosts'],
  clock: Clock,
): Promise<TargetMatch<HostDirectory['hosts'][number]>> {
  const search = new TargetSearch<HostDirectory['hosts'][number]>(expression);
  let sliceEndsAt = clock.monotonicMs() + SLICE_MS;
  for (let at = 0; at < hosts.length; at += HOSTS_AT_ONCE) {
    if (clock.monotonicMs() >= sliceEndsAt) {
      await othersTurn();
      sliceEndsAt = clock.monotonicMs() + SLICE_MS;
    }
    search.look(hosts.slice(at, at + HOSTS_AT_ONCE));
  }
  return search.found();
}

/** A run created where partitions are owned falls into one of them: the hot path stays in this process. */
export function newOwnedRunId(ctx: AppContext): RunId {
  const owned = new Set(ctx.ownership.owned().map(({ id }) => id));
  for (let tries = 0; tries < 4 * PARTITION_COUNT; tries++) {
    const id = newRunId(ctx.clock.nowMs());
    if (owned.size === 0 || owned.has(partitionOf(id))) return id;
  }
  return newRunId(ctx.clock.nowMs());
}
