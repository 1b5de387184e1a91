/** What a store in memory holds: the tables that owner, fleet and creation of runs use, as maps of rows that are changed in place. */
import type { StepSkip } from '../../../src/domain/run/step-skip.ts';
import type { AgentId, HostId, RunId, ServerId, WorkerId } from '../../../src/base/ids.ts';
import { PARTITION_COUNT } from '../../../src/domain/run/partition.ts';
import type { AgentSessionRecord } from '../../../src/domain/agent/session-rule.ts';
import type { WorkerStarts } from '../../../src/domain/fleet/worker-start.ts';
import type { ExecutionCounts, ExecutionState } from '../../../src/domain/crew/execution-machine.ts';
import type { TaskState } from '../../../src/domain/flow/task-machine.ts';
import type { TaskDecision } from '../../../src/domain/run/conditions.ts';
import type { StepOutputs } from '../../../src/domain/run/step-outputs.ts';
import type { Subject } from '../../../src/domain/run/subject.ts';
import type { ApprovalAnswer } from '../../../src/domain/gate/approval.ts';
import type { GatePosition } from '../../../src/domain/gate/gate-position.ts';
import type { RunState } from '../../../src/domain/flow/run-machine.ts';
import type { RolloutPosition } from '../../../src/domain/rollout/position.ts';
import type { RolloutAnswer } from '../../../src/domain/run/run-task.ts';
import type { RunSpec } from '../../../src/domain/run/spec.ts';
import type { OutputValues } from '../../../src/domain/work/output-values.ts';
import type { StoredWork } from '../../../src/domain/work/work.ts';
import type { AuditEntry } from '../../../src/store/contract/audit.ts';
import type { ExecutionRecord, LateReport } from '../../../src/store/contract/execution.ts';
import type { Fence } from '../../../src/store/contract/lease.ts';
import type { AskedQuestion, EndedRun } from '../../../src/store/contract/notice.ts';
import type { StreamRecord } from '../../../src/store/contract/output.ts';
import type { ExecutionSeed } from '../../../src/store/contract/owner-commit.ts';
import type { RunRecord } from '../../../src/store/contract/run.ts';
import type { TimelineEntry } from '../../../src/store/contract/timeline.ts';
import type { WorkerRecord } from '../../../src/store/contract/worker.ts';

/** A stream of which nothing is kept. */
export const NOTHING: StreamRecord = { size: 0, head: 0, tail: 0 };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type ExecutionRow = Mutable<Omit<ExecutionRecord, 'lateReport'>> &
  Mutable<Pick<ExecutionSeed, 'failuresInRound'>>;

export interface TaskRow {
  /** But for the work, which is in `MemoryTables.work` under `workKey`. */
  readonly spec: Omit<RunSpec, 'work'>;
  readonly workKey: string;
  readonly sealedSecrets: Uint8Array | undefined;
  readonly subjects: readonly Subject[];
  /** Of the only task of a run neither is kept: they are those of the run. */
  state: TaskState;
  counts: ExecutionCounts;
  openedAtMs: number | undefined;
  outputs: StepOutputs | undefined;
  position?: RolloutPosition;
  answer?: RolloutAnswer;
  decision?: TaskDecision;
  gate?: GatePosition;
  approvals?: ApprovalAnswer[];
  skip?: StepSkip;
}

export interface RunRow {
  readonly run: Mutable<Omit<RunRecord, 'tasks'>>;
  /** By number. */
  readonly tasks: readonly TaskRow[];
  readonly executions: ExecutionRow[];
  /** Settled earlier attempts, in the order in which they were superseded. */
  readonly history: ExecutionRow[];
  /** By `task.ordinal.attempt`. */
  readonly lateReports: Map<string, LateReport>;
  readonly timeline: TimelineEntry[];
  /** By digest in hexadecimal. */
  readonly blobs: Map<string, Uint8Array>;
  /** By `task.ordinal.attempt.stream`, each piece at its number. */
  readonly chunks: Map<string, Map<number, Uint8Array>>;
  /** By `task.ordinal.attempt`, of attempts that told some. */
  readonly values: Map<string, OutputValues>;
  isActive: boolean;
  /** Id of whoever has begun it, or its last round. */
  principal: string;
  /** To questions of its rollouts, in this round. */
  answers: number;
}

export interface AgentRow {
  readonly id: AgentId;
  readonly hostId: HostId;
  readonly zone: string;
  isRevoked: boolean;
  session: AgentSessionRecord | undefined;
}

export interface PresenceRow {
  readonly agentId: AgentId;
  readonly workerId: WorkerId | undefined;
  readonly linked: boolean;
  readonly atMs: number;
}

/** Told of every write that lands, while it lands. What it throws is thrown at whoever wrote. */
export interface StoreWatcher {
  /** An execution's attempt has moved; `to` is what its row says now, before a retry opens the next attempt. */
  moved(row: RunRow, execution: ExecutionRow, from: ExecutionState, to: ExecutionState): void;
  runMoved(row: RunRow, from: RunState, to: RunState): void;
  /** A write made as owner has landed. */
  owned(fence: Fence): void;
  /** The write is over: what it touched must add up. */
  written(row: RunRow): void;
}

export class MemoryTables {
  readonly runs = new Map<RunId, RunRow>();
  /** By its day and content. */
  readonly work = new Map<string, StoredWork>();
  readonly servers = new Map<ServerId, { url: string; version: string; leaseUntilMs: number; startedAtMs: number }>();
  readonly partitions: { readonly id: number; owner: ServerId | undefined; term: number }[] = Array.from(
    { length: PARTITION_COUNT },
    (_, id) => ({ id, owner: undefined, term: 0 }),
  );
  readonly agents = new Map<AgentId, AgentRow>();
  readonly workers = new Map<WorkerId, Mutable<WorkerRecord>>();
  readonly workerStarts = new Map<WorkerId, WorkerStarts>();
  readonly presence = new Map<HostId, PresenceRow>();
  readonly facts = new Map<HostId, Readonly<Record<string, unknown>>>();
  readonly audit: AuditEntry[] = [];
  /** Somebody is to be told of ends of runs. */
  isHeard = false;
  readonly ended = new Map<string, EndedRun>();
  /** Questions that somebody is to be told of. */
  readonly asked = new Map<string, AskedQuestion>();
  watcher: StoreWatcher = { moved() {}, runMoved() {}, owned() {}, written() {} };

  holds({ partition, serverId, term }: Fence): boolean {
    const row = this.partitions[partition];
    return row !== undefined && row.owner === serverId && row.term === term;
  }
}

export function attemptKey(key: { readonly task: number; readonly ordinal: number; readonly attempt: number }): string {
  return `${key.task}.${key.ordinal}.${key.attempt}`;
}
