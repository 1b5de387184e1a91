/** What happened to a run, entry by entry. */
import type { RunId } from '../../base/ids.ts';
import type { PageToSeq } from './page.ts';

export interface TimelineEntry {
  readonly runId: RunId;
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface TimelineStore {
  timelineList(id: RunId, page: { limit: number; afterSeq?: number }): Promise<readonly TimelineEntry[]>;
  /** Entries after a seq and up to another, in an order that stays; the first `skip` of them left out. */
  timelineAfter(runId: RunId, after: { seq: number; skip: number }, page: PageToSeq): Promise<readonly TimelineEntry[]>;
}
