/** Runs as people look at them. */
import { z } from 'zod';
import { parsePlace } from '../../../app/event-place.ts';
import { runHeadShow, runList, runShow, timelineList } from '../../../app/run-view.ts';
import { DroverError } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import * as r from '../../../protocol/rest/resources.ts';
import { RunDetail } from '../../../protocol/rest/run-detail.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { streamEvents } from './event-stream.ts';
import { isTrue, list, runParams } from './run-params.ts';
import { runDetailResource, runResource, timelineResource } from './run-resource.ts';
import { runWhy } from '../../../app/run-why.ts';
import { RunWhy } from '../../../protocol/rest/worker-resources.ts';

/** Of a version 7 id as it is written: each place may be the last. */
const ID_PREFIX = /^[0-9a-f]{1,8}$|^[0-9a-f]{8}(-[0-9a-f]{0,4}){1,3}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{0,12}$/;

export const runRoutes = [
  operation({
    id: 'listRuns',
    method: 'GET',
    path: '/runs',
    summary: 'List runs, newest first',
    permission: 'job.run.view',
    status: 200,
    response: r.pageOf(r.Run),
    errors: ['bad-input'],
    query: z.strictObject({
      ...page,
      state: list(r.RunState),
      name: z.string().max(200).optional(),
      createdBy: z.string().max(200).optional(),
      createdAfter: z.iso.datetime().optional(),
      createdBefore: z.iso.datetime().optional(),
      id: z
        .string()
        .toLowerCase()
        .refine((text) => ID_PREFIX.test(text), 'the beginning of an id')
        .optional()
        .describe('Beginning of the id'),
    }),
    async handle({ ctx, caller, query }) {
      const { items, next } = await runList(
        ctx,
        caller,
        given({
          states: query.state,
          name: query.name,
          createdBy: query.createdBy,
          idPrefix: query.id,
          createdAfterMs: query.createdAfter === undefined ? undefined : Date.parse(query.createdAfter),
          createdBeforeMs: query.createdBefore === undefined ? undefined : Date.parse(query.createdBefore),
        }),
        pageOfQuery(query),
      );
      return given({ items: items.map(runResource), next });
    },
  }),
  operation({
    id: 'getRun',
    method: 'GET',
    path: '/runs/{runId}',
    summary: 'Show a run with what it does',
    permission: 'job.run.view',
    params: runParams,
    status: 200,
    response: RunDetail,
    errors: ['run-not-found'],
    handle: async ({ ctx, caller, params }) => runDetailResource(await runShow(ctx, caller, params.runId)),
  }),
  operation({
    id: 'explainRun',
    method: 'GET',
    path: '/runs/{runId}/why',
    summary: 'Why tasks without hosts wait, and by what the workers of others were chosen',
    permission: 'job.run.view',
    params: runParams,
    status: 200,
    response: RunWhy,
    errors: ['run-not-found'],
    async handle({ ctx, caller, params }) {
      const { waiting, hosts, chosen } = await runWhy(ctx, caller, params.runId);
      return { waiting: [...waiting], hosts: [...hosts], chosen: [...chosen] };
    },
  }),
  operation({
    id: 'listTimeline',
    method: 'GET',
    path: '/runs/{runId}/timeline',
    summary: 'What happened to the run, and why',
    permission: 'job.run.view',
    params: runParams,
    query: z.strictObject({ after: z.coerce.number().int().min(0).default(0), limit: page.limit }),
    status: 200,
    response: r.pageOf(r.TimelineEntry),
    errors: ['run-not-found'],
    async handle({ ctx, caller, params, query }) {
      const entries = await timelineList(ctx, caller, params.runId, { limit: query.limit, afterSeq: query.after });
      return { items: entries.map(timelineResource) };
    },
  }),
  operation({
    id: 'watchRun',
    isLong: true,
    method: 'GET',
    path: '/runs/{runId}/events',
    summary: 'Server-sent events of a run; each has an id, and Last-Event-ID goes on after it',
    permission: 'job.run.view',
    params: runParams,
    query: z.strictObject({
      after: z.coerce.number().int().min(0).optional().describe('Everything up to this seq is known'),
      output: isTrue,
    }),
    status: 200,
    contentType: 'text/event-stream',
    errors: ['run-not-found', 'too-many-requests', 'too-many-watchers'],
    async handle(call) {
      const { ctx, caller, params, query, request } = call;
      const run = await runHeadShow(ctx, caller, params.runId);
      const last = String(request.headers['last-event-id'] ?? query.after ?? 0);
      const after = parsePlace(last);
      if (!after || after.seq > run.seq)
        throw new DroverError('bad-input', {
          detail: `Last-Event-ID and after take the id of an event of this run, not ${JSON.stringify(last.slice(0, 100))}.`,
          faults: [{ pointer: 'Last-Event-ID', code: 'bad-input', detail: 'not an id of this stream' }],
        });
      return streamEvents(call, run, after, query.output === 'true');
    },
  }),
];
