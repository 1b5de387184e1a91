/** A run as the API shows it. */
import type { z } from 'zod';
import { runFetch } from '../../../app/run-view.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { RunRecord } from '../../../store/contract/run.ts';
import type { TimelineEntry } from '../../../store/contract/timeline.ts';
import type { ApiContext } from '../../operation.ts';
import { at, given } from '../fields.ts';

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
    createdAt: new Date(run.createdAtMs).toISOString(),
    ...at('startedAt', run.startedAtMs),
    ...at('finishedAt', run.finishedAtMs),
    ...given('durationMs', durationMsOf(run)),
    ...at('cancelRequestedAt', run.cancelRequestedAtMs),
    ...given('cancelRequestedBy', run.cancelRequestedBy),
  };
}

export function runDetailResource(run: RunRecord): z.infer<typeof resources.RunDetail> {
  const spec = run.spec!;
  const limit =
    spec.maxFailed && (spec.maxFailed.kind === 'count' ? String(spec.maxFailed.count) : `${spec.maxFailed.percent}%`);
  return {
    ...runResource(run),
    ...(spec.work.kind === 'script'
      ? { script: Buffer.from(spec.work.script).toString() }
      : { command: [...spec.work.argv] }),
    ...given('lang', spec.lang),
    args: [...spec.args],
    env: spec.env,
    params: spec.params,
    secretNames: [...spec.secretNames],
    ...given('user', spec.user),
    ...given('cwd', spec.cwd),
    timeoutMs: spec.timeoutMs,
    killAfterMs: spec.killAfterMs,
    startDeadlineMs: spec.startDeadlineMs,
    lostAfterMs: spec.lostAfterMs,
    ...given('concurrency', spec.concurrency),
    ...given('maxFailed', limit),
    retries: spec.retries,
    via: spec.via ?? 'auto',
    priority: spec.priority ?? 'normal',
    ...given('accountId', spec.account as string | undefined),
  };
}

export function timelineResource(entry: TimelineEntry): z.infer<typeof resources.TimelineEntry> {
  return { seq: entry.seq, at: new Date(entry.atMs).toISOString(), kind: entry.kind, detail: entry.detail };
}

/** For operations that make a run: the record holds the run's id from the moment that the run is written, whoever died after that. */
export async function replayRun(ctx: ApiContext, kept: string): Promise<z.infer<typeof resources.Run>> {
  return runResource(await runFetch(ctx, (JSON.parse(kept) as { id: string }).id));
}

/** What the run took in all its rounds, once it is over; the time between them counts for nobody. */
function durationMsOf(run: RunRecord): number | undefined {
  if (run.finishedAtMs === undefined) return undefined;
  const begunAtMs = run.round === 1 ? (run.startedAtMs ?? run.createdAtMs) : run.roundStartedAtMs;
  return run.earlierRoundsMs + Math.max(0, run.finishedAtMs - begunAtMs);
}
