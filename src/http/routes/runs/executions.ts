/** Executions of a run, and what they said. */
import { z } from 'zod';
import { executionList, executionShow, hostOutputRead, outputGroups, outputOwner } from '../../../app/run-view.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import { idOrFleetName } from '../../../protocol/rest/name-fields.ts';
import * as r from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { executionResource, outputGroupResource, pastExecutionResource } from './execution-resource.ts';
import { streamOutput } from './output-stream.ts';
import { executionParams, list, runParams, taskNumber } from './run-params.ts';

export const executionRoutes = [
  operation({
    id: 'listExecutions',
    method: 'GET',
    path: '/runs/{runId}/executions',
    summary: 'List the executions of a run',
    permission: 'job.run.view',
    params: runParams,
    query: z.strictObject({
      ...page,
      state: list(r.ExecutionState),
      host: idOrFleetName.optional().describe('Name of the host'),
      task: taskNumber,
    }),
    status: 200,
    response: r.pageOf(r.Execution),
    errors: ['run-not-found', 'bad-input'],
    async handle({ ctx, caller, params, query }) {
      const { items, next } = await executionList(
        ctx,
        caller,
        params.runId,
        given({ states: query.state, hostName: query.host, task: query.task }),
        pageOfQuery(query),
      );
      return given({ items: items.map(executionResource), next });
    },
  }),
  operation({
    id: 'getExecution',
    method: 'GET',
    path: '/runs/{runId}/executions/{task}/{ordinal}',
    summary: 'Show one execution and its earlier attempts',
    permission: 'job.run.view',
    params: executionParams,
    status: 200,
    response: r.Execution.extend({ history: z.array(r.PastExecution) }).meta({ id: 'ExecutionDetail' }),
    errors: ['run-not-found'],
    async handle({ ctx, caller, params }) {
      const { execution, history } = await executionShow(ctx, caller, params);
      return { ...executionResource(execution), history: history.map(pastExecutionResource) };
    },
  }),
  operation({
    id: 'readOutput',
    isLong: true,
    method: 'GET',
    path: '/runs/{runId}/executions/{task}/{ordinal}/output',
    summary: 'Bytes of a stream: what is kept (head and tail), or the whole from the host',
    permission: 'job.output.view',
    params: executionParams,
    query: z.strictObject({
      stream: z.enum(['stdout', 'stderr']).default('stdout'),
      offset: z.coerce.number().int().min(0).default(0),
      length: z.coerce.number().int().min(1).max(limits.outputKeptBytesMax).default(limits.outputKeptBytesMax),
      source: z.enum(['kept', 'host']).default('kept'),
      attempt: z.coerce.number().int().min(1).optional(),
    }),
    status: 200,
    contentType: 'application/octet-stream',
    errors: ['run-not-found', 'output-not-available', 'host-not-linked'],
    async handle({ ctx, caller, params, query, request, reply, whileValid }) {
      const execution = await outputOwner(ctx, caller, params, query.attempt);
      const stream = (execution.lateReport ?? execution)[query.stream];
      const number = query.stream === 'stdout' ? 1 : 2;
      void reply
        .header('content-type', 'application/octet-stream')
        .header('drover-output-size', String(stream.size))
        .header('drover-output-head', String(stream.head))
        .header('drover-output-tail', String(stream.tail))
        .header('drover-output-gap', String(stream.size - stream.head - stream.tail));
      if (query.source === 'host') {
        const range = await hostOutputRead(ctx, caller, execution, number, query);
        void reply.header('drover-output-size', String(range.size)).header('drover-output-eof', String(range.eof));
        return Buffer.from(range.bytes);
      }
      // Nothing is kept beyond, and the database counts no further than an int4.
      const offset = Math.min(query.offset, limits.outputKeptBytesMax);
      return streamOutput({ ctx, caller, request, reply, whileValid }, execution, number, { ...query, offset });
    },
  }),
  operation({
    id: 'listOutputGroups',
    method: 'GET',
    path: '/runs/{runId}/output-groups',
    summary: 'Executions that ended alike with the same output, folded',
    permission: 'job.output.view',
    params: runParams,
    query: z.strictObject({
      hosts: z.coerce.number().int().min(1).max(100_000).default(1_000),
      groups: z.coerce.number().int().min(1).max(10_000).default(100),
      task: taskNumber,
    }),
    status: 200,
    response: r.pageOf(r.OutputGroup),
    errors: ['run-not-found'],
    async handle({ ctx, caller, params, query }) {
      const groups = await outputGroups(ctx, caller, params.runId, {
        hostsMax: query.hosts,
        groupsMax: query.groups,
        ...given({ task: query.task }),
      });
      return { items: groups.map(outputGroupResource) };
    },
  }),
];
