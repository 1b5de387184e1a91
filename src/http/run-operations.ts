/** Runs, their executions and output. */
import { z } from 'zod';
import { runCancel, runRetry } from '../app/run-change.ts';
import { runPlan, runPreview, runStart } from '../app/run-start.ts';
import { DroverError } from '../base/errors.ts';
import { attemptId, type RunId } from '../base/ids.ts';
import { roleAllows } from '../domain/access/permission.ts';
import { limits } from '../base/limits.ts';
import * as r from '../protocol/rest/resources.ts';
import type { ExecutionRecord } from '../store/contract/execution.ts';
import type { RunSeed } from '../store/contract/owner-commit.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import {
  executionResource,
  outputGroupResource,
  pastExecutionResource,
  runDetailResource,
  runResource,
  runStartInput,
  timelineResource,
} from './convert.ts';
import { parsePlace } from '../app/event-place.ts';
import { streamEvents } from './event-stream.ts';
import { streamOutput } from './output-stream.ts';
import { operation, type ApiContext } from './operation.ts';

const runParams = z.strictObject({ runId: r.RunId });
const index = z.coerce.number().int().min(0).max(1_000_000_000);
const executionParams = z.strictObject({ runId: r.RunId, task: index, ordinal: index });
export const page = {
  limit: z.coerce.number().int().min(1).max(limits.pageSizeMax).default(limits.pageSizeDefault),
  cursor: z.string().max(500).optional(),
};
/** Of a version 7 id as it is written: each place may be the last. */
const ID_PREFIX = /^[0-9a-f]{1,8}$|^[0-9a-f]{8}(-[0-9a-f]{0,4}){1,3}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{0,12}$/;
const isTrue = z.enum(['true', 'false']).default('false');
const list = <T extends string>(item: z.ZodType<T>) =>
  z
    .string()
    .transform((value) => value.split(','))
    .pipe(z.array(item as z.ZodType<T, string>))
    .optional();

/** Undefined keys out, so that optional fields are absent. */
export function compact<T extends object>(
  value: T,
): { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
} {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as never;
}

async function fetchRun(store: Store, id: string): Promise<RunRecord> {
  const run = await store.runFetch(id as RunId);
  if (!run) throw new DroverError('run-not-found', { detail: `There is no run ${id}.` });
  return run;
}

async function fetchExecution(
  store: Store,
  at: { runId: string; task: number; ordinal: number },
): Promise<ExecutionRecord> {
  const execution = await store.executionFetch({ ...at, runId: at.runId as RunId });
  if (!execution)
    throw new DroverError('run-not-found', {
      detail: `There is no execution ${at.task}/${at.ordinal} in run ${at.runId}.`,
    });
  return execution;
}

/** For operations that make a run: the record holds the run's id from the moment that the run is written, whoever died after that. */
export const replayRun = async (ctx: ApiContext, kept: string): Promise<z.infer<typeof r.Run>> =>
  runResource(await fetchRun(ctx.store, (JSON.parse(kept) as { id: string }).id));

