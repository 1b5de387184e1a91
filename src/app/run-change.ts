/** Cancel and retry: the wish is written and audited; the run's owner carries it out. */
import { DroverError } from '../base/errors.ts';
import type { RunId } from '../base/ids.ts';
import type { ExecutionState } from '../domain/run/execution-machine.ts';
import type { RunRecord } from '../store/store.ts';
import type { AppContext, Caller } from './context.ts';

export async function runCancel(ctx: AppContext, caller: Caller, id: RunId): Promise<RunRecord> {
  const answer = await ctx.store.runCancelRequest(id, caller.actor, { actor: caller.actor, action: 'job.run.cancel', target: `run/${id}`, detail: {}, requestId: caller.requestId });
  if (answer === 'not-found') throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  if (answer === 'already-finished') throw new DroverError('run-already-finished', { detail: `Run ${id} has finished; there is nothing to cancel.` });
  ctx.ownership.wake(id);
  return (await ctx.store.runFetch(id))!;
}

export async function runRetry(ctx: AppContext, caller: Caller, id: RunId, states: readonly ExecutionState[]): Promise<RunRecord> {
  const answer = await ctx.store.runRetry(id, states, { actor: caller.actor, action: 'job.run.retry', target: `run/${id}`, detail: { states }, requestId: caller.requestId });
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
