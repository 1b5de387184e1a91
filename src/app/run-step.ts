/** What operators do to single steps of a run of a job. The wish is written and audited; the run's owner carries it out. */
import { DroverError } from '../base/errors.ts';
import type { RunId } from '../base/ids.ts';
import { answerTaken } from '../domain/gate/approval.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import { isNamed, isOfCommand, placesOf, type TaskPlace } from '../domain/run/plan.ts';
import type { RunRecord } from '../store/contract/run.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { startersOf } from './run-answer.ts';

export interface StepSaid {
  /** Its name, or STAGE/STEP, or STAGE.STEP. */
  readonly step: string;
  readonly reason: string;
}

/** Throws `step-not-found`, or `bad-input` where several stages have a step of this name. */
function stepMeant({ id, plan = [] }: RunRecord, name: string): TaskPlace {
  if (plan.length === 0 || isOfCommand(plan))
    throw new DroverError('step-not-found', { detail: `Run ${id} is of a command, which has no steps.` });
  const meant = placesOf(plan).filter((place) => isNamed(place, name));
  const [one, other] = meant;
  if (!one)
    throw new DroverError('step-not-found', {
      detail: `Run ${id} has no step ${name}. See its steps: drover runs show ${id}.`,
    });
  if (other)
    throw new DroverError('bad-input', {
      detail: `Several stages have such a step: ${meant.map(({ path }) => path).join(', ')}. Say which.`,
    });
  return one;
}

export async function stepSkip(ctx: AppContext, caller: Caller, id: RunId, said: StepSaid): Promise<RunRecord> {
  assertCan(caller, 'job.run.skip');
  const run = await ctx.store.runFetch(id);
  if (!run) throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  const { task, path, stage } = stepMeant(run, said.step);
  if (isTerminalRun(run.state)) throw finished(id, path);
  if (run.cancelForcedBy !== undefined || (run.cancelRequestedBy !== undefined && !stage.isFinally))
    throw new DroverError('run-stopping', { detail: `Run ${id} is being ended, and step ${path} with it.` });
  await mustMaySkip(ctx, caller, run, { task, path });
  const { reason } = said;
  const audit = auditOf(caller, 'job.run.skip', `run/${id}`, { step: path, reason });
  const skip = { by: caller.actor.name, reason, atMs: ctx.store.clock().nowMs() };
  const answer = await ctx.store.runSkip(id, task, skip, audit);
  if (answer === 'step-over')
    throw new DroverError('step-over', {
      detail: `Step ${path} of run ${id} is over: there is nothing to skip. See what it came to: drover runs show ${id}.`,
    });
  if (answer === 'already-finished' || answer === 'not-found') throw finished(id, path);
  ctx.ownership.wake(id);
  return (await ctx.store.runHead(id))!;
}

/** An approval that is skipped is as good as a yes: whoever may not say that may not skip it either. */
async function mustMaySkip(
  ctx: AppContext,
  { actor }: Caller,
  run: RunRecord,
  { task, path }: Pick<TaskPlace, 'task' | 'path'>,
): Promise<void> {
  const work = run.tasks?.find((one) => one.task === task)?.spec.work;
  if (work?.kind !== 'approval') return;
  const by = { id: actor.id, name: actor.name };
  const taken = answerTaken(work, [], { isYes: true, by }, await startersOf(ctx, run));
  if (taken.kind === 'refused')
    throw new DroverError('permission-denied', { detail: `Step ${path} of run ${run.id}: ${taken.why}, nor skip it.` });
}

function finished(id: RunId, path: string): DroverError {
  return new DroverError('run-already-finished', {
    detail: `Run ${id} has finished; of step ${path} there is nothing to skip.`,
  });
}
