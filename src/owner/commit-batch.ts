/** What of a partition's decisions goes into the next commit, with the runs' own rows and the entries of their timelines. */
import { given, type Writable } from '../base/given.ts';
import { assert } from '../base/assert.ts';
import type { AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Route } from '../domain/run/executor.ts';
import type { Run } from '../domain/run/run.ts';
import type { RunWrite, TaskWrite } from '../domain/run/run-write.ts';
import { isPassedBy, passedBecause } from '../domain/run/conditions.ts';
import { isOfCommand, tasksOf } from '../domain/run/plan.ts';
import { tellGates } from './gate-entries.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import { dueMsOf } from '../domain/rollout/position.ts';
import type { ExecutionChange, LateReportChange, TaskChange } from '../store/contract/owner-commit.ts';
import type { Fence } from '../store/contract/lease.ts';
import type { FirstDispatch, RunChange } from '../store/contract/run.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import type { ReportedStream } from './attempt-report.ts';
import { changeOf } from './execution-change.ts';
import type { Ack } from './ack.ts';
import type { HeldRun } from './held-run.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { subjectName } from '../domain/run/subject.ts';
import type { Execution } from '../domain/crew/execution.ts';

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
  readonly tasks: TaskChange[];
  readonly timeline: TimelineEntry[];
  readonly lateReports: LateReportChange[];
}

/**
 * Takes up to `commitBatchMax` changes; runs that have none leave the list of the dirty. Of a run that cannot be written, by a fault of
 * ours or of its rows, nothing is in the batch: `onFault` lets it go.
 */
export function collectBatch(
  partition: OwnedPartition,
  nowMs: number,
  onFault: (held: HeldRun, error: unknown) => void,
): Batch {
  const batch: Batch = emptyBatch();
  for (const runId of partition.dirty) {
    const room = limits.commitBatchMax - batch.executions.length;
    if (room <= 0) break;
    const held = partition.runs.get(runId);
    if (!held || (!held.run.hasChanges && held.late.size === 0)) {
      partition.dirty.delete(runId);
      continue;
    }
    try {
      addTo(batch, held, room, nowMs);
    } catch (error) {
      onFault(held, error);
    }
  }
  return batch;
}

function emptyBatch(): Batch {
  return { parts: [], executions: [], runs: [], tasks: [], timeline: [], lateReports: [] };
}

/** All of it or, where that throws, nothing. */
function addTo(batch: Batch, held: HeldRun, room: number, nowMs: number): void {
  const own = emptyBatch();
  own.parts.push(describe(own, held, room, nowMs));
  batch.parts.push(...own.parts);
  batch.runs.push(...own.runs);
  for (const change of own.executions) batch.executions.push(change);
  for (const change of own.tasks) batch.tasks.push(change);
  for (const entry of own.timeline) batch.timeline.push(entry);
  for (const report of own.lateReports) batch.lateReports.push(report);
}

/**
 * All that a new run of a command does first, however many hosts it has: it is written with the run's own rows. Undefined where that
 * is nothing, or more than to give hosts their orders, which the commits after it write.
 */
export function collectFirst(held: HeldRun, nowMs: number): Batch | undefined {
  const { isPlanned, tasks } = held.run;
  const decided = isPlanned ? [] : tasks[0]!.crew.changes.take(Number.POSITIVE_INFINITY);
  if (decided.length === 0 || decided.some(({ state }) => state !== 'dispatched')) return undefined;
  const batch = emptyBatch();
  batch.parts.push(describe(batch, held, Number.POSITIVE_INFINITY, nowMs));
  return batch;
}

