/** A run as the API shows it. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import { runFetch } from '../../../app/run-view.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { RunRecord } from '../../../store/contract/run.ts';
import type { TimelineEntry } from '../../../store/contract/timeline.ts';
import type { ApiContext } from '../../operation.ts';
import { instant } from '../instant.ts';

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
    }),
  };
}

export function runDetailResource(run: RunRecord): z.infer<typeof resources.RunDetail> {
  const { work, policy, placement } = run.spec!;
  const { maxFailed } = policy;
  const limit = maxFailed && (maxFailed.kind === 'count' ? String(maxFailed.count) : `${maxFailed.percent}%`);
  return {
    ...runResource(run),
    ...(work.program.form === 'text'
      ? { script: Buffer.from(work.program.text).toString() }
      : { command: [...work.program.argv] }),
    ...given({ lang: work.lang }),
    args: [...work.args],
    env: work.env,
    params: work.params,
    secretNames: [...work.secretNames],
    ...given({ user: placement.user, cwd: work.cwd }),
    timeoutMs: policy.timeoutMs,
    killAfterMs: policy.killAfterMs,
    startDeadlineMs: policy.startDeadlineMs,
    lostAfterMs: policy.lostAfterMs,
    ...given({ concurrency: policy.concurrency, maxFailed: limit }),
    retries: policy.retries,
    successExitCodes: [...policy.success.exitCodes],
    via: placement.via,
    priority: policy.priority,
    ...given({ accountId: placement.account as string | undefined }),
  };
}

export function timelineResource(entry: TimelineEntry): z.infer<typeof resources.TimelineEntry> {
  return { seq: entry.seq, at: instant(entry.atMs), kind: entry.kind, detail: entry.detail };
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
