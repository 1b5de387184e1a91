/** A run as it is read, and what is written of it. */
import type { RunId } from '../../base/ids.ts';
import type { Execution } from '../crew/execution.ts';
import type { ExecutionCounts, ExecutionState } from '../crew/execution-machine.ts';
import type { RunState } from '../flow/run-machine.ts';
import type { TaskState } from '../flow/task-machine.ts';
import type { GatePosition } from '../gate/gate-position.ts';
import type { RolloutPosition } from '../rollout/position.ts';
import type { TurnChoice } from './asked-subjects.ts';
import type { TaskDecision } from './conditions.ts';
import type { RunPlan } from './plan.ts';
import type { StepOutputs } from './step-outputs.ts';

export interface SeedRun {
  readonly id: RunId;
  readonly state: RunState;
  readonly round: number;
  readonly seq: number;
  /** Absent for a command, which is one task in the state of its run. */
  readonly plan?: RunPlan;
  readonly cancelRequestedAtMs?: number;
  readonly cancelRequestedBy?: string;
  /** Of a cancel that ends what comes finally too. */
  readonly cancelForcedBy?: string;
  readonly pausedBy?: string;
  readonly resumedBy?: string;
}

/** A task as it is once the write has landed. Only of runs with a plan: the task of a command is in the state of its run. */
export interface TaskWrite extends TurnChoice {
  readonly task: number;
  readonly to: TaskState;
  readonly counts: ExecutionCounts;
  /** Its turn has come: executions of its hosts wait from now on, unless it has them from before. */
  readonly isOpened: boolean;
  /** Where it declares some and is over. */
  readonly outputs?: StepOutputs;
  /** How far its rollout has come; absent where it has none. */
  readonly position?: RolloutPosition;
  /** Of a gate: where it stands; absent before its turn. */
  readonly gate?: GatePosition;
  /** What its conditions have come to, where its turn has come. */
  readonly decision?: TaskDecision;
}

/** What is written of a run, with some of what its crews have decided. */
export interface RunWrite<Stream> {
  readonly changes: readonly Execution<Stream>[];
  /** Of the changes, in their order: by the time it has landed, more may be decided. */
  readonly states: readonly ExecutionState[];
  readonly tasks: readonly TaskWrite[];
  readonly state: RunState;
  readonly counts: ExecutionCounts;
  readonly seq: number;
  /** It had not ended before. */
  readonly isEnd: boolean;
  /** It had not been told to end before. */
  readonly isStop: boolean;
  /** Whether it is paused then, and whether that is news. */
  readonly isPaused: boolean;
  readonly isPauseNews: boolean;
  /** What comes finally is being ended by it. */
  readonly isForceNews: boolean;
}
