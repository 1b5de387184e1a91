/**
 * Where a gate stands: a step that waits for people or for a time, and that nobody carries out. It is kept with its task, so that another
 * server goes on where this one was: what is asked is asked once, and its time runs out at the same instant whoever looks. Pure.
 */
import { assert } from '../../base/assert.ts';
import { given } from '../../base/given.ts';
import { emptyCounts, type ExecutionCounts } from '../crew/execution-machine.ts';
import { isTerminalRun } from '../flow/run-machine.ts';
import type { TaskState } from '../flow/task-machine.ts';
import type { GateWork } from '../work/work.ts';
import { approvalVerdict, type ApprovalAnswer } from './approval.ts';

export const GATE_PHASES = ['asking', 'waiting', 'over'] as const;
export type GatePhase = (typeof GATE_PHASES)[number];

export const GATE_TRANSITIONS = {
  /** Until so many people have said yes, one no, or its time is up. Each answer that is heard is such a move. */
  asking: ['asking', 'over'],
  /** Until a time. */
  waiting: ['over'],
  /** A new round that does it again begins it anew. */
  over: [],
} as const satisfies Record<GatePhase, readonly GatePhase[]>;

/** Where it may begin: one that is cancelled before that is over at once. */
export const GATE_FIRST = ['asking', 'waiting', 'over'] as const satisfies readonly GatePhase[];

export const GATE_ENDS = ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'] as const;
export type GateEnd = (typeof GATE_ENDS)[number];

export interface GatePosition {
  readonly phase: GatePhase;
  /** Since when it asks or waits, by the clock that all servers share; what an answer is to. */
  readonly sinceMs: number;
  /** When its time is up; absent: it waits for as long as it takes. */
  readonly dueMs?: number;
  /** What is asked, filled in. */
  readonly message?: string;
  /** Answers that count by now, as many as are in the timeline. */
  readonly heard: number;
  /** What it came to. */
  readonly end?: GateEnd;
  /** Why, where it has not simply ended well. */
  readonly because?: string;
}

/** What is known of a gate when it is looked at. */
export interface GateSight {
  readonly nowMs: number;
  /** What people have said to what it asks, in their order. */
  readonly answers: readonly ApprovalAnswer[];
  /** It is to end. */
  readonly stop?: 'cancelled' | 'skipped';
}

/** What is asked, or why it cannot be. */
export type GateMessage = { readonly text: string } | { readonly fault: string };

/** It has its turn. `message`: of an approval. */
export function begunGate(work: GateWork, message: () => GateMessage, nowMs: number): GatePosition {
  if (work.kind === 'wait') {
    return { phase: 'waiting', sinceMs: nowMs, dueMs: nowMs + work.ms, heard: 0 };
  }
  const asked = message();
  if ('fault' in asked) return { phase: 'over', sinceMs: nowMs, heard: 0, end: 'failed', because: asked.fault };
  const dueMs = work.timeoutMs === undefined ? undefined : nowMs + work.timeoutMs;
  return { phase: 'asking', sinceMs: nowMs, message: asked.text, heard: 0, ...given({ dueMs }) };
}

/** It was to end before it had begun. */
export function neverBegunGate(end: 'cancelled' | 'skipped', nowMs: number): GatePosition {
  return { phase: 'over', sinceMs: nowMs, heard: 0, end };
}

/**
 * As far as it comes by what is known now; the same value where nothing has changed. An answer that decides comes before a cancel and
 * before the end of its time: whoever gave it was told that it counts.
 */
export function advanceGate(work: GateWork, before: GatePosition, sight: GateSight): GatePosition {
  if (before.phase === 'over') return before;
  const heard = sight.answers.length;
  const over = (end: GateEnd, because?: string): GatePosition =>
    moved(before, { phase: 'over', heard, end, ...given({ because }) });
  const verdict = work.kind === 'approval' ? approvalVerdict(work, sight.answers) : undefined;
  if (verdict?.isYes === false) return over('failed', refusedBecause(verdict.last));
  if (verdict) return over('succeeded');
  if (sight.stop !== undefined) return over(sight.stop);
  if (before.dueMs !== undefined && sight.nowMs >= before.dueMs) {
    if (work.kind === 'wait') return over('succeeded');
    const because = 'Its time was up before enough people had answered.';
    return work.onTimeout === 'continue'
      ? over('succeeded', `${because} It goes on all the same: on_timeout: continue.`)
      : over('timed_out', because);
  }
  return heard === before.heard ? before : moved(before, { phase: before.phase, heard });
}

function refusedBecause({ by, reason }: ApprovalAnswer): string {
  return `Refused by ${by.name}${reason === '' ? '.' : `: ${reason}`}`;
}

function moved(before: GatePosition, change: Partial<GatePosition> & { readonly phase: GatePhase }): GatePosition {
  assert(
    (GATE_TRANSITIONS[before.phase] as readonly GatePhase[]).includes(change.phase),
    `no gate moves from ${before.phase} to ${change.phase}`,
  );
  return { ...before, ...change };
}

/** What a gate is to the flow, which knows a task by the states of its parts: as if it were one of them. None before its turn. */
export function gateCounts(state: TaskState, position: GatePosition | undefined): ExecutionCounts {
  const none = emptyCounts();
  if (position) return { ...none, [position.end ?? 'running']: 1 };
  return state === 'created' || isTerminalRun(state) ? none : { ...none, waiting: 1 };
}
