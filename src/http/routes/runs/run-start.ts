/** Runs: planned, started, cancelled, retried. */
import { portLimits } from '../../../base/port-limits.ts';
import { z } from 'zod';
import { runAnswer } from '../../../app/run-answer.ts';
import { runCancel, runPause, runResume, runRetry } from '../../../app/run-change.ts';
import { runPlan } from '../../../app/run-plan.ts';
import { runPreview, runStart } from '../../../app/run-start.ts';
import { attemptId, type RunId } from '../../../base/ids.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import * as r from '../../../protocol/rest/resources.ts';
import type { RunSeed } from '../../../store/contract/owner-commit.ts';
import { operation } from '../../operation.ts';
import { runStartInput } from './run-input.ts';
import { isTrue, runParams } from './run-params.ts';
import { replayRun, runResource } from './run-resource.ts';
import { hostOf } from '../../../domain/run/subject.ts';

/** Hosts that a preview or a plan names; the count is of all. */
const HOSTS_NAMED_MAX = 1_000;

export const runStartRoutes = [
  operation({
    id: 'createRun',
    method: 'POST',
    path: '/runs',
    summary: 'Run a script or command on hosts, or on a worker',
    permission: 'job.run.create',
    query: z.strictObject({
      output: isTrue.describe(
        'Whether the events are about to be watched with output: it is held for a few seconds until then.',
      ),
    }),
    bodyBytesMax: limits.requestBodyBytesMax,
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
      'too-many-runs',
      'script-empty',
      'script-too-large',
      'body-too-large',
    ],
    async handle({ ctx, caller, query, body }) {
      const expect = (id: RunId, seeds: RunSeed['executions']): void =>
        ctx.events.expectWatcher(
          id,
          seeds.map((seed) => {
            const host = hostOf(seed.subject);
            const attempt = attemptId({ runId: id, ...seed });
            return { attempt, ...given({ hostId: host?.id, hostName: host?.name }) };
          }),
        );
      return runResource(
        await runStart(ctx, caller, runStartInput(body), query.output === 'true' ? expect : undefined),
      );
    },
    replay: replayRun,
  }),
  operation({
    id: 'previewTargets',
    method: 'POST',
    path: '/runs/preview',
    asksOnly: true,
    summary: 'Tell which hosts a target expression matches',
    permission: 'fleet.host.view',
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: z
      .strictObject({ targets: z.string().max(limits.targetExpressionLengthMax) })
      .meta({ id: 'TargetPreviewRequest' }),
    status: 200,
    response: z.object({ hostCount: z.int(), hosts: z.array(z.string()) }).meta({ id: 'TargetPreview' }),
    errors: ['bad-target', 'host-not-found', 'host-is-twin', 'no-target-matched', 'too-many-targets'],
    handle: ({ ctx, caller, body }) => runPreview(ctx, caller, body.targets, HOSTS_NAMED_MAX),
  }),
  operation({
    id: 'planRun',
    method: 'POST',
    path: '/runs/plan',
    asksOnly: true,
    summary: 'Check a run whole and tell where it would go and as whom; nothing is written',
    permission: 'job.run.create',
    bodyBytesMax: limits.requestBodyBytesMax,
    body: r.RunCreate,
    status: 200,
    response: z
      .object({
        hostCount: z.int(),
        hosts: z.array(z.string()).describe('The first thousand, by name'),
        accounts: z.array(z.string()).describe('Accounts that it may use over SSH, or the one that was asked for'),
        user: z.string().optional().describe('User of the hosts that it works as, where that is the same everywhere'),
        as: z
          .array(
            z.object({
              via: z.enum(['agent', 'ssh', 'none']).describe('By which way as things are now; none: it would wait'),
              user: z.string().optional().describe('Absent where nobody has said so yet'),
              account: z.string().optional().describe('That logs in over SSH'),
              hostCount: z.int(),
              hosts: z.array(z.string()).describe('Those that are among the first thousand'),
            }),
          )
          .describe('As whom it works on the hosts that it would not be refused on; the first thousand such groups'),
        batches: z
          .array(z.object({ hostCount: z.int(), hosts: z.array(z.string()) }))
          .optional()
          .describe('One after the other, each with its first hosts; no names where the order is random'),
        workers: z
          .object({ count: z.int(), why: z.string() })
          .optional()
          .describe('Of a task without hosts: workers that would take it now, and why others would not'),
        refusedCount: z
          .int()
          .describe(
            'Hosts that it would not start on: no account may log in there and no agent is live, or who works there ' +
              'cannot become the user that was asked for',
          ),
        refused: z
          .array(z.object({ host: z.string(), code: z.string(), detail: z.string() }))
          .describe('The first thousand of them, with the reason that the run would have'),
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
    handle: ({ ctx, caller, body }) => runPlan(ctx, caller, runStartInput(body), HOSTS_NAMED_MAX),
  }),
  operation({
    id: 'cancelRun',
    method: 'POST',
    path: '/runs/{runId}/cancel',
    needsNoRoom: true,
    summary: 'Start nothing more and end what runs; what comes finally is done after it, unless forced',
    permission: 'job.run.cancel',
    params: runParams,
    query: z.strictObject({
      force: isTrue.describe('Whether what comes finally is ended too, also after a cancel that left it'),
    }),
    status: 202,
    response: r.Run,
    errors: ['run-not-found', 'run-already-finished'],
    handle: async ({ ctx, caller, params, query }) =>
      runResource(await runCancel(ctx, caller, params.runId as RunId, query.force === 'true')),
  }),
  operation({
    id: 'pauseRun',
    method: 'POST',
    path: '/runs/{runId}/pause',
    needsNoRoom: true,
    summary: 'Start nothing more until it is resumed; what runs goes on to its end',
    permission: 'job.run.pause',
    params: runParams,
    body: r.RunPause,
    status: 202,
    response: r.Run,
    errors: ['run-not-found', 'run-already-finished', 'run-stopping'],
    handle: async ({ ctx, caller, params, body }) =>
      runResource(await runPause(ctx, caller, params.runId as RunId, body.reason)),
  }),
  operation({
    id: 'resumeRun',
    method: 'POST',
    path: '/runs/{runId}/resume',
    needsNoRoom: true,
    summary: 'Let a paused run go on; of one that is not paused nothing changes',
    permission: 'job.run.resume',
    params: runParams,
    body: r.RunPause,
    status: 202,
    response: r.Run,
    errors: ['run-not-found', 'run-already-finished', 'run-asks'],
    handle: async ({ ctx, caller, params, body }) =>
      runResource(await runResume(ctx, caller, params.runId as RunId, body.reason)),
  }),
  operation({
    id: 'answerRun',
    method: 'POST',
    path: '/runs/{runId}/answer',
    needsNoRoom: true,
    summary: 'Answer what it asks: an approval, or whether a rollout goes on',
    permission: 'job.run.answer',
    params: runParams,
    body: r.RunAnswer,
    status: 202,
    response: r.RunAnswered,
    errors: ['run-not-found', 'nothing-asked', 'bad-input'],
    async handle({ ctx, caller, params, body: { goesOn, step, batch, reason } }) {
      const said = { goesOn, reason, ...given({ step, batch }) };
      const { run, answered } = await runAnswer(ctx, caller, params.runId as RunId, said);
      return { ...runResource(run), answered: { ...answered } };
    },
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
      'too-many-runs',
      'bad-input',
      'account-not-found',
      'account-out-of-scope',
    ],
    handle: async ({ ctx, caller, params, body }) =>
      runResource(await runRetry(ctx, caller, params.runId as RunId, body.states)),
  }),
];
