/**
 * Who is told of what: what a run's end is to those who want to hear of it. A rule is for all runs, or for those of a
 * job, an owner or a team.
 */
import { totalOf, type ExecutionCounts } from '../crew/execution-machine.ts';
import type { RunState } from '../flow/run-machine.ts';

/** The first that fits is told, where several do. */
export const NOTICE_EVENTS = [
  'failed',
  'timed_out',
  'lost',
  'cancelled',
  'recovered',
  'succeeded',
  'late',
  'asks',
] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

export interface Subscription {
  /** The name of a channel. */
  readonly channel: string;
  readonly on: readonly NoticeEvent[];
  /** Of the run's hosts, in percent: `lost` is more than that. Absent: any. */
  readonly lostShare?: number;
  /** `late`: under way for longer than this. Absent: than runs of its job usually take. */
  readonly lateAfterMs?: number;
}

export interface NoticeRule extends Subscription {
  readonly job?: string;
  readonly owner?: string;
  readonly team?: string;
}

/** What would be kept and never mean anything: each belongs to one event. */
export function subscriptionFaults({
  on,
  lostShare,
  lateAfter,
}: {
  readonly on: readonly NoticeEvent[];
  readonly lostShare?: unknown;
  readonly lateAfter?: unknown;
}): readonly { readonly key: 'lostShare' | 'lateAfter'; readonly event: NoticeEvent }[] {
  return [
    ...(lostShare !== undefined && !on.includes('lost') ? [{ key: 'lostShare', event: 'lost' } as const] : []),
    ...(lateAfter !== undefined && !on.includes('late') ? [{ key: 'lateAfter', event: 'late' } as const] : []),
  ];
}

/** What rules are held against. */
export interface ToldRun {
  readonly job?: string;
  readonly owner?: string;
  readonly team?: string;
}

export interface RunEnd {
  readonly state: RunState;
  readonly counts: ExecutionCounts;
  /** The verdict before this one, of the same run or of the run of its job before: absent where there is none. */
  readonly before?: RunState;
}

export function ruleFits(rule: NoticeRule, run: ToldRun): boolean {
  return (['job', 'owner', 'team'] as const).every((key) => rule[key] === undefined || rule[key] === run[key]);
}

/** What of an end a subscription is for; undefined where nothing is. */
export function eventOf({ on, lostShare = 0 }: Subscription, end: RunEnd): NoticeEvent | undefined {
  const is: Readonly<Record<NoticeEvent, boolean>> = {
    failed: end.state === 'failed',
    timed_out: end.state === 'timed_out',
    lost: end.counts.lost > 0 && end.counts.lost * 100 > lostShare * totalOf(end.counts),
    cancelled: end.state === 'cancelled',
    recovered: end.state === 'succeeded' && (end.before === 'failed' || end.before === 'timed_out'),
    succeeded: end.state === 'succeeded',
    // What is over is not late any more, and asks nothing.
    late: false,
    asks: false,
  };
  return NOTICE_EVENTS.find((event) => on.includes(event) && is[event]);
}

/** Channels of those who want to know what a run asks, each once. */
export function toldOfQuestions(subscriptions: readonly Subscription[]): readonly string[] {
  return [...new Set(subscriptions.flatMap(({ channel, on }) => (on.includes('asks') ? [channel] : [])))];
}

/** One notice for each channel, whoever names it: the first of its events. */
export function noticesOf(
  subscriptions: readonly Subscription[],
  end: RunEnd,
): readonly { readonly channel: string; readonly event: NoticeEvent }[] {
  const told = new Map<string, NoticeEvent>();
  for (const subscription of subscriptions) {
    const event = eventOf(subscription, end);
    const known = told.get(subscription.channel);
    if (event === undefined) continue;
    if (known === undefined || NOTICE_EVENTS.indexOf(event) < NOTICE_EVENTS.indexOf(known))
      told.set(subscription.channel, event);
  }
  return [...told].map(([channel, event]) => ({ channel, event }));
}
