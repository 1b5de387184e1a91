/** Output values of a run: what its scripts told beside what they wrote. */
import { z } from 'zod';
import { outputValuesList } from '../../../app/run-view.ts';
import { given } from '../../../base/given.ts';
import { idOrFleetName } from '../../../protocol/rest/name-fields.ts';
import * as r from '../../../protocol/rest/resources.ts';
import type { OutputValuesRecord } from '../../../store/contract/output-value.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { runParams, taskNumber } from './run-params.ts';
import { hostOf, itemOf } from '../../../domain/run/subject.ts';

export const outputValueRoutes = [
  operation({
    id: 'listOutputValues',
    method: 'GET',
    path: '/runs/{runId}/values',
    summary: 'Output values: what scripts told through DROVER_OUTPUT, of executions that told some',
    permission: 'job.output.view',
    params: runParams,
    query: z.strictObject({
      ...page,
      host: idOrFleetName.optional().describe('Name of the host'),
      task: taskNumber,
      attempt: z.coerce
        .number()
        .int()
        .min(1)
        .max(999_999_999)
        .optional()
        .describe('Of an earlier attempt of each; default: the present one'),
    }),
    status: 200,
    response: r.pageOf(r.OutputValues),
    errors: ['run-not-found', 'bad-input'],
    async handle({ ctx, caller, params, query }) {
      const { items, next } = await outputValuesList(
        ctx,
        caller,
        params.runId,
        given({ hostName: query.host, task: query.task, attempt: query.attempt }),
        pageOfQuery(query),
      );
      return given({ items: items.map(resourceOf), next });
    },
  }),
];

function resourceOf({
  task,
  ordinal,
  attempt,
  subject,
  state,
  values,
  fault,
}: OutputValuesRecord): z.infer<typeof r.OutputValues> {
  const host = hostOf(subject);
  return {
    task,
    ordinal,
    attempt,
    state,
    values,
    ...given({ host: host?.name, hostId: host?.id, item: itemOf(subject), fault }),
  };
}
