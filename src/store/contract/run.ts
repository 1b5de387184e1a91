/** Runs: as they are created with their first step, read, listed, asked to end and opened anew. */
import type { RunId } from '../../base/ids.ts';
import type { Route } from '../../domain/run/executor.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import type { Permission } from '../../domain/access/permission.ts';
import type { ExecutionCounts, ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { ApprovalAnswer } from '../../domain/gate/approval.ts';
import type { GatePosition } from '../../domain/gate/gate-position.ts';
import type { RunState } from '../../domain/flow/run-machine.ts';
import type { TaskState } from '../../domain/flow/task-machine.ts';
import type { TaskDecision } from '../../domain/run/conditions.ts';
import type { NewTasks } from '../../domain/run/new-task.ts';
import type { RolloutPosition } from '../../domain/rollout/position.ts';
import type { RunPlan } from '../../domain/run/plan.ts';
import type { RolloutAnswer } from '../../domain/run/run-task.ts';
import type { RunSpec } from '../../domain/run/spec.ts';
import type { StepOutputs } from '../../domain/run/step-outputs.ts';
import type { StepSkip } from '../../domain/run/step-skip.ts';
import type { Actor, AuditEntry } from './audit.ts';
import type { Fence } from './lease.ts';
import type { Page } from './page.ts';
import type { TimelineEntry } from './timeline.ts';

export interface NewRun extends NewTasks {
  readonly id: RunId;
  readonly partition: number;
  readonly name: string;
  readonly reason: string;
  readonly createdBy: Actor;
  /** What was asked of whoever wanted it, and is asked of whoever wants it again; absent: `job.run.create`. */
  readonly permission?: Permission;
  readonly targetExpression: string;
  /** Stages, and what needs what; absent for a run of one task. */
  readonly plan?: RunPlan;
  /** The version of a job that it is a run of; absent for a command. */
  readonly job?: JobReference;
  /** Marked as done in the same transaction: a crash right after it cannot make a second run of the same request. */
  readonly claim?: { readonly principal: string; readonly key: string };
  /** What its owner does first, written with it; left out, and the run waits, when the fence is stale. */
  readonly dispatch?: FirstDispatch;
}

export interface JobReference {
  readonly name: string;
  readonly version: number;
}

/** Of a run of one task: the executions that have a way to their hosts, as dispatched; `run.seq` is theirs too. */
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
  readonly job?: JobReference;
  /** Absent for a run of one task. */
  readonly plan?: RunPlan;
  /** Absent in lists, as a script may be a megabyte; those of a run of one task too, which is in the state of its run. */
  readonly tasks?: readonly TaskRecord[];
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** Start of the present round: deadlines count from here. */
  readonly roundStartedAtMs: number;
  /** What earlier rounds took, without the time between them. */
  readonly earlierRoundsMs: number;
  readonly cancelRequestedAtMs?: number;
  readonly cancelRequestedBy?: string;
  /** Since when somebody wants that what comes finally ends too. */
  readonly cancelForcedAtMs?: number;
  readonly cancelForcedBy?: string;
  /** Since when somebody wants that nothing more of it starts; absent where it is to go on. */
  readonly pausedAtMs?: number;
  readonly pausedBy?: string;
  /** When it was let go on last, in the present round. */
  readonly resumedAtMs?: number;
  readonly resumedBy?: string;
  /** Grows with every committed change of the run or of one of its executions; the cursor of its event stream. */
  readonly seq: number;
  /** Something of it waits for somebody's answer. Only of heads, and of lists. */
  readonly asks?: boolean;
}

