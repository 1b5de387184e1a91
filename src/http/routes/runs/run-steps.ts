/** What operators do to single steps of a run. */
import { stepSkip } from '../../../app/run-step.ts';
import type { RunId } from '../../../base/ids.ts';
import * as r from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { runParams } from './run-params.ts';
import { runResource } from './run-resource.ts';

export const runStepRoutes = [
  operation({
    id: 'skipStep',
    method: 'POST',
    path: '/runs/{runId}/skip',
    needsNoRoom: true,
    summary: 'Skip a step that is not over: what runs of it is ended, and what needs it goes on',
    permission: 'job.run.skip',
    params: runParams,
    body: r.RunStepSaid,
    status: 202,
    response: r.Run,
    errors: ['run-not-found', 'step-not-found', 'step-over', 'run-already-finished', 'run-stopping', 'bad-input'],
    handle: async ({ ctx, caller, params, body }) =>
      runResource(await stepSkip(ctx, caller, params.runId as RunId, body)),
  }),
];
