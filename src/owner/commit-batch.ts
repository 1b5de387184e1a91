/** What of a partition's decisions goes into the next commit, with the runs' own rows and the entries of their timelines. */
import type { Writable } from '../base/given.ts';
import { assert } from '../base/assert.ts';
import type { AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Route } from '../domain/run/executor.ts';
import type { RunWrite } from '../domain/run/run.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import type { ExecutionChange, LateReportChange } from '../store/contract/owner-commit.ts';
import type { Fence } from '../store/contract/lease.ts';
import type { FirstDispatch, RunChange } from '../store/contract/run.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import type { ReportedStream } from './attempt-report.ts';
import { changeOf } from './execution-change.ts';
import type { Ack } from './ack.ts';
import type { HeldRun } from './held-run.ts';
import type { OwnedPartition } from './owned-partition.ts';

/** One run's share of a commit, and how the run stands once it has landed. */
interface Part {
  readonly held: HeldRun;
  readonly write: RunWrite<ReportedStream>;
  readonly acks: ReadonlyMap<AttemptId, Ack>;
}
export interface Batch {
  readonly parts: Part[];
  readonly executions: ExecutionChange[];
  readonly runs: RunChange[];
  readonly timeline: TimelineEntry[];
  readonly lateReports: LateReportChange[];
}

/** Takes up to `commitBatchMax` changes; runs that have none leave the list of the dirty. */
export function collectBatch(partition: OwnedPartition, nowMs: number): Batch {
  const batch: Batch = { parts: [], executions: [], runs: [], timeline: [], lateReports: [] };
  for (const runId of partition.dirty) {
    const room = limits.commitBatchMax - batch.executions.length;
    if (room <= 0) break;
    const held = partition.runs.get(runId);
    if (!held || (held.run.crew.changes.count === 0 && held.late.size === 0)) {
      partition.dirty.delete(runId);
      continue;
    }
    batch.parts.push(describe(batch, held, room, nowMs));
  }
  return batch;
}

/**
 * All that a new run does first, however many hosts it has: it is written with the run's own rows. Undefined where that
 * is nothing, or more than to give hosts their orders, which the commits after it write.
 */
export function collectFirst(held: HeldRun, nowMs: number): Batch | undefined {
  const decided = held.run.crew.changes.take(Number.POSITIVE_INFINITY);
  if (decided.length === 0 || decided.some(({ state }) => state !== 'dispatched')) return undefined;
  const batch: Batch = { parts: [], executions: [], runs: [], timeline: [], lateReports: [] };
  batch.parts.push(describe(batch, held, Number.POSITIVE_INFINITY, nowMs));
  return batch;
}

/** As it is given to the store with the new run. */
export function firstDispatch(
  { executions, runs: [change], timeline }: Batch,
  fence: Fence,
  nowMs: number,
): FirstDispatch {
  const { to } = change!;
  assert(to !== undefined, 'what a run does first says what state it is in');
  return {
    fence,
    run: { ...change!, to },
    timeline,
    dispatchedAtMs: nowMs,
    executions: executions.map(({ ordinal, route }) => ({ ordinal, route: route as Route })),
  };
}

function describe(batch: Batch, held: HeldRun, room: number, nowMs: number): Part {
  const { run } = held;
  const wasOver = isTerminalRun(run.state);
  const write = run.write(room);
  const { changes: taken, states, counts, seq } = write;
  for (const execution of taken) {
    const change = changeOf(run.id, execution, seq);
    batch.executions.push(held.uninstalls && change.to === 'succeeded' ? { ...change, uninstalls: true } : change);
  }
  const starts = states.includes('dispatched') && held.firstStart;
  const change: Writable<RunChange> = {
    runId: run.id,
    to: write.state,
    counts,
    seq,
  };
  if (starts) change.startedAtMs = nowMs;
  if (write.isEnd) change.finishedAtMs = nowMs;
  if (wasOver) change.endedRound = run.round;
  batch.runs.push(change);
  const entry = (kind: string, detail: Record<string, unknown>): void =>
    void batch.timeline.push({ runId: run.id, seq, kind, atMs: nowMs, detail });
  for (const noted of held.timeline) batch.timeline.push({ runId: run.id, seq, ...noted });
  held.timeline = [];
  // What comes back and goes out again is told once, with a count, when it stays out.
  const dispatched = taken.filter((execution) => execution.state === 'dispatched' && execution.returns === 0);
  const returned = taken.filter(
    ({ state, dbState, returns }) =>
      returns > 0 && dbState !== 'running' && state !== 'dispatched' && state !== 'waiting',
  );
  if (returned.length > 0)
    entry('came-back', {
      hosts: returned.map((execution) => execution.subject.name).slice(0, 20),
      count: returned.reduce((sum, { returns }) => sum + returns, 0),
    });
  if (dispatched.length > 0)
    entry('dispatched', {
      hosts: dispatched.length,
      workers: Object.fromEntries(
        [...Map.groupBy(dispatched, (e) => e.route?.workerId ?? '')].map(([worker, list]) => [worker, list.length]),
      ),
    });
  const lost = taken.filter((execution) => execution.state === 'lost');
  if (lost.length > 0)
    entry('lost', {
      hosts: lost.map((execution) => execution.subject.name).slice(0, 20),
      count: lost.length,
      reason: lost[0]!.result?.reason,
    });
  const late = taken.filter((execution) => execution.settledLate && execution.result);
  if (late.length > 0)
    entry('settled-late', {
      hosts: late.map((execution) => execution.subject.name).slice(0, 20),
      count: late.length,
      states: Object.fromEntries([...Map.groupBy(late, (e) => e.state)].map(([state, list]) => [state, list.length])),
    });
  if (write.isStop) entry('stopping', { by: run.cancelRequestedBy ?? 'failure limit' });
  if (write.isEnd) entry('finished', { state: write.state, counts });
  for (const report of held.late.values()) batch.lateReports.push({ ...report, seq });
  held.late = new Map();
  const acks = held.acks;
  held.acks = new Map();
  return { held, write, acks };
}
