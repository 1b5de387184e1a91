/**
 * Notices: rules that say who is told of what, ends of runs that nobody has looked at yet, what is to be told, and every
 * try to tell it. The end of a run is noted in the transaction that ends it; whoever makes notices of it takes the note
 * away in the transaction that writes them, so that neither is lost, and neither is there twice.
 */
import type { ChannelId, RunId } from '../../base/ids.ts';
import type { ErrorCode } from '../../base/errors.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import type { ExecutionCounts } from '../../domain/crew/execution-machine.ts';
import type { RunState } from '../../domain/flow/run-machine.ts';
import type { UsualTime } from '../../domain/notice/lateness.ts';
import type { NoticeFacts } from '../../domain/notice/notice-facts.ts';
import type { NoticeEvent, NoticeRule, Subscription } from '../../domain/notice/subscription.ts';
import type { RunPlan } from '../../domain/run/plan.ts';
import type { Actor, AuditEntry } from './audit.ts';
import type { ChannelRecord, SealedEndpoint } from './channel.ts';
import type { Page } from './page.ts';

export interface NoticeRuleRecord extends NoticeRule {
  readonly id: string;
  readonly createdAtMs: number;
  readonly createdBy: Actor;
}

/** As the owner of the run has written it. A run that is retried ends again, in another round. */
export interface EndedRun {
  readonly runId: RunId;
  readonly round: number;
  readonly state: RunState;
  readonly counts: ExecutionCounts;
  readonly atMs: number;
}

/** A question, noted by the write of the run's owner that asks it. */
export interface AskedQuestion {
  readonly runId: RunId;
  readonly round: number;
  readonly task: number;
  /** Of a rollout the number of its question; of an approval since when it asks. */
  readonly turn: number;
  readonly atMs: number;
}

/** What else is known of a run that has ended, or that asks, for whoever decides who is told. */
export interface EndedRunContext {
  readonly id: RunId;
  readonly name: string;
  readonly round: number;
  readonly reason: string;
  readonly createdBy: Actor;
  readonly roundStartedAtMs: number;
  readonly plan?: RunPlan;
  readonly job?: { readonly name: string; readonly version: number; readonly owner?: string; readonly team?: string };
  /** What the version of the job says itself. */
  readonly notify: readonly Subscription[];
  /** Verdicts that this run has had, the newest first; two at most. */
  readonly verdicts: readonly RunState[];
  /** Of the run of the same job before it that came to one. */
  readonly verdictBefore?: RunState;
}

/** One that is not over. */
export interface RunUnderWay extends Omit<EndedRunContext, 'plan' | 'verdicts' | 'verdictBefore'> {
  readonly state: RunState;
  readonly counts: ExecutionCounts;
  /** Channels that know already that this round of it is late. */
  readonly told: readonly string[];
}

export interface NewNotice {
  readonly runId: RunId;
  readonly round: number;
  readonly event: NoticeEvent;
  /** Of one that asks: to which of the questions of its round it is. */
  readonly question?: Pick<AskedQuestion, 'task' | 'turn'>;
  /** The name of a channel. */
  readonly channel: string;
  /** Notices of one group share a message where they come close together. */
  readonly group: string;
  readonly facts: NoticeFacts;
}

export type NoticeState = 'waiting' | 'delivered' | 'failed';

export interface NoticeRecord {
  readonly id: string;
  readonly runId: RunId;
  readonly round: number;
  readonly event: NoticeEvent;
  readonly channel: string;
  readonly facts: NoticeFacts;
  readonly createdAtMs: number;
  /** The message that it goes with: its id is what a receiver is told. */
  readonly messageId: string;
  readonly state: NoticeState;
  readonly tries: number;
  /** While it waits. */
  readonly nextTryAtMs?: number;
  readonly finishedAtMs?: number;
  /** Why it has failed, for good or the last time. */
  readonly code?: ErrorCode;
  readonly detail?: string;
}

export interface NoticeTry {
  readonly number: number;
  readonly beganAtMs: number;
  /** Absent while it is under way, and where the server ended before it heard. */
  readonly endedAtMs?: number;
  readonly isTaken?: boolean;
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly answer?: string;
}

