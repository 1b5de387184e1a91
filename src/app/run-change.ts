/** Cancel and retry: the wish is written and audited; the run's owner carries it out. */
import { DroverError } from '../base/errors.ts';
import type { RunId } from '../base/ids.ts';
import { ROOT } from '../domain/access/access-node.ts';
import type { ExecutionState } from '../domain/crew/execution-machine.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import type { RunRecord } from '../store/contract/run.ts';
import { accountUse } from './account.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { runAccounts } from './run-account.ts';

export async function runCancel(ctx: AppContext, caller: Caller, id: RunId): Promise<RunRecord> {
  assertCan(caller, 'job.run.cancel');
  const answer = await ctx.store.runCancelRequest(id, caller.actor, auditOf(caller, 'job.run.cancel', `run/${id}`));
  if (answer === 'not-found') throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  if (answer === 'already-finished')
    throw new DroverError('run-already-finished', { detail: `Run ${id} has finished; there is nothing to cancel.` });
  ctx.ownership.wake(id);
  return (await ctx.store.runFetch(id))!;
}

export async function runRetry(
  ctx: AppContext,
  caller: Caller,
  id: RunId,
  states: readonly ExecutionState[],
): Promise<RunRecord> {
  assertCan(caller, 'job.run.retry');
  await checkAnew(ctx, caller, id, states);
  const answer = await ctx.store.runRetry(id, states, auditOf(caller, 'job.run.retry', `run/${id}`, { states }));
  switch (answer.kind) {
    case 'not-found':
      throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
    case 'not-finished':
      throw new DroverError('run-not-finished', { detail: `Run ${id} has not finished; cancel it or wait.` });
    case 'nothing-to-retry':
      throw new DroverError('nothing-to-retry', { detail: `No execution of run ${id} is ${states.join(' or ')}.` });
    case 'opened':
      ctx.ownership.wake(id);
      return answer.run;
  }
}

/**
 * A new round does what the run did and uses accounts as a new run does, and may be asked for by somebody else, long
 * after: rights, scopes and labels count as they are now. What is not there or cannot be retried is left for the retry
 * itself to say; a host that was removed is not reached at all.
 */
async function checkAnew(ctx: AppContext, caller: Caller, id: RunId, states: readonly ExecutionState[]): Promise<void> {
  const seed = await ctx.store.runSeed(id);
  if (!seed) return;
  assertCan(caller, seed.run.permission);
  if (!isTerminalRun(seed.run.state)) return;
  const wanted = new Set(
    seed.executions.filter(({ state }) => states.includes(state)).map(({ subject }) => subject.id),
  );
  if (wanted.size === 0) return;
  const hosts = (await ctx.hosts.directory()).hosts.filter((host) => wanted.has(host.id));
  const { via, account } = seed.spec.placement;
  const { used, faults } = await runAccounts(ctx, hosts, { via }, account);
  if (used.length > 0 && !caller.can('access.account.use', ROOT))
    throw new DroverError('permission-denied', {
      detail: 'This run would use accounts again, and the permission access.account.use is not given.',
    });
  const [fault] = faults;
  if (fault) throw new DroverError(fault.code, { detail: fault.detail });
  await accountUse(ctx, caller.actor, id, used);
}
