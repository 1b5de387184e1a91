/** What a server keeps in memory of a partition that it owns: its runs, and what waits to be written for them. */
import type { AttemptId, RunId, WorkerId } from '../base/ids.ts';
import type { Executor } from '../domain/run/executor.ts';
import type { Run } from '../domain/run/run.ts';
import type { HeardEvent } from '../fleet/fleet.ts';
import type { LateReportChange } from '../store/contract/owner-commit.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import type { ReportedStream } from './attempt-report.ts';
import type { ChunkWriter } from './chunk-writer.ts';

/** An executor's report, to be acknowledged once what it says is committed. */
export interface Ack {
  readonly workerId: WorkerId;
  readonly attempt: AttemptId;
  readonly executor: Executor;
}

export function ackOf(workerId: WorkerId, { executor, report }: Extract<HeardEvent, { k: 'report' }>): Ack {
  return { workerId, attempt: report.a as AttemptId, executor: executor as Executor };
}

export interface OwnedRun {
  readonly actor: Run<ReportedStream>;
  readonly specBytes: () => Uint8Array;
  acks: Ack[];
  /** Reports of superseded attempts: recorded beside them with the next commit, and acknowledged after it. */
  late: Omit<LateReportChange, 'seq'>[];
  timeline: Omit<TimelineEntry, 'seq' | 'runId'>[];
  idleSince: number;
  firstStart: boolean;
}

/** A run that is being read. `again`: somebody has changed it meanwhile, so that it is read once more. */
export interface Loading {
  /** True when it is certain that there is no such run: its partition is owned, and the database says so. */
  readonly done: Promise<boolean>;
  again: boolean;
}

export interface OwnedPartition {
  readonly id: number;
  readonly term: number;
  readonly runs: Map<RunId, OwnedRun>;
  readonly loading: Map<RunId, Loading>;
  readonly dirty: Set<RunId>;
  readonly chunks: ChunkWriter;
  committing: boolean;
  commitScheduled: boolean;
}

/** As it is taken: nothing of it has been read. */
export function newPartition(id: number, term: number, chunks: ChunkWriter): OwnedPartition {
  return {
    id,
    term,
    runs: new Map(),
    loading: new Map(),
    dirty: new Set(),
    chunks,
    committing: false,
    commitScheduled: false,
  };
}
