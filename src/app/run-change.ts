/** Cancel, pause, resume and retry: the wish is written and audited; the run's owner carries it out. */
import { othersTurn } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import type { RunId } from '../base/ids.ts';
import { ROOT } from '../domain/access/access-node.ts';
import { EXECUTION_STATES, type ExecutionState } from '../domain/crew/execution-machine.ts';
import { GATE_ENDS } from '../domain/gate/gate-position.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import { isOfCommand, type RunPlan } from '../domain/run/plan.ts';
import { isRepeatedWhole } from '../domain/run/round.ts';
import type { RunRecord } from '../store/contract/run.ts';
import { accountUse } from './account.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import { questionsOf } from './run-answer.ts';
import type { AppContext } from './context.ts';
import { runAccounts, type RunAccounts } from './run-account.ts';

/** `isForced`: what comes finally is ended too, also where a cancel before left it. */
export async function runCancel(ctx: AppContext, caller: Caller, id: RunId, isForced: boolean): Promise<RunRecord> {
  assertCan(caller, 'job.run.cancel');
  const audit = auditOf(caller, 'job.run.cancel', `run/${id}`, isForced ? { isForced } : {});
  const answer = await ctx.store.runCancelRequest(id, caller.actor, audit, isForced);
  if (answer === 'not-found') throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  if (answer === 'already-finished')
    throw new DroverError('run-already-finished', { detail: `Run ${id} has finished; there is nothing to cancel.` });
  ctx.ownership.wake(id);
  return (await ctx.store.runHead(id))!;
}

export async function runPause(ctx: AppContext, caller: Caller, id: RunId, reason: string): Promise<RunRecord> {
  assertCan(caller, 'job.run.pause');
  const audit = auditOf(caller, 'job.run.pause', `run/${id}`, { reason });
  const answer = await ctx.store.runPauseRequest(id, caller.actor, audit);
  if (answer === 'not-found') throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  if (answer === 'already-finished')
    throw new DroverError('run-already-finished', { detail: `Run ${id} has finished; there is nothing to pause.` });
  if (answer === 'stopping')
    throw new DroverError('run-stopping', { detail: `Run ${id} is being ended already: nothing more of it starts.` });
  ctx.ownership.wake(id);
  return (await ctx.store.runHead(id))!;
}

/** Of a run that is not paused nothing is changed. */
export async function runResume(ctx: AppContext, caller: Caller, id: RunId, reason: string): Promise<RunRecord> {
  assertCan(caller, 'job.run.resume');
  const audit = auditOf(caller, 'job.run.resume', `run/${id}`, { reason });
  const answer = await ctx.store.runResumeRequest(id, caller.actor, audit);
  if (answer === 'not-found') throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  if (answer === 'already-finished')
    throw new DroverError('run-already-finished', { detail: `Run ${id} has finished; there is nothing to resume.` });
  ctx.ownership.wake(id);
  if (answer === 'not-paused' && questionsOf((await ctx.store.runFetch(id))!).length > 0)
    throw new DroverError('run-asks', {
      detail: `Nobody has paused run ${id}: it asks whether to go on. Answer: drover runs answer ${id} yes.`,
    });
  return (await ctx.store.runHead(id))!;
}

/** A run that changes under each look is not over yet. */
const RETRY_LOOKS_MAX = 3;

export async function runRetry(
  ctx: AppContext,
  caller: Caller,
  id: RunId,
  states: readonly ExecutionState[],
): Promise<RunRecord> {
  assertCan(caller, 'job.run.retry');
  const audit = auditOf(caller, 'job.run.retry', `run/${id}`, { states });
  let answer: Awaited<ReturnType<AppContext['store']['runRetry']>> = { kind: 'changed' };
  // What is opened is what was checked: a late truth, or another's round that is over already, is checked as well.
  for (let looks = 0; answer.kind === 'changed' && looks < RETRY_LOOKS_MAX; looks++)
    answer = await ctx.store.runRetry(id, states, audit, await checkAnew(ctx, caller, id, states));
  switch (answer.kind) {
    case 'not-found':
      throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
    case 'not-finished':
    case 'changed':
      throw notFinished(id);
    case 'nothing-to-retry':
      throw nothingToRetry(id, states, (await ctx.store.runHead(id))?.counts);
    case 'opened':
      ctx.ownership.wake(id);
      return answer.run;
  }
}

/**
 * A new round does what the run did and uses accounts as a new run does, and may be asked for by somebody else, long
 * after: rights, scopes and labels count as they are now. All of its executions are read only where there is something to do.
 * A host that was removed is not reached at all. @returns the number of the write after which all of it was read; undefined where there
 * is no such run.
 */
