/** Runs: as they are created with their first step, read, listed, asked to end and opened anew. */
import type { RunId } from '../../base/ids.ts';
import type { Route } from '../../domain/run/executor.ts';
import type { Subject } from '../../domain/run/subject.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import type { Permission } from '../../domain/access/permission.ts';
import type { ExecutionCounts, ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { RunState } from '../../domain/flow/run-machine.ts';
import type { RunSpec } from '../../domain/run/spec.ts';
import type { Actor, AuditEntry } from './audit.ts';
import type { Fence } from './lease.ts';
import type { Page } from './page.ts';
import type { TimelineEntry } from './timeline.ts';

export interface NewRun {
  readonly id: RunId;
  readonly partition: number;
  readonly name: string;
  readonly reason: string;
  readonly createdBy: Actor;
  /** What was asked of whoever wanted it, and is asked of whoever wants it again; absent: `job.run.create`. */
  readonly permission?: Permission;
  readonly targetExpression: string;
  readonly spec: RunSpec;
  /** AES-256-GCM sealed JSON of name → value; absent without secrets. */
  readonly sealedSecrets?: Uint8Array;
  readonly targets: readonly Subject[];
  /** Marked as done in the same transaction: a crash right after it cannot make a second run of the same request. */
  readonly claim?: { readonly principal: string; readonly key: string };
  /** What its owner does first, written with it; left out, and the run waits, when the fence is stale. */
  readonly dispatch?: FirstDispatch;
}

/** The executions of a new run that have a way to their hosts, as dispatched; `run.seq` is theirs too. */
export interface FirstDispatch {
  readonly fence: Fence;
  readonly executions: readonly { readonly ordinal: number; readonly route: Route }[];
  readonly dispatchedAtMs: number;
  readonly run: RunChange & { readonly to: RunState };
  readonly timeline: readonly TimelineEntry[];
}

export interface RunChange {
  readonly runId: RunId;
  readonly to?: RunState;
  readonly counts: ExecutionCounts;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly seq: number;
  /**
   * The round that the run had ended with, when its owner believes it over: a retry may have opened the next, and then
   * nothing of it is written.
   */
  readonly endedRound?: number;
}

export interface RunRecord {
  readonly id: RunId;
  readonly partition: number;
  readonly name: string;
  readonly reason: string;
  readonly createdBy: Actor;
  /** That a new round of it needs, beside the one to retry. */
  readonly permission: Permission;
  readonly state: RunState;
  /** From 1; a retry opens the next. */
  readonly round: number;
  readonly targetExpression: string;
  readonly hostCount: number;
  readonly counts: ExecutionCounts;
  /** Absent in lists: a script may be a megabyte. */
  readonly spec?: RunSpec;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** Start of the present round: deadlines count from here. */
  readonly roundStartedAtMs: number;
  /** What earlier rounds took, without the time between them. */
  readonly earlierRoundsMs: number;
  readonly cancelRequestedAtMs?: number;
  readonly cancelRequestedBy?: string;
  /** Grows with every committed change of the run or of one of its executions; the cursor of its event stream. */
  readonly seq: number;
}

export interface RunFilter {
  readonly states?: readonly RunState[];
  readonly name?: string;
  readonly createdBy?: string;
  readonly createdAfterMs?: number;
  readonly createdBeforeMs?: number;
  readonly idPrefix?: string;
}

export interface RunStore {
  /**
   * One transaction: run, task, executions, the timeline's first entries and the audit entry. Wakes the partition
   * (hint). The answer's `seq` tells whether `dispatch` is in it.
   */
  runCreate(run: NewRun, audit: AuditEntry): Promise<RunRecord>;
  /** The run's secrets, sealed under `run/<id>`; undefined where it has none. */
  runSealedSecrets(id: RunId): Promise<Uint8Array | undefined>;
  /** `own`: what this server owns never waits for callers. */
  runFetch(id: RunId, whose?: 'own'): Promise<RunRecord | undefined>;
  runList(scope: Scope, filter: RunFilter, page: { limit: number; cursor?: string }): Promise<Page<RunRecord>>;
  /** Marks the wish; the owner acts. False when the run is terminal already. */
  runCancelRequest(
    id: RunId,
    actor: Actor,
    audit: AuditEntry,
  ): Promise<'requested' | 'already-requested' | 'already-finished' | 'not-found'>;
  /**
   * Opens round + 1 over the executions in `states`: their settled attempts move to the history, attempt + 1 waits.
   * Only on a terminal run.
   */
  runRetry(
    id: RunId,
    states: readonly ExecutionState[],
    audit: AuditEntry,
  ): Promise<
    { kind: 'opened'; run: RunRecord; executions: number } | { kind: 'not-finished' | 'nothing-to-retry' | 'not-found' }
  >;
  runSeqs(ids: readonly RunId[]): Promise<readonly { readonly id: RunId; readonly seq: number }[]>;
}