export interface TaskRecord {
  readonly task: number;
  readonly spec: RunSpec;
  readonly state: TaskState;
  /** Of its executions; none before its turn. */
  readonly counts: ExecutionCounts;
  readonly hostCount: number;
  /** Since when it has its turn, in the present round. */
  readonly openedAtMs?: number;
  /** Where it declares some, and is over. */
  readonly outputs?: StepOutputs;
  /** How far its rollout has come; absent where it has none, and before anything of it was written in this round. */
  readonly position?: RolloutPosition;
  /** What somebody has said last to a question of its rollout. */
  readonly answer?: RolloutAnswer;
  /** What its conditions have come to, where it has some and its turn has come. */
  readonly decision?: TaskDecision;
  /** Of a gate: where it stands; absent before its turn in this round. */
  readonly gate?: GatePosition;
  /** Somebody wants it skipped, or has had it skipped: that it came to is in its decision. */
  readonly skip?: StepSkip;
  /** What people have said to the approval that it is, in their order. */
  readonly approvals?: readonly ApprovalAnswer[];
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
   * (hint). The answer's `seq` tells whether `dispatch` is in it. Throws `too-many-runs` where whoever begins it has so much under way
   * that there is no room for it.
   */
  runCreate(run: NewRun, audit: AuditEntry): Promise<RunRecord>;
  /** What a task is given of secrets, sealed under `run/<id>`; undefined where that is nothing. */
  taskSealedSecrets(id: RunId, task: number): Promise<Uint8Array | undefined>;
  /** `own`: what this server owns never waits for callers. */
  runFetch(id: RunId, whose?: 'own'): Promise<RunRecord | undefined>;
  /** Without its tasks and its plan, which may be of megabytes, and with so much of its targets as lists have. */
  runHead(id: RunId): Promise<RunRecord | undefined>;
  runList(scope: Scope, filter: RunFilter, page: { limit: number; cursor?: string }): Promise<Page<RunRecord>>;
  /** Marks the wish; the owner acts. `isForced`: what comes finally is to end too, also where it was asked for without that before. */
  runCancelRequest(
    id: RunId,
    actor: Actor,
    audit: AuditEntry,
    isForced?: boolean,
  ): Promise<'requested' | 'already-requested' | 'already-finished' | 'not-found'>;
  /** Marks the wish that nothing more of it starts; the owner acts. */
  runPauseRequest(
    id: RunId,
    actor: Actor,
    audit: AuditEntry,
  ): Promise<'requested' | 'already-requested' | 'already-finished' | 'stopping' | 'not-found'>;
  /** Takes that wish back. */
  runResumeRequest(
    id: RunId,
    actor: Actor,
    audit: AuditEntry,
  ): Promise<'requested' | 'not-paused' | 'already-finished' | 'not-found'>;
  /** Answers the question that the rollout of a task asks, once; the owner acts. `stale`: it asks nothing, or something else by now. */
  runAnswer(
    id: RunId,
    task: number,
    answer: RolloutAnswer,
    audit: AuditEntry,
  ): Promise<'answered' | 'already-answered' | 'stale' | 'not-found'>;
  /** The id of whoever has begun the present round: its starter, or who has asked for the retry. Undefined where the run is over. */
  runRoundStarter(id: RunId): Promise<string | undefined>;
  /**
   * Adds an answer to those of an approval; the owner acts. `seen`: how many there were when it was judged. `changed`: there are others by
   * now, so that it is to be judged anew. `stale`: it asks nothing, or something else.
   */
  runApprove(
    id: RunId,
    task: number,
    answer: ApprovalAnswer,
    seen: number,
    audit: AuditEntry,
  ): Promise<'answered' | 'changed' | 'stale' | 'not-found'>;
  /** Marks the wish that a step of a run with a plan is skipped, while it is not over; the owner acts. */
  runSkip(
    id: RunId,
    task: number,
    skip: StepSkip,
    audit: AuditEntry,
  ): Promise<'requested' | 'already-requested' | 'step-over' | 'already-finished' | 'not-found'>;
  /**
   * Opens round + 1 over the executions in `states`: their settled attempts move to the history, attempt + 1 waits. With `failed` also
   * those that succeeded of tasks that have failed by their outputs (`isRepeatedWhole`).
   * Only on a terminal run. Throws `too-many-runs` where whoever asks for it has no room for it.
   * `seen`: the number of the write after which it was looked at; where another has followed, it has `changed`, and nothing is opened.
   */
  runRetry(
    id: RunId,
    states: readonly ExecutionState[],
    audit: AuditEntry,
    seen?: number,
  ): Promise<
    | { kind: 'opened'; run: RunRecord; executions: number }
    | { kind: 'not-finished' | 'nothing-to-retry' | 'changed' | 'not-found' }
  >;
  runSeqs(ids: readonly RunId[]): Promise<readonly { readonly id: RunId; readonly seq: number }[]>;
}