async function checkAnew(
  ctx: AppContext,
  caller: Caller,
  id: RunId,
  states: readonly ExecutionState[],
): Promise<number | undefined> {
  const head = await ctx.store.runHead(id);
  if (!head) return undefined;
  assertCan(caller, head.permission);
  // Refused here, where it is not checked: it may end, or have others, a moment later.
  if (!isTerminalRun(head.state)) throw notFinished(id);
  if (!states.some((state) => head.counts[state] > 0) && !(await hasTaskIn(ctx, head, states)))
    throw nothingToRetry(id, states, head.counts);
  const seed = await ctx.store.runSeed(id);
  if (!seed) return undefined;
  const { hosts: known } = await ctx.hosts.directory();
  const byId = new Map(known.map((host) => [host.id, host]));
  const whole = new Set(
    seed.tasks.flatMap((one) => (states.includes('failed') && isRepeatedWhole(one) ? [one.task] : [])),
  );
  const ofTask = Map.groupBy(
    seed.executions.filter(({ state, task }) => states.includes(state) || (state === 'succeeded' && whole.has(task))),
    ({ task }) => task,
  );
  const used = new Map<string, RunAccounts['used'][number]>();
  const faults: RunAccounts['faults'][number][] = [];
  for (const { task, spec, subjects } of seed.tasks) {
    await othersTurn();
    // What never had its turn may have one now.
    const wanted = [...(ofTask.get(task) ?? []).map(({ subject }) => subject), ...subjects];
    if (wanted.length === 0) continue;
    const { via, account } = spec.placement;
    const hosts = wanted.flatMap((subject) => (subject.kind === 'host' ? (byId.get(subject.id) ?? []) : []));
    const accounts = await runAccounts(ctx, hosts, { via }, account).catch((error: unknown) => {
      throw errorCodeOf(error) === 'account-not-found'
        ? accountRemoved(stepText(seed.run.plan, task), account!)
        : error;
    });
    for (const one of accounts.used) used.set(one.id, one);
    faults.push(...accounts.faults.map((one) => ({ ...one, detail: stepText(seed.run.plan, task) + one.detail })));
    if (faults.length > 0) break;
  }
  if (used.size > 0 && !caller.can('access.account.use', ROOT))
    throw new DroverError('permission-denied', {
      detail: 'This run would use accounts again, and the permission access.account.use is not given.',
    });
  const [fault] = faults;
  if (fault) throw new DroverError(fault.code, { detail: fault.detail });
  await accountUse(ctx, caller.actor, id, [...used.values()]);
  return seed.run.seq;
}

/** Whether an approval or a wait of it has ended so, or a step has failed though none of its executions has. */
async function hasTaskIn(ctx: AppContext, { id, job }: RunRecord, states: readonly ExecutionState[]): Promise<boolean> {
  if (!job || !states.some((state) => (GATE_ENDS as readonly ExecutionState[]).includes(state))) return false;
  const { tasks = [] } = (await ctx.store.runFetch(id)) ?? {};
  return tasks.some(
    (task) =>
      (task.gate?.end !== undefined && states.includes(task.gate.end)) ||
      (states.includes('failed') && isRepeatedWhole(task)),
  );
}

/** Of a run of several steps, which of them is told of; a command has no names for its parts. */
function stepText(plan: RunPlan | undefined, task: number): string {
  if (!plan || isOfCommand(plan)) return '';
  const stage = plan.find(({ tasks }) => tasks.some((one) => one.task === task))!;
  return `Step ${stage.name}/${stage.tasks.find((one) => one.task === task)!.name}: `;
}

/** `account`: its id, which is all that the run has of it. */
function accountRemoved(step: string, account: string): DroverError {
  return new DroverError('account-not-found', {
    detail:
      `${step}The account that it worked with was removed since (its id was ${account}). A new round works with no other: start anew ` +
      'what is to be done, with an account that there is.',
  });
}

function notFinished(id: RunId): DroverError {
  return new DroverError('run-not-finished', { detail: `Run ${id} has not finished; cancel it or wait.` });
}

/** What there is in its place, and how that is repeated: by the states as the API and as the command have them. */
function nothingToRetry(id: RunId, states: readonly ExecutionState[], counts?: RunRecord['counts']): DroverError {
  const are = EXECUTION_STATES.filter((state) => counts && counts[state] > 0);
  const there = are.map((state) => `${counts![state]} ${state}`);
  const others = are.filter((state) => state !== 'succeeded').map((state) => `--${state.replaceAll('_', '-')}`);
  const next =
    others.length === 0
      ? 'All of it is repeated with --all.'
      : `Repeat with ${others.join(' ')}, or all of it with --all.`;
  return new DroverError('nothing-to-retry', {
    detail: `Nothing of run ${id} is ${states.join(' or ')}${there.length === 0 ? '.' : `: there are ${there.join(', ')}.`} ${next}`,
  });
}
