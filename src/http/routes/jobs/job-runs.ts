/** Runs of jobs. What a run is afterwards, and what may be done with it, is with the other runs. */
import { limits } from '../../../base/limits.ts';
import { z } from 'zod';
import { jobRun } from '../../../app/job-run.ts';
import { given } from '../../../base/given.ts';
import * as r from '../../../protocol/rest/job-resources.ts';
import { Run } from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { idOrName } from '../params.ts';
import { replayRun, runResource } from '../runs/run-resource.ts';
import { versionChoice, versionChoiceOf } from './version-choice.ts';

export const jobRunRoutes = [
  operation({
    id: 'runJob',
    method: 'POST',
    path: '/jobs/{job}/runs',
    summary: 'Run a published version of a job',
    permission: 'job.run.create',
    params: z.strictObject({ job: idOrName }),
    bodyBytesMax: limits.requestBodyBytesMax,
    body: r.JobRun.extend({ version: versionChoice.default('latest') }).meta({ id: 'JobRun' }),
    status: 201,
    response: Run,
    errors: [
      'job-not-found',
      'job-version-not-found',
      'job-version-state',
      'parameter-invalid',
      'bad-input',
      'bad-target',
      'host-not-found',
      'host-is-twin',
      'account-not-found',
      'account-out-of-scope',
      'no-target-matched',
      'too-many-targets',
      'too-many-runs',
      'schema-newer',
    ],
    handle: async ({ ctx, caller, params, body: { version, params: values, secrets, targets, reason } }) =>
      runResource(
        await jobRun(ctx, caller, params.job, {
          version: versionChoiceOf(version),
          values: { params: values, secrets },
          reason,
          ...given({ targets }),
        }),
      ),
    replay: replayRun,
  }),
];