export const runOperations = [
  operation({
    id: 'createRun',
    method: 'POST',
    path: '/runs',
    summary: 'Run a script or command on hosts',
    permission: 'job.run.create',
    query: z.strictObject({
      output: isTrue.describe(
        'Whether the events are about to be watched with output: it is held for a few seconds until then.',
      ),
    }),
    body: r.RunCreate,
    mayHoldNul: ['script', 'stdin'],
    status: 201,
    response: r.Run,
    errors: [
      'bad-input',
      'bad-target',
      'host-not-found',
      'host-is-twin',
      'account-not-found',
      'account-out-of-scope',
      'no-target-matched',
      'too-many-targets',
      'script-empty',
      'script-too-large',
      'body-too-large',
    ],
    async handle({ ctx, caller, query, body }) {
      const expect = (id: RunId, seeds: RunSeed['executions']): void =>
        ctx.events.expectWatcher(
          id,
          seeds.map((seed) => ({
            attempt: attemptId({ runId: id, ...seed }),
            hostId: seed.hostId,
            hostName: seed.hostName,
          })),
        );
      return runResource(
        await runStart(
          ctx,
          caller,
          { ...runStartInput(body), mayUseAccounts: roleAllows(caller.role, 'access.account.use') },
          query.output === 'true' ? expect : undefined,
        ),
      );
    },
    replay: replayRun,
  }),
  operation({
    id: 'previewTargets',
    method: 'POST',
    path: '/runs/preview',
    needsNoRoom: true,
    summary: 'Tell which hosts a target expression matches',
    permission: 'fleet.host.view',
    body: z
      .strictObject({ targets: z.string().max(limits.targetExpressionLengthMax) })
      .meta({ id: 'TargetPreviewRequest' }),
    status: 200,
    response: z.object({ hostCount: z.int(), hosts: z.array(z.string()) }).meta({ id: 'TargetPreview' }),
    errors: ['bad-target', 'host-not-found', 'host-is-twin', 'no-target-matched', 'too-many-targets'],
    handle: ({ ctx, body }) => runPreview(ctx, body.targets, 1_000),
  }),
  operation({
    id: 'planRun',
    method: 'POST',
    path: '/runs/plan',
    summary: 'Check a run whole and tell where it would go and as whom; nothing is written',
    permission: 'job.run.create',
    body: r.RunCreate,
    status: 200,
    response: z
      .object({
        hostCount: z.int(),
        hosts: z.array(z.string()).describe('The first thousand, by name'),
        accounts: z.array(z.string()).describe('Accounts that it may use over SSH, or the one that was asked for'),
        user: z.string().optional().describe('User of the hosts that it works as, where that is the same everywhere'),
      })
      .meta({ id: 'RunPlan' }),
    errors: [
      'bad-input',
      'bad-target',
      'host-not-found',
      'host-is-twin',
      'account-not-found',
      'account-out-of-scope',
      'no-target-matched',
      'too-many-targets',
      'script-empty',
      'script-too-large',
      'body-too-large',
    ],
    handle: ({ ctx, caller, body }) =>
      runPlan(ctx, { ...runStartInput(body), mayUseAccounts: roleAllows(caller.role, 'access.account.use') }, 1_000),
  }),
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
    async handle({ ctx, query }) {
      const { items, next } = await ctx.store.runList(
        compact({
          states: query.state,
          name: query.name,
          createdBy: query.createdBy,
          idPrefix: query.id,
          createdAfterMs: query.createdAfter === undefined ? undefined : Date.parse(query.createdAfter),
          createdBeforeMs: query.createdBefore === undefined ? undefined : Date.parse(query.createdBefore),
        }),
        compact({ limit: query.limit, cursor: query.cursor }),
      );
      return compact({ items: items.map(runResource), next });
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
    response: r.RunDetail,
    errors: ['run-not-found'],
    handle: async ({ ctx, params }) => runDetailResource(await fetchRun(ctx.store, params.runId)),
  }),
  operation({
    id: 'cancelRun',
    method: 'POST',
    path: '/runs/{runId}/cancel',
    needsNoRoom: true,
    summary: 'Start nothing more and end what runs',
    permission: 'job.run.cancel',
    params: runParams,
    status: 202,
    response: r.Run,
    errors: ['run-not-found', 'run-already-finished'],
    handle: async ({ ctx, caller, params }) => runResource(await runCancel(ctx, caller, params.runId as RunId)),
  }),
  operation({
    id: 'retryRun',
    method: 'POST',
    path: '/runs/{runId}/retry',
    summary: 'Open a new round over executions in the given states',
    permission: 'job.run.retry',
    params: runParams,
    body: r.RunRetry,
    status: 201,
    response: r.Run,
    errors: [
      'run-not-found',
      'run-not-finished',
      'nothing-to-retry',
      'bad-input',
      'account-not-found',
      'account-out-of-scope',
    ],
    handle: async ({ ctx, caller, params, body }) =>
      runResource(
        await runRetry(ctx, caller, params.runId as RunId, body.states, roleAllows(caller.role, 'access.account.use')),
      ),
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
    async handle({ ctx, params, query }) {
      await fetchRun(ctx.store, params.runId);
      return {
        items: (await ctx.store.timelineList(params.runId as RunId, { limit: query.limit, afterSeq: query.after })).map(
          timelineResource,
        ),
      };
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
      const { ctx, params, query, request } = call;
      const run = await fetchRun(ctx.store, params.runId);
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
  operation({
    id: 'listExecutions',
    method: 'GET',
    path: '/runs/{runId}/executions',
    summary: 'List the executions of a run',
    permission: 'job.run.view',
    params: runParams,
    query: z.strictObject({ ...page, state: list(r.ExecutionState), host: z.string().max(200).optional() }),
    status: 200,
    response: r.pageOf(r.Execution),
    errors: ['run-not-found', 'bad-input'],
    async handle({ ctx, params, query }) {
      await fetchRun(ctx.store, params.runId);
      const { items, next } = await ctx.store.executionList(
        params.runId as RunId,
        compact({ states: query.state, hostName: query.host }),
        compact({ limit: query.limit, cursor: query.cursor }),
      );
      return compact({ items: items.map(executionResource), next });
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
    async handle({ ctx, params }) {
      const execution = await fetchExecution(ctx.store, params);
      return {
        ...executionResource(execution),
        history: (await ctx.store.executionHistory(execution)).map(pastExecutionResource),
      };
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
    async handle({ ctx, params, query, request, reply, whileValid }) {
      const current = await fetchExecution(ctx.store, params);
      const attempt = query.attempt ?? current.attempt;
      const execution =
        attempt === current.attempt
          ? current
          : (await ctx.store.executionHistory(current)).find((past) => past.attempt === attempt);
      if (!execution)
        throw new DroverError('output-not-available', { detail: `There is no attempt ${attempt} of this execution.` });
      const stream = (execution.lateReport ?? execution)[query.stream];
      const number = query.stream === 'stdout' ? 1 : 2;
      void reply
        .header('content-type', 'application/octet-stream')
        .header('drover-output-size', String(stream.size))
        .header('drover-output-head', String(stream.head))
        .header('drover-output-tail', String(stream.tail))
        .header('drover-output-gap', String(stream.size - stream.head - stream.tail));
      if (query.source === 'host') {
        const range = await ctx.fleet.fetchOutput(
          {
            attempt: attemptId(execution),
            hostId: execution.hostId,
            ...(execution.via === 'ssh' && execution.workerId ? { ssh: execution.workerId } : {}),
          },
          number,
          query.offset,
          Math.min(query.length, limits.outputFetchBytesMax),
        );
        void reply.header('drover-output-size', String(range.size)).header('drover-output-eof', String(range.eof));
        return Buffer.from(range.bytes);
      }
      // Nothing is kept beyond, and the database counts no further than an int4.
      const offset = Math.min(query.offset, limits.outputKeptBytesMax);
      return streamOutput({ ctx, request, reply, whileValid }, execution, number, { ...query, offset });
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
    }),
    status: 200,
    response: r.pageOf(r.OutputGroup),
    errors: ['run-not-found'],
    async handle({ ctx, params, query }) {
      await fetchRun(ctx.store, params.runId);
      return {
        items: (
          await ctx.store.outputGroups(params.runId as RunId, { hostsMax: query.hosts, groupsMax: query.groups })
        ).map(outputGroupResource),
      };
    },
  }),
];
