/** What executions have written: kept once per content, large output in chunks, read by range or folded into groups. */
import type { AttemptKey, RunId } from '../../base/ids.ts';
import type { Outcome } from '../../domain/crew/outcome.ts';
import type { ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { Executor } from '../../domain/run/executor.ts';
import type { Fence } from './lease.ts';

/** What one stream of an attempt left behind. */
export interface StreamRecord {
  readonly size: number;
  readonly head: number;
  readonly tail: number;
  readonly digest?: Uint8Array;
}

/** One group of `runs output`: executions that ended alike with the same output. */
export interface OutputGroup {
  readonly state: ExecutionState;
  /** How the attempt ended, as its executor told it; absent where it was settled without its executor. */
  readonly outcome?: Outcome;
  readonly reason?: string;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
  readonly count: number;
  /** At most as many as asked for, in ordinal order. */
  readonly hosts: readonly string[];
  /** Any one of them, to read the output from. */
  readonly sample: AttemptKey;
}

export interface OutputChunk extends AttemptKey {
  readonly stream: 1 | 2;
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly executor: Executor;
}

export interface OutputStore {
  outputGroups(
    runId: RunId,
    options: { hostsMax: number; groupsMax: number; task?: number; states?: readonly ExecutionState[] },
  ): Promise<readonly OutputGroup[]>;
  /** A range of the kept bytes (head and tail joined); undefined when nothing is kept. */
  outputRead(key: AttemptKey, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array | undefined>;
  /**
   * Idempotent by key. Kept while the attempt is out with its sender, or lost; answers the places of those whose
   * attempt is the sender's, kept or not. What is of a partition without a fence that holds is passed over.
   */
  outputChunkWrite(fences: readonly Fence[], chunks: readonly OutputChunk[]): Promise<ReadonlySet<number>>;
}
