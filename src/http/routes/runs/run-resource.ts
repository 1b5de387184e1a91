/** A run as the API shows it. */
import type { z } from 'zod';
import { formatDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import { runHead } from '../../../app/run-view.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type * as detail from '../../../protocol/rest/run-detail.ts';
import type { PlannedStage, RunPlan } from '../../../domain/run/plan.ts';
import { needsText } from '../../../domain/placement/needs.ts';
import { batchEnds, batchesText } from '../../../domain/rollout/batches.ts';
import { failureLimitText } from '../../../domain/rollout/failure-limit.ts';
import { dueMsOf } from '../../../domain/rollout/position.ts';
import { isTerminalRun } from '../../../domain/flow/run-machine.ts';
import { passedBecause, type TaskDecision, type Verdict } from '../../../domain/run/conditions.ts';
import { rowsText, statusesText } from '../../../domain/crew/outcome.ts';
import type { RunSpec } from '../../../domain/run/spec.ts';
import { isCall, isGate, secretNamesOf, type CarriedWork } from '../../../domain/work/work.ts';
import type { RunRecord, TaskRecord } from '../../../store/contract/run.ts';
import type { TimelineEntry } from '../../../store/contract/timeline.ts';
import type { ApiContext } from '../../operation.ts';
import { instant } from '../instant.ts';
import { callResources } from './call-resource.ts';
import { gateResource } from './gate-resource.ts';

export function runResource(run: RunRecord): z.infer<typeof resources.Run> {
  return {
    id: run.id,
    name: run.name,
    reason: run.reason,
    state: run.state,
    round: run.round,
    createdBy: run.createdBy.name,
    targets: run.targetExpression,
    hostCount: run.hostCount,
    counts: run.counts,
    seq: run.seq,
    createdAt: instant(run.createdAtMs),
    ...given({
      startedAt: instant(run.startedAtMs),
      finishedAt: instant(run.finishedAtMs),
      durationMs: durationMsOf(run),
      cancelRequestedAt: instant(run.cancelRequestedAtMs),
      cancelRequestedBy: run.cancelRequestedBy,
      cancelForcedAt: instant(run.cancelForcedAtMs),
      cancelForcedBy: run.cancelForcedBy,
      pausedAt: instant(run.pausedAtMs),
      pausedBy: run.pausedBy,
      job: run.job,
      asks: run.asks,
    }),
  };
}

/** `run`: with its tasks. */
export function runDetailResource(run: RunRecord): z.infer<typeof detail.RunDetail> {
  const { plan, tasks = [] } = run;
  return {
    ...runResource(tasks.some(isAsking) ? { ...run, asks: true } : run),
    ...given({ stages: plan?.map((stage) => stageResource(stage, plan, tasks)) }),
    // A command that goes out in batches is a plan of one step.
    ...given(run.job ? {} : settingsOf(tasks[0]!.spec)),
  };
}

/** Its rollout, or what it is itself, waits for an answer. */
function isAsking({ position, gate }: TaskRecord): boolean {
  return position?.phase === 'asking' || gate?.phase === 'asking';
}

function stageResource(
  stage: PlannedStage,
  plan: RunPlan,
  tasks: readonly TaskRecord[],
): z.infer<typeof detail.RunStage> {
  const names = new Map(stage.tasks.map(({ task, name }) => [task, name]));
  return {
    stage: stage.name,
    needs: stage.needs.map((need) => plan[need]!.name),
    when: stage.join,
    finally: stage.isFinally,
    ...given({ condition: stage.when?.text }),
    steps: stage.tasks.map(({ task, name, needs, goesOn, when, chooses, each }) => {
      const { state, hostCount, counts, openedAtMs, outputs, decision, spec } = tasks[task]!;
      return {
        task,
        step: name,
        needs: needs.map((need) => names.get(need)!),
        onFailure: goesOn ? 'continue' : 'stop',
        state,
        hostCount,
        counts,
        ...outputsOf(outputs),
        ...given({ condition: when?.text, chooses: chooses?.text, each: each && eachText(each, plan) }),
        ...decisionOf(decision),
        ...skipOf(tasks[task]!),
        ...given({ openedAt: instant(openedAtMs), rollout: rolloutResource(tasks[task]!) }),
        ...gateResource(tasks[task]!),
        ...settingsOf(spec),
      };
    }),
  };
}

/** As a job would write it. */
function eachText({ task, output }: NonNullable<PlannedStage['tasks'][number]['each']>, plan: RunPlan): string {
  const stage = plan.find(({ tasks }) => tasks.some((one) => one.task === task))!;
  return `${stage.name}.${stage.tasks.find((one) => one.task === task)!.name}.outputs.${output}`;
}

/** What a step told that is over. */
function outputsOf(outputs: TaskRecord['outputs']): Pick<z.infer<typeof detail.RunStep>, 'outputs' | 'outputsFault'> {
  if (!outputs) return {};
  const values = Object.entries(outputs.values).map(([name, value]) => [
    name,
    typeof value === 'object' ? [...value] : value,
  ]);
  return { outputs: Object.fromEntries(values), ...given({ outputsFault: outputs.fault }) };
}

function decisionOf(
  decision: TaskDecision | undefined,
): Pick<z.infer<typeof detail.RunStep>, 'decision' | 'skippedBecause'> {
  if (!decision) return {};
  const { stage, step, hosts, items } = decision;
  return {
    decision: given({ stage: stage && verdictOf(stage), step: step && verdictOf(step), hosts, items }),
    ...given({ skippedBecause: passedBecause(decision) }),
  };
}

/** Of a step that came to another end before, nothing is told of it. */
function skipOf({ state, skip, decision }: TaskRecord): Pick<z.infer<typeof detail.RunStep>, 'skip'> {
  if (!skip || (isTerminalRun(state) && !decision?.skip)) return {};
  const { by, reason, atMs } = skip;
  return { skip: { by, reason, at: instant(atMs)! } };
}

function verdictOf({ isMet, seen }: Verdict): { met: boolean; values: Record<string, string | null> } {
  return { met: isMet, values: Object.fromEntries(seen) };
}

type Settings = Omit<
  z.infer<typeof detail.RunStep>,
  | 'task'
  | 'step'
  | 'needs'
  | 'onFailure'
  | 'state'
  | 'hostCount'
  | 'counts'
  | 'outputs'
  | 'outputsFault'
  | 'openedAt'
  | 'condition'
  | 'chooses'
  | 'decision'
  | 'skippedBecause'
  | 'skip'
  | 'rollout'
  | 'approval'
  | 'wait'
>;

function workResource(work: CarriedWork): Partial<Settings> {
  if (isCall(work)) return { ...callResources(work), args: [], env: {}, params: {} };
  const { program, lang, args, env, params, cwd } = work;
  return {
    ...(program.form === 'text' ? { script: Buffer.from(program.text).toString() } : { command: [...program.argv] }),
    ...given({ lang }),
    args: [...args],
    env,
    params,
    ...given({ cwd }),
  };
}

/** Of a gate there are none of these. */
function settingsOf({ work, policy, placement }: RunSpec): Settings {
  if (isGate(work)) return {};
  return {
    ...workResource(work),
    secretNames: [...secretNamesOf(work)],
    ...given({ user: placement.user }),
    timeoutMs: policy.timeoutMs,
    killAfterMs: policy.killAfterMs,
    startDeadlineMs: policy.startDeadlineMs,
    lostAfterMs: policy.lostAfterMs,
    ...rolloutSettings(policy),
    retries: policy.retries,
    successExitCodes: [...policy.success.exitCodes],
    ...given({
      successStatuses: policy.success.statuses && statusesText(policy.success.statuses),
      successRows: policy.success.rows && rowsText(policy.success.rows),
    }),
    via: placement.via,
    ...given({
      worker: placement.worker?.select,
      prefer: placement.worker?.prefer,
      resources: placement.worker?.needs && needsText(placement.worker.needs),
      strategy: placement.worker?.strategy,
    }),
    priority: policy.priority,
    ...given({ accountId: placement.account as string | undefined }),
  };
}

function rolloutSettings(policy: RunSpec['policy']): Partial<Settings> {
  const { between } = policy;
  return given({
    concurrency: policy.concurrency,
    maxFailed: policy.maxFailed && failureLimitText(policy.maxFailed),
    batches: policy.batches && batchesText(policy.batches),
    between: between && (between.kind === 'ask' ? 'ask' : formatDurationMs(between.ms)),
    batchMaxFailed: policy.batchMaxFailed && failureLimitText(policy.batchMaxFailed),
    onMaxFailed: policy.onMaxFailed,
    countsAsFailed: policy.countsAsFailed && [...policy.countsAsFailed],
    order: policy.order,
  });
}

/** How far its rollout has come. */
function rolloutResource({
  spec: { policy },
  position,
  hostCount,
}: TaskRecord): z.infer<typeof detail.RunRollout> | undefined {
  if (!position) return undefined;
  const ends = batchEnds(policy.batches ?? [{ kind: 'all' }], hostCount) ?? [hostCount];
  const end = ends[position.batch] ?? hostCount;
  const dueMs = dueMsOf(policy, position);
  return {
    batch: position.batch + 1,
    batches: ends.length,
    hosts: end - (ends[position.batch - 1] ?? 0),
    hostsSoFar: end,
    phase: position.phase,
    since: instant(position.sinceMs),
    ...given({
      until: Number.isFinite(dueMs) ? instant(dueMs) : undefined,
      asks: position.phase === 'asking' ? position.why : undefined,
    }),
  };
}

export function timelineResource(entry: TimelineEntry): z.infer<typeof resources.TimelineEntry> {
  return { seq: entry.seq, at: instant(entry.atMs), kind: entry.kind, detail: entry.detail };
}

/** For operations that make a run: the record holds the run's id from the moment that the run is written, whoever died after that. */
export async function replayRun(ctx: ApiContext, kept: string): Promise<z.infer<typeof resources.Run>> {
  return runResource(await runHead(ctx, (JSON.parse(kept) as { id: string }).id));
}

/** What the run took in all its rounds, once it is over; the time between them counts for nobody. */
function durationMsOf(run: RunRecord): number | undefined {
  if (run.finishedAtMs === undefined) return undefined;
  const begunAtMs = run.round === 1 ? (run.startedAtMs ?? run.createdAtMs) : run.roundStartedAtMs;
  return run.earlierRoundsMs + Math.max(0, run.finishedAtMs - begunAtMs);
}
