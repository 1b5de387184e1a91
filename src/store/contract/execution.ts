/** Executions: what became of a run on each of its hosts, attempt by attempt. */
import type { AttemptKey, ExecutionKey, RunId } from '../../base/ids.ts';
import type { Outcome } from '../../domain/crew/outcome.ts';
import type { ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { RouteTaken } from '../../domain/run/executor.ts';
import type { Subject } from '../../domain/run/subject.ts';
import type { StreamRecord } from './output.ts';
import type { Page, PageToSeq } from './page.ts';

export interface ExecutionRecord extends AttemptKey {
  readonly subject: Subject;
  readonly state: ExecutionState;
  readonly round: number;
  /** The way that the attempt has gone; absent before. */
  readonly route?: RouteTaken;
  readonly dispatchedAtMs?: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** How the attempt ended, as its executor told it; absent where it was settled without its executor. */
  readonly outcome?: Outcome;
  /** An error code that says why, where the state alone does not. */
  readonly reason?: string;
  readonly detail?: string;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
  /** True when a lost attempt was settled by its own late report. */
  readonly settledLate: boolean;
  /** The run's seq at the last change of this row. */
  readonly seq: number;
  /** Of a past, lost attempt: what its executor told after all. */
  readonly lateReport?: LateReport;
}

/** The truth of a lost attempt that came when a newer attempt had been opened: known, and without any effect on the run. */
export interface LateReport {
  readonly state: 'succeeded' | 'failed' | 'timed_out' | 'cancelled';
  readonly receivedAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs: number;
  /** How the attempt ended, as its executor told it; absent where it was settled without its executor. */
  readonly outcome?: Outcome;
  readonly reason?: string;
  readonly detail?: string;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
}

export interface ExecutionFilter {
  readonly states?: readonly ExecutionState[];
  readonly hostName?: string;
  readonly task?: number;
}

/** Places in what happened to a run, for whoever reads it on from one. */
export interface ExecutionPlace {
  readonly seq: number;
  readonly task: number;
  readonly ordinal: number;
}

export interface ExecutionStore {
  executionFetch(key: ExecutionKey): Promise<ExecutionRecord | undefined>;
  executionList(
    runId: RunId,
    filter: ExecutionFilter,
    page: { limit: number; cursor?: string },
  ): Promise<Page<ExecutionRecord>>;
  /**
   * Executions by their last change, as (seq, task, ordinal): the next after a place, up to a seq. What an event stream
   * still has to tell.
   */
  executionChanges(runId: RunId, after: ExecutionPlace, page: PageToSeq): Promise<readonly ExecutionRecord[]>;
  /** Settled earlier attempts, oldest first. */
  executionHistory(key: ExecutionKey): Promise<readonly ExecutionRecord[]>;
}