/** How workers were chosen for tasks without hosts, of the first so many. */
function chosenOf(dispatched: readonly Execution<unknown>[]): object[] | undefined {
  const all = dispatched.flatMap(({ task, route }) =>
    route?.chosen ? [{ task, worker: route.executor.id, ...route.chosen }] : [],
  );
  return all.length > 0 ? all.slice(0, 20) : undefined;
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
  const { changes: taken, states, tasks, counts, seq } = write;
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
  for (const { isOpened, ...task } of tasks) {
    const own = given({ openedAtMs: isOpened ? nowMs : undefined, asks: asksNow(run, task) });
    batch.tasks.push({ runId: run.id, seq, ...task, ...own });
  }
  const entry = (kind: string, detail: Record<string, unknown>): void =>
    void batch.timeline.push({ runId: run.id, seq, kind, atMs: nowMs, detail });
  for (const noted of held.timeline) batch.timeline.push({ runId: run.id, seq, ...noted });
  held.timeline = [];
  if (tasks.length > 0) {
    if (!isOfCommand(run.plan)) tellTasks(run, tasks, entry);
    tellRollouts(run, tasks, entry);
    tellGates(run, tasks, entry);
  }
  // What comes back and goes out again is told once, with a count, when it stays out.
  const dispatched = taken.filter((execution) => execution.state === 'dispatched' && execution.returns === 0);
  const returned = taken.filter(
    ({ state, dbState, returns }) =>
      returns > 0 && dbState !== 'running' && state !== 'dispatched' && state !== 'waiting',
  );
  if (returned.length > 0)
    entry('came-back', {
      hosts: returned.map(({ subject }) => subjectName(subject)).slice(0, 20),
      count: returned.reduce((sum, { returns }) => sum + returns, 0),
    });
  const hostless = dispatched.filter(({ subject }) => subject.kind === 'none').length;
  if (dispatched.length > 0)
    entry('dispatched', {
      hosts: dispatched.length - hostless,
      ...given({ hostless: hostless || undefined, chosen: chosenOf(dispatched) }),
      workers: Object.fromEntries(
        [...Map.groupBy(dispatched, (e) => e.route?.workerId ?? '')].map(([worker, list]) => [worker, list.length]),
      ),
    });
  const lost = taken.filter((execution) => execution.state === 'lost');
  if (lost.length > 0)
    entry('lost', {
      hosts: lost.map(({ subject }) => subjectName(subject)).slice(0, 20),
      count: lost.length,
      reason: lost[0]!.result?.reason,
    });
  const late = taken.filter((execution) => execution.settledLate && execution.result);
  if (late.length > 0)
    entry('settled-late', {
      hosts: late.map(({ subject }) => subjectName(subject)).slice(0, 20),
      count: late.length,
      states: Object.fromEntries([...Map.groupBy(late, (e) => e.state)].map(([state, list]) => [state, list.length])),
    });
  if (write.isPauseNews)
    entry(write.isPaused ? 'paused' : 'resumed', { by: (write.isPaused ? run.pausedBy : run.resumedBy) ?? '' });
  if (write.isStop)
    entry('stopping', {
      by: run.cancelRequestedBy ?? skipperOf(run, tasks) ?? 'failure limit',
      ...declinedBy(run),
    });
  if (write.isForceNews) entry('cancel-forced', { by: run.cancelForcedBy! });
  if (write.isEnd) entry('finished', { state: write.state, counts });
  for (const report of held.late.values()) batch.lateReports.push({ ...report, seq });
  held.late = new Map();
  const acks = held.acks;
  held.acks = new Map();
  return { held, write, acks };
}

/** Whoever was asked has said no, and nobody has cancelled it: told apart from what the failure limit stops. */
function declinedBy({ isDeclined, cancelRequestedBy }: HeldRun['run']): { readonly isDeclined?: true } {
  return isDeclined && cancelRequestedBy === undefined ? { isDeclined: true } : {};
}

/** A question of a step that no write of it has asked before. */
function asksNow(
  run: Run<ReportedStream>,
  { task, position, gate }: Pick<TaskWrite, 'task' | 'position' | 'gate'>,
): TaskChange['asks'] {
  if (gate?.phase === 'asking' && gate.sinceMs !== run.writtenGate(task)?.sinceMs)
    return { turn: gate.sinceMs, atMs: gate.sinceMs };
  if (position?.phase === 'asking' && position.turn !== run.writtenPosition(task)?.turn)
    return { turn: position.turn, atMs: position.sinceMs };
  return undefined;
}

