/** What the owner of a partition reads of a run to go on with it, what it decides, and how writing that came out. */
import type { AttemptKey, RunId } from '../../base/ids.ts';
import type { Outcome } from '../../domain/crew/outcome.ts';
import type { ExecutionCounts, ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { GatePosition } from '../../domain/gate/gate-position.ts';
import type { TaskState } from '../../domain/flow/task-machine.ts';
import type { TaskDecision } from '../../domain/run/conditions.ts';
import type { RolloutPosition } from '../../domain/rollout/position.ts';
import type { Executor, RouteTaken } from '../../domain/run/executor.ts';
import type { StepOutputs, ToldByOrdinal } from '../../domain/run/step-outputs.ts';
import type { Subject } from '../../domain/run/subject.ts';
import type { RunSpec } from '../../domain/run/spec.ts';
import type { OutputValues } from '../../domain/work/output-values.ts';
import type { Fence } from './lease.ts';
import type { StreamRecord } from './output.ts';
import type { RunChange, RunRecord, TaskRecord } from './run.ts';
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

/** A task as its owner goes on with it. */
export interface TaskSeed extends Omit<TaskRecord, 'counts' | 'hostCount'> {
  readonly sealedSecrets?: Uint8Array;
  /** What its executions will be of; empty where it has them. */
  readonly subjects: readonly Subject[];
  /** Where it declares outputs that are to be drawn together yet, or again: what the present attempts have told, by ordinal. */
  readonly told?: ToldByOrdinal;
}

export interface RunSeed {
  readonly run: RunRecord;
  /** By number. */
  readonly tasks: readonly TaskSeed[];
  /** Of all tasks, by task and ordinal. */
  readonly executions: readonly ExecutionSeed[];
}

/** What becomes of a task of a run of several. Lands only if its state is one from which `to` may be entered. */
export interface TaskChange {
  readonly runId: RunId;
  readonly task: number;
  readonly to: TaskState;
  readonly counts: ExecutionCounts;
  /** What it has told; what it had told before is forgotten where there is none. */
  readonly outputs?: StepOutputs;
  /** Its turn has come at this time: executions of its hosts wait from now on, unless it has some from before. */
  readonly openedAtMs?: number;
  /** With that: only these of its hosts have executions, by their places in its list, numbered through anew. */
  readonly places?: readonly number[];
  /** Or with that: its executions are one for each of these items. */
  readonly items?: readonly string[];
  /** How far its rollout has come from now on; absent: it has none, or begins anew with a new round. */
  readonly position?: RolloutPosition;
  /**
   * Where the gate stands that it is; absent: it is none, or begins anew with a new round. Of an approval it lands only while so many
   * answers are there as were heard: an answer and the end of its time are one or the other.
   */
  readonly gate?: GatePosition;
  /** It asks this from now on, and has not before: whoever is to be told of questions is told of it. `turn`: as in `AskedQuestion`. */
  readonly asks?: { readonly turn: number; readonly atMs: number };
  /** What its conditions have come to; what they had come to before is forgotten where there is none. */
  readonly decision?: TaskDecision;
  /** The run's seq of this change. */
  readonly seq: number;
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
  /** What its script has told beside that; kept by its attempt. */
  readonly values?: OutputValues;
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
  /** Of runs of several tasks. */
  readonly tasks?: readonly TaskChange[];
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
  /** Of one task what its executors are given. */
  taskSpec(id: RunId, task: number): Promise<(RunSpec & Pick<TaskSeed, 'sealedSecrets'>) | undefined>;
  /** In the order of the keys; undefined for an attempt that is not there. Costs what its keys cost, however large their runs are. */
  attemptsLook(keys: readonly AttemptKey[]): Promise<readonly (AttemptStanding | undefined)[]>;
  ownerCommit(commit: OwnerCommit): Promise<CommitResult>;
}
