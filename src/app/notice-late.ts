/**
 * Makes notices of runs that are under way for longer than they should be: than somebody has said, or than the runs of
 * their job usually take. Asked again and again by every server; a notice of the same round and channel is written once,
 * and only while the run is under way.
 */
import { given } from '../base/given.ts';
import type { RunId } from '../base/ids.ts';
import { EVERYTHING } from '../domain/access/access-node.ts';
import { lateAfterMs, type UsualTime } from '../domain/notice/lateness.ts';
import type { NoticeFacts } from '../domain/notice/notice-facts.ts';
import { ruleFits, type NoticeRule, type Subscription } from '../domain/notice/subscription.ts';
import type { NewNotice, RunUnderWay } from '../store/contract/notice.ts';
import type { Store } from '../store/contract/store.ts';

type Reading = Pick<Store, 'noticeRuleList' | 'runsUnderWay' | 'usualTimes' | 'noticesMakeLate'>;

const RUNS_AT_ONCE = 1_000;

/** Of all runs that are under way, a page after the other. `nowMs`: of the clock that all servers share. */
export async function lateNoticesMake(store: Reading, nowMs: number): Promise<void> {
  const rules = (await store.noticeRuleList(EVERYTHING)).filter(({ on }) => on.includes('late'));
  for (let after: RunId | undefined; ; ) {
    const runs = await store.runsUnderWay(after, { limit: RUNS_AT_ONCE, isOfAll: rules.length > 0 });
    const notices = await lateOf(store, rules, runs, nowMs);
    if (notices.length > 0) await store.noticesMakeLate(notices);
    if (runs.length < RUNS_AT_ONCE) return;
    after = runs.at(-1)!.id;
  }
}

async function lateOf(
  store: Reading,
  rules: readonly NoticeRule[],
  runs: readonly RunUnderWay[],
  nowMs: number,
): Promise<NewNotice[]> {
  const watched = runs.flatMap((run) => {
    const subscriptions = untold(run, rules);
    return subscriptions.length === 0 ? [] : [{ run, subscriptions }];
  });
  const jobs = watched.flatMap(({ run, subscriptions }) =>
    run.job && subscriptions.some(({ lateAfterMs: after }) => after === undefined) ? [run.job.name] : [],
  );
  const usual = jobs.length === 0 ? new Map<string, UsualTime>() : await store.usualTimes([...new Set(jobs)]);
  return watched.flatMap(({ run, subscriptions }) => {
    const time = run.job && usual.get(run.job.name);
    const channels = new Map<string, NewNotice>();
    for (const subscription of subscriptions) {
      const afterMs = lateAfterMs(subscription, time);
      if (afterMs === undefined || nowMs - run.roundStartedAtMs <= afterMs) continue;
      const { channel } = subscription;
      channels.set(channel, {
        runId: run.id,
        round: run.round,
        event: 'late',
        channel,
        group: run.job?.name ?? run.name,
        facts: factsOf(run, afterMs, nowMs),
      });
    }
    return [...channels.values()];
  });
}

function untold(run: RunUnderWay, rules: readonly NoticeRule[]): readonly Subscription[] {
  const { name, owner, team } = run.job ?? {};
  const fitting = rules.filter((rule) => ruleFits(rule, given({ job: name, owner, team })));
  return [...run.notify, ...fitting].filter(({ on, channel }) => on.includes('late') && !run.told.includes(channel));
}

function factsOf(run: RunUnderWay, afterMs: number, nowMs: number): NoticeFacts {
  return {
    event: 'late',
    run: { id: run.id, name: run.name, round: run.round, state: run.state },
    ...given({ job: run.job }),
    by: run.createdBy.name,
    reason: run.reason,
    begunAtMs: run.roundStartedAtMs,
    endedAtMs: nowMs,
    lateAfterMs: afterMs,
    counts: run.counts,
    failures: [],
  };
}