/** Who has had the steps skipped that are being ended; undefined where it is for another reason. */
function skipperOf(run: Run<ReportedStream>, tasks: readonly TaskWrite[]): string | undefined {
  return tasks.flatMap(({ task, to }) => (to === 'stopping' ? (run.task(task)?.skip?.by ?? []) : []))[0];
}

/** Steps named in one entry of a timeline. */
const STEPS_TOLD_MAX = 20;

/** Of a run of several: which have their turn, and how those ended that are over. */
function tellTasks(
  run: Run<ReportedStream>,
  tasks: readonly TaskWrite[],
  entry: (kind: string, detail: Record<string, unknown>) => void,
): void {
  const names = new Map(tasksOf(run.plan).map(({ task, name }) => [task, name]));
  const opened = tasks.filter(({ isOpened }) => isOpened);
  if (opened.length > 0)
    entry('steps-opened', {
      steps: opened.slice(0, STEPS_TOLD_MAX).map(({ task }) => names.get(task)),
      count: opened.length,
    });
  const skipping = tasks.filter(
    ({ task, to }) => to === 'stopping' && run.writtenState(task) !== 'stopping' && run.task(task)?.skip,
  );
  if (skipping.length > 0)
    entry('steps-skipping', {
      steps: Object.fromEntries(
        skipping
          .slice(0, STEPS_TOLD_MAX)
          .map(({ task }) => [names.get(task), passedBecause({ skip: run.task(task)!.skip! })]),
      ),
      count: skipping.length,
    });
  const isPassed = ({ to, decision }: TaskWrite): boolean =>
    to === 'skipped' && decision !== undefined && isPassedBy(decision);
  const passed = tasks.filter(isPassed);
  if (passed.length > 0)
    entry('steps-passed-over', {
      steps: Object.fromEntries(
        passed.slice(0, STEPS_TOLD_MAX).map(({ task, decision }) => [names.get(task), passedBecause(decision!)]),
      ),
      count: passed.length,
    });
  const over = tasks.filter((task) => isTerminalRun(task.to) && !isPassed(task));
  if (over.length > 0)
    entry('steps-ended', {
      steps: Object.fromEntries(over.slice(0, STEPS_TOLD_MAX).map(({ task, to }) => [names.get(task), to])),
      count: over.length,
    });
  const unmet = over.filter(({ outputs }) => outputs?.fault !== undefined);
  if (unmet.length > 0)
    entry('outputs-missing', {
      steps: Object.fromEntries(
        unmet.slice(0, STEPS_TOLD_MAX).map(({ task, outputs }) => [names.get(task), outputs!.fault]),
      ),
      count: unmet.length,
    });
}

/** Which batch of which step goes out, and what is waited for. */
function tellRollouts(
  run: Run<ReportedStream>,
  tasks: readonly TaskWrite[],
  entry: (kind: string, detail: Record<string, unknown>) => void,
): void {
  const names = new Map(tasksOf(run.plan).map(({ task, name }) => [task, name]));
  for (const { task, position } of tasks) {
    const before = run.writtenPosition(task);
    if (!position || position === before) continue;
    const { ends, terms } = run.task(task)!;
    const batch = { step: names.get(task), batch: position.batch + 1, of: ends.length };
    if (position.phase === 'going' && position.batch !== before?.batch && ends.length > 1)
      entry('batch-began', { ...batch, hosts: ends[position.batch]! - (ends[position.batch - 1] ?? 0) });
    else if (position.phase === 'waiting') entry('batch-waits', { ...batch, untilMs: dueMsOf(terms.policy, position) });
    else if (position.phase === 'asking') entry('batch-asks', { ...batch, why: position.why });
  }
}
