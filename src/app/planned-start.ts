/**
 * Starts a run of several steps: hosts of every step are found, accounts settled and everything checked before any of it is written, and
 * all faults are told at once. Then one transaction, and the owner takes over.
 */
import { DroverError, type InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { jobLimits } from '../base/job-limits.ts';
import type { RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Permission } from '../domain/access/permission.ts';
import type { ExpandedStage, ExpandedStep } from '../domain/job/expand.ts';
import { planOf } from '../domain/job/plan-of.ts';
import { partitionOf } from '../domain/run/partition.ts';
import { firstTasks, tasksOf, type RunPlan } from '../domain/run/plan.ts';
import { hostSubject, itemSubject, NO_SUBJECT, type Subject } from '../domain/run/subject.ts';
import { isGate, workFaults } from '../domain/work/work.ts';
import type { NewTask } from '../domain/run/new-task.ts';
import type { JobReference, RunRecord } from '../store/contract/run.ts';
import { accountUse } from './account.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { plannedAudit } from './planned-audit.ts';
import { runAccounts, type RunAccounts } from './run-account.ts';
import { sealRunSecrets } from './run-secrets.ts';
import { batchesFault, inOrderOf } from './run-rollout.ts';
import { assertMayUse, expandTargets, newOwnedRunId, runWrite, workerFault } from './run-start.ts';

export interface PlannedStartInput {
  readonly name: string;
  readonly reason: string;
  readonly job: JobReference;
  readonly stages: readonly ExpandedStage[];
  readonly permission: Permission;
  /** For the audit: values that were given, without those of secrets. */
  readonly values: Readonly<Record<string, unknown>>;
}

export async function plannedBegin(ctx: AppContext, caller: Caller, input: PlannedStartInput): Promise<RunRecord> {
  assertCan(caller, input.permission);
  const { plan, steps } = planOf(input.stages);
  const id = newOwnedRunId(ctx);
  const settled = await stepsSettled(ctx, caller, id, steps, plan);
  const first = firstTasks(plan);
  await accountUse(ctx, caller.actor, id, settled.used);
  const tasks = steps.map((step, task): NewTask => {
    const { list, placement } = settled.steps[task]!;
    return {
      spec: { work: step.work, policy: step.policy, placement: { ...step.placement, ...placement } },
      subjects: list,
      isFirst: first.has(task),
      ...given({ sealedSecrets: sealRunSecrets(ctx.sealer, id, step.secrets) }),
    };
  });
  const run = {
    id,
    partition: partitionOf(id),
    name: input.name,
    reason: input.reason,
    createdBy: caller.actor,
    permission: input.permission,
    targetExpression: targetsText(steps),
    plan,
    job: input.job,
    tasks,
    subjects: settled.subjects,
    ...given({ claim: caller.claim }),
  };
  const audit = auditOf(caller, input.permission, `run/${id}`, {
    name: input.name,
    reason: input.reason,
    job: input.job.name,
    version: input.job.version,
    ...plannedAudit(
      steps.map((step, task) => ({
        ...step,
        hosts: step.placement.worker ? 0 : settled.subjects[settled.steps[task]!.list]!.length,
        user: tasks[task]!.spec.placement.user,
      })),
      input.values,
    ),
  });
  return runWrite(ctx, run, audit);
}

/** For people, in lists of runs too: what each step goes to stands with the step. */
function targetsText(steps: readonly ExpandedStep[]): string {
  const [first, ...others] = new Set(steps.flatMap(({ targets, work }) => (isGate(work) ? [] : [targets])));
  if (others.length === 0) return first ?? 'no hosts';
  const all = [first, ...others].map((text) => `(${text})`).join(' or ');
  return all.length <= limits.targetExpressionLengthMax ? all : `(${first}) or … (and ${others.length} more)`;
}

interface SettledSteps {
  readonly steps: readonly { readonly list: number; readonly placement: RunAccounts['placement'] }[];
  readonly subjects: readonly (readonly Subject[])[];
  readonly used: RunAccounts['used'];
}

/** A gate goes to no host and no worker. */
const NOBODY: Awaited<ReturnType<typeof expandTargets>> = { hosts: [] };

/** Steps that say the same hosts share one list of them. Gates have an empty one. */
async function stepsSettled(
  ctx: AppContext,
  caller: Caller,
  id: RunId,
  steps: readonly ExpandedStep[],
  plan: RunPlan,
): Promise<SettledSteps> {
  const planned = tasksOf(plan);
  const faults: InputFault[] = [];
  const lists = new Map<
    string,
    { readonly at: number; readonly hosts: Hosts; readonly subjects: readonly Subject[] }
  >();
  /** By expression: the lists of some are in another order. */
  const found = new Map<string, Awaited<ReturnType<typeof expandTargets>>>();
  const accounts = new Map<string, RunAccounts>();
  const used = new Map<string, RunAccounts['used'][number]>();
  const settled: SettledSteps['steps'][number][] = [];
  let executions = 0;
  for (const [number, step] of steps.entries()) {
    const told = (fault: InputFault): void =>
      void faults.push({ ...fault, pointer: '#/job', detail: `Step ${step.name}: ${fault.detail}` });
    const { worker } = step.placement;
    const from = planned[number]!.chooses && settled[planned[number]!.chooses.task]!.list;
    const expression = from === undefined ? step.targets : JSON.stringify([from, step.chooses?.besides]);
    const isWaiting = isGate(step.work);
    const listKey = isWaiting
      ? 'gate'
      : worker
        ? JSON.stringify(step.items ?? '')
        : JSON.stringify([expression, step.policy.order]);
    let list = lists.get(listKey);
    if (!list) {
      const ofStep = [...lists.values()][from ?? -1]?.hosts;
      const { hosts, fault } = isWaiting
        ? NOBODY
        : (found.get(expression) ??
          (worker
            ? workerFault(worker)
            : ofStep
              ? await hostsAmong(ctx, ofStep, step.chooses?.besides)
              : await expandTargets(ctx, step.targets)));
      if (fault && !found.has(expression)) told(fault);
      if (!isWaiting) found.set(expression, { hosts, ...given({ fault }) });
      const ordered = fault ? [] : inOrderOf(hosts, step.policy, id);
      list = { at: lists.size, hosts: ordered, subjects: worker ? withoutHosts(step) : ordered.map(subjectOf) };
      lists.set(listKey, list);
    }
    const batches = batchesFault(step.policy, list.hosts.length);
    if (batches) told(batches);
    executions += step.each ? jobLimits.itemsMax : list.subjects.length;
    const key = JSON.stringify([list.at, step.placement, step.account]);
    const own = accounts.get(key) ?? (await runAccounts(ctx, list.hosts, step.placement, step.account));
    if (!accounts.has(key)) own.faults.forEach(told);
    accounts.set(key, own);
    for (const account of own.used) used.set(account.id, account);
    const { environment } = own.placement;
    workFaults(step.work, { secrets: step.secrets, ...given({ environment }) }).forEach(told);
    settled.push({ list: list.at, placement: own.placement });
    // Nobody is told of more, and all that was found is held.
    if (executions > jobLimits.jobExecutionsMax || faults.length >= limits.faultsToldMax) break;
  }
  assertMayUse(caller, [...used.values()]);
  if (executions > jobLimits.jobExecutionsMax)
    faults.push({
      pointer: '#/job',
      code: 'too-many-targets',
      detail: `The steps come to ${executions} executions or more, each on one host; a run may have ${jobLimits.jobExecutionsMax}.`,
    });
  if (faults.length > 0)
    throw new DroverError(faults.length === 1 ? faults[0]!.code : 'bad-input', {
      detail: faults
        .slice(0, 20)
        .map(({ detail }) => detail)
        .join(' '),
      faults,
    });
  const subjects = [...lists.values()].map((list) => list.subjects);
  return { steps: settled, subjects, used: [...used.values()] };
}

/** What a step may choose from: the hosts of a step before it, or those of them that match besides. */
async function hostsAmong(
  ctx: AppContext,
  ofStep: Hosts,
  besides: string | undefined,
): ReturnType<typeof expandTargets> {
  const found = besides === undefined ? { hosts: ofStep } : await expandTargets(ctx, besides);
  if ('fault' in found) return found;
  const ids = new Set(found.hosts.map(({ id }) => id));
  const hosts = ofStep.filter(({ id }) => ids.has(id));
  if (hosts.length > 0) return { hosts };
  const detail = `No host of the step that it chooses from ${besides === undefined ? 'is there' : `matches ${besides}`}.`;
  return { hosts, fault: { pointer: '#/targets', code: 'no-target-matched', detail } };
}

/** What a step before it tells is known when its turn has come. */
function withoutHosts({ items }: ExpandedStep): readonly Subject[] {
  return items?.map(itemSubject) ?? [NO_SUBJECT];
}

type Hosts = Awaited<ReturnType<typeof expandTargets>>['hosts'];

function subjectOf({ id, name }: Hosts[number]): Subject {
  return hostSubject(id, name);
}
