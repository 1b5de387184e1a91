/** How a commit of a partition's owner came out. */
import type { AttemptKey, RunId } from '../base/ids.ts';

/** A change or late report that the database refuses whatever happens, and what it said. */
export interface NotKept extends AttemptKey {
  readonly why: string;
}

export type CommitResult =
  /**
   * `refused` are indexes into `executions` whose condition did not hold, `stale` the runs of which the view was behind: read them again.
   * `notKept`: what no column holds, one by one; its execution is among the refused, and a late report of that kind is left out.
   */
  | {
      readonly kind: 'committed';
      readonly refused: readonly number[];
      readonly stale: readonly RunId[];
      readonly notKept: readonly NotKept[];
    }
  /** The fence is stale: nothing landed, the caller no longer owns the partition. */
  | { readonly kind: 'fenced' };
