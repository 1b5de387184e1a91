/** Runs of jobs: a published version, with its values, becomes a run that keeps all of it; later versions change nothing of that run. */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { planRun } from '../domain/job/expand.ts';
import type { JobValues } from '../domain/job/parameter.ts';
import type { JobVersionChoice } from '../store/contract/job.ts';
import type { RunRecord } from '../store/contract/run.ts';
import { assertCan, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { jobVersionShow } from './job.ts';
import { plannedBegin } from './planned-start.ts';

export interface JobRunInput {
  readonly version: JobVersionChoice;
  readonly values: JobValues;
  /** In place of the job's own, for the steps that say none. */
  readonly targets?: string;
  readonly reason: string;
}

/** Throws `job-version-state` for a draft and for what is retired; else as the start of a run does, with every fault at once. */
export async function jobRun(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  { version: wanted, values, targets, reason }: JobRunInput,
): Promise<RunRecord> {
  assertCan(caller, 'job.run.create');
  const { job: name, version, state, text } = await jobVersionShow(ctx, caller, idOrName, wanted);
  if (state !== 'published')
    throw new DroverError('job-version-state', {
      detail: `Version ${version} of ${name} is ${state}, and only what is published runs. See: drover job versions ${name}.`,
    });
  const parsed = ctx.definitions.of(text);
  if (!parsed.ok)
    throw new DroverError('schema-newer', {
      detail: `This program does not understand version ${version} of ${name}; it was applied by a newer one. Start that.`,
    });
  const planned = planRun(parsed.definition, values, given({ targets }));
  if (!planned.ok)
    throw new DroverError(planned.faults.length === 1 ? planned.faults[0]!.code : 'bad-input', {
      detail: planned.faults.map(({ detail }) => detail).join(' '),
      faults: planned.faults,
    });
  return plannedBegin(ctx, caller, {
    name,
    reason,
    job: { name, version },
    stages: planned.run.stages,
    permission: 'job.run.create',
    values: values.params,
  });
}
