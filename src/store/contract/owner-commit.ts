/** What the owner of a partition reads of a run to go on with it, what it decides, and how writing that came out. */
import type { AttemptKey, RunId } from '../../base/ids.ts';
import type { Outcome } from '../../domain/crew/outcome.ts';
import type { ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { Executor, RouteTaken } from '../../domain/run/executor.ts';
import type { Subject } from '../../domain/run/subject.ts';
import type { RunSpec } from '../../domain/run/spec.ts';
import type { Fence } from './lease.ts';
import type { StreamRecord } from './output.ts';
import type { RunChange, RunRecord } from './run.ts';
import type { TimelineEntry } from './timeline.ts';

/** What the owner needs of an execution to go on; compact, because a run has up to 100,000. */
export interface ExecutionSeed {
  readonly task: number;
  readonly ordinal: number;
  readonly attempt: number;
  readonly subject: Subject;
  readonly state: ExecutionState;
  readonly route?: RouteTaken;
  readonly dispatchedAtMs?: number;
  readonly startedAtMs?: number;
  /** Attempts of the present round that ended in failure already; `retries` allows so many more. */
  readonly failuresInRound: number;
}

export interface RunSeed {
  readonly run: RunRecord;
  readonly spec: RunSpec;
  readonly sealedSecrets?: Uint8Array;
  readonly executions: readonly ExecutionSeed[];
}

/** What is known of one attempt, whether or not a newer one has superseded it. */
export interface AttemptStanding {
  readonly state: ExecutionState;
  /** To whom it was given; absent where to nobody, or nobody took it. */
  readonly executor?: Executor;
  /** It was superseded as lost, and its late report is kept. */
  readonly isTold: boolean;
  /** Of each of its streams. */
  readonly outputKeptBytes: number;
}

/** One conditional change of an execution. Lands only if attempt matches and the state is one of `from`. */
export interface ExecutionChange extends AttemptKey {
  readonly from: readonly ExecutionState[];
  readonly to: ExecutionState;
  readonly route?: RouteTaken;
  readonly dispatchedAtMs?: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** How the attempt ended, as its executor told it; absent where it was settled without its executor. */
  readonly outcome?: Outcome;
  readonly reason?: string;
  readonly detail?: string;
  readonly stdout?: StreamRecord & { readonly inline?: Uint8Array };
  readonly stderr?: StreamRecord & { readonly inline?: Uint8Array };
  readonly settledLate?: boolean;
  /** Automatic retry: the row's attempt (this change's outcome) moves to the history and attempt + 1 opens as waiting. */
  readonly retry?: boolean;
  /** It has taken the host's agent off: the host has none until one links that had not linked before this attempt was dispatched. */
  readonly uninstalls?: boolean;
  /** The run's seq of this change. */
  readonly seq: number;
}

/** A late report as told; written only when the history has the attempt as lost by this executor, and only once. */
export interface LateReportChange extends Omit<ExecutionChange, 'route'> {
  readonly executor: Executor;
  readonly receivedAtMs: number;
}

export interface OwnerCommit {
  readonly fence: Fence;
  readonly executions: readonly ExecutionChange[];
  readonly runs: readonly RunChange[];
  readonly timeline: readonly TimelineEntry[];
  readonly lateReports?: readonly LateReportChange[];
}

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

export interface OwnerCommitStore {
  runSeed(id: RunId): Promise<RunSeed | undefined>;
  /** Of a seed what does not change, without its executions, which may be many. */
  runSpec(id: RunId): Promise<(RunSpec & Pick<RunSeed, 'sealedSecrets'>) | undefined>;
  /** In the order of the keys; undefined for an attempt that is not there. Costs what its keys cost, however large their runs are. */
  attemptsLook(keys: readonly AttemptKey[]): Promise<readonly (AttemptStanding | undefined)[]>;
  ownerCommit(commit: OwnerCommit): Promise<CommitResult>;
}
