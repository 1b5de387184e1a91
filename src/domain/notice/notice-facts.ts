/** What a notice tells of a run, frozen when it is made: a later round of the run changes nothing of it. */
import type { ExecutionCounts, ExecutionState } from '../crew/execution-machine.ts';
import type { RunState } from '../flow/run-machine.ts';
import type { NoticeEvent } from './subscription.ts';

export interface NoticeFailure {
  readonly state: ExecutionState;
  readonly count: number;
  /** The first of them. */
  readonly hosts: readonly string[];
  /** Of a run of several steps. */
  readonly step?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Error code, where it is not how a process ended. */
  readonly reason?: string;
  /** The last lines of what it said, masked where it was kept. */
  readonly lines: readonly string[];
}

/** A step whose hosts have not told what it declares, so that it has failed though all of them succeeded. */
export interface UnmetOutputs {
  readonly step: string;
  readonly why: string;
}

/** What a run asks, as whoever answers has to know it. */
export type NoticeQuestion =
  | {
      readonly kind: 'approval';
      /** With its stage. */
      readonly step: string;
      /** What is asked, of several lines. */
      readonly message: string;
      /** People who have to say yes. */
      readonly count: number;
      /** Names of those who may answer; absent: whoever may answer runs. */
      readonly by?: readonly string[];
      readonly notByStarter: boolean;
      /** When its time is up, and what becomes of it then. */
      readonly untilMs?: number;
      readonly onTimeout: 'fail' | 'continue';
    }
  | {
      readonly kind: 'rollout';
      /** With its stage; absent where the run is a command. */
      readonly step?: string;
      /** After which it is asked, from 1, of so many. */
      readonly batch: number;
      readonly batches: number;
      /** Before the next batch, or since more have failed than may. */
      readonly why: 'between' | 'max-failed';
    };

export interface NoticeFacts {
  readonly event: NoticeEvent;
  readonly run: { readonly id: string; readonly name: string; readonly round: number; readonly state: RunState };
  readonly job?: { readonly name: string; readonly version: number; readonly owner?: string; readonly team?: string };
  readonly by: string;
  readonly reason: string;
  /** Of the round. */
  readonly begunAtMs: number;
  /** Of one that is late: when that was seen; of one that asks: since when. */
  readonly endedAtMs: number;
  /** Of one that is late: since when. */
  readonly lateAfterMs?: number;
  /** Of one that asks. */
  readonly question?: NoticeQuestion;
  readonly counts: ExecutionCounts;
  /** Executions that ended alike, the most common first; the first few of them. */
  readonly failures: readonly NoticeFailure[];
  /** The first few steps that have failed by their outputs alone. */
  readonly unmet?: readonly UnmetOutputs[];
}