/** A message that is this server's to send, for as long as its lease lasts. */
export interface ClaimedMessage {
  readonly id: string;
  readonly try: number;
  readonly createdAtMs: number;
  readonly channel: Pick<ChannelRecord, 'id' | 'name' | 'lang'>;
  readonly endpoint: SealedEndpoint;
  /** The first of them, oldest first. */
  readonly notices: readonly NoticeFacts[];
  /** Of all. */
  readonly noticeCount: number;
}

export type TryEnd =
  | { readonly kind: 'taken'; readonly answer: string }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly detail: string;
      readonly answer?: string;
      /** Absent: it is not tried again. */
      readonly nextTryAtMs?: number;
    };

export interface NoticeFilter {
  readonly channel?: string;
  readonly state?: NoticeState;
  readonly event?: NoticeEvent;
  readonly runId?: RunId;
  readonly job?: string;
}

export interface NoticeStore {
  noticeRuleAdd(
    id: string,
    rule: NoticeRule,
    audit: AuditEntry,
  ): Promise<{ kind: 'added'; rule: NoticeRuleRecord } | { kind: 'no-channel' | 'too-many' }>;
  /** Oldest first. */
  noticeRuleList(scope: Scope): Promise<readonly NoticeRuleRecord[]>;
  noticeRuleRemove(id: string, audit: AuditEntry): Promise<'removed' | 'not-found'>;

  /** Oldest first, at most `limit`. Noted only while there is a channel. */
  endedRuns(limit: number): Promise<readonly EndedRun[]>;
  endedRunContexts(ids: readonly RunId[]): Promise<readonly EndedRunContext[]>;
  /**
   * One transaction: takes the ends away, and writes the notices of those that were still there. What was written of the
   * same end before is not written again. Answers how many are new.
   */
  noticesMake(ended: readonly EndedRun[], notices: readonly NewNotice[]): Promise<number>;

  /** Oldest first, at most `limit`. Noted only while there is a channel. */
  askedQuestions(limit: number): Promise<readonly AskedQuestion[]>;
  /** As `noticesMake`, of questions. */
  noticesMakeAsked(asked: readonly AskedQuestion[], notices: readonly NewNotice[]): Promise<number>;

  /** By their ids, at most `limit`. `isOfAll`: not only of jobs that themselves say who is told that they are late. */
  runsUnderWay(
    after: RunId | undefined,
    options: { readonly limit: number; readonly isOfAll: boolean },
  ): Promise<readonly RunUnderWay[]>;
  /** Of jobs that have runs that succeeded. */
  usualTimes(jobs: readonly string[]): Promise<ReadonlyMap<string, UsualTime>>;
  /** Of those rounds that are under way still, and not of what is known. Answers how many are new. */
  noticesMakeLate(notices: readonly NewNotice[]): Promise<number>;

  /**
   * `isAny`: there is something for `endedRuns`, `askedQuestions` or `channelsDue`. `isLateWatched`: something is under way, and somebody
   * wants to know of what is late.
   */
  noticesLook(): Promise<{ readonly isAny: boolean; readonly isLateWatched: boolean }>;
  /** Channels of which messages are due, the one that has waited longest first. */
  channelsDue(): Promise<readonly ChannelId[]>;
  /**
   * Messages of one channel that are due, at most `limit`, and as many as it takes in a minute: where more are due, those
   * that nobody has tried yet become one. Each try is on record before it is made. `elsewhere`: somebody else is writing
   * of that channel at this moment; it may be asked again soon.
   */
  messagesClaim(channel: ChannelId, leaseMs: number, limit: number): Promise<readonly ClaimedMessage[] | 'elsewhere'>;
  /** Of a try whose lease is over, only that it was taken counts. */
  messageSettle(id: string, number: number, end: TryEnd): Promise<void>;

  /** Newest first. */
  noticeList(scope: Scope, filter: NoticeFilter, page: { limit: number; cursor?: string }): Promise<Page<NoticeRecord>>;
  noticeFetch(id: string): Promise<(NoticeRecord & { readonly attempts: readonly NoticeTry[] }) | undefined>;
}
