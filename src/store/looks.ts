/** What an owner of partitions asks the store by time, in one question. */
import type { RunId } from '../base/ids.ts';

/** What was asked of a run that is not over, as its asking was written: the round that is to be carried out, and whether it is to end. */
export interface ActiveRun {
  readonly id: RunId;
  readonly round: number;
  readonly isCancelRequested: boolean;
}

export interface OwnerLook {
  readonly partitions: readonly { readonly id: number; readonly term: number }[];
  /** Oldest first. */
  readonly runs: readonly ActiveRun[];
}
