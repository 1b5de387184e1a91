/** What the owner of a partition reads of a run, and what it decided, written at once or not at all, as `store/postgres/owner-commit/` does it. */
import { isDeepStrictEqual } from 'node:util';
import { createHash } from 'node:crypto';
import { given } from '../../../src/base/given.ts';
import type { AttemptKey, RunId } from '../../../src/base/ids.ts';
import { limits } from '../../../src/base/limits.ts';
import { isSameExecutor } from '../../../src/domain/run/executor.ts';
import { tasksOf } from '../../../src/domain/run/plan.ts';
import { canRunMove, isTerminalRun } from '../../../src/domain/flow/run-machine.ts';
import type { LateReport } from '../../../src/store/contract/execution.ts';
import type { StreamRecord } from '../../../src/store/contract/output.ts';
import type {
  AttemptStanding,
  CommitResult,
  ExecutionChange,
  ExecutionSeed,
  LateReportChange,
  OwnerCommit,
  OwnerCommitStore,
  RunSeed,
} from '../../../src/store/contract/owner-commit.ts';
import type { RunChange } from '../../../src/store/contract/run.ts';
import type { TimelineEntry } from '../../../src/store/contract/timeline.ts';
import { routeOf, supersede } from './execution.ts';
import { specOf, taskWrite } from './run.ts';
import { attemptKey, type ExecutionRow, type MemoryTables, NOTHING, type RunRow } from './rows.ts';
import { subjectName } from '../../../src/domain/run/subject.ts';

export function runSeed(tables: MemoryTables, id: RunId): RunSeed | undefined {
  const row = tables.runs.get(id);
  if (!row) return undefined;
  const { run, executions } = row;
  const begun = new Set(executions.map(({ task }) => task));
  const planned = tasksOf(run.plan ?? []);
  const declaring = new Set(planned.flatMap(({ task, outputs }) => (outputs ? [task] : [])));
  // Hosts of a task whose turn is to come are chosen by it.
  const asked = new Set(
    planned.flatMap(({ task, chooses }) => (chooses && row.tasks[task]!.state === 'created' ? [chooses.task] : [])),
  );
  return {
    run: { ...run },
    tasks: row.tasks.map(
      ({ sealedSecrets, openedAtMs, position, answer, outputs, decision, gate, approvals, skip, ...task }, number) => ({
        task: number,
        spec: specOf(tables, row.tasks[number]!),
        state: run.plan ? task.state : run.state,
        subjects: begun.has(number) || !run.plan ? [] : task.subjects,
        ...given({
          sealedSecrets,
          openedAtMs: run.plan ? openedAtMs : undefined,
          position,
          answer,
          outputs,
          decision,
          gate,
          approvals,
          skip,
          told: declaring.has(number) && (asked.has(number) || !isDrawn(task)) ? toldOf(row, number) : undefined,
        }),
      }),
    ),
    executions: executions.map(seedOf).sort((one, other) => one.task - other.task || one.ordinal - other.ordinal),
  };
}

/** Of all its hosts that there will be: what they told is in its outputs. */
function isDrawn({ state, counts }: Pick<RunRow['tasks'][number], 'state' | 'counts'>): boolean {
  return isTerminalRun(state) && counts.lost === 0;
}

function toldOf(row: RunRow, task: number): ReadonlyMap<number, Readonly<Record<string, string>>> {
  const own = row.executions.filter((execution) => execution.task === task && execution.state === 'succeeded');
  return new Map(
    own.flatMap((execution) => {
      const told = row.values.get(attemptKey(execution));
      return told ? [[execution.ordinal, told.values]] : [];
    }),
  );
}

export function taskSpec(
  tables: MemoryTables,
  id: RunId,
  number: number,
): Awaited<ReturnType<OwnerCommitStore['taskSpec']>> {
  const task = tables.runs.get(id)?.tasks[number];
  return task && { ...specOf(tables, task), ...given({ sealedSecrets: task.sealedSecrets }) };
}

export function attemptsLook(tables: MemoryTables, keys: readonly AttemptKey[]): (AttemptStanding | undefined)[] {
  return keys.map((key) => {
    const row = tables.runs.get(key.runId);
    const of = attemptKey(key);
    const same = (one: ExecutionRow): boolean => attemptKey(one) === of;
    const one = row?.executions.find(same) ?? row?.history.find(same);
    if (!row || !one) return undefined;
    const { outputKeptBytes } = row.tasks[key.task]!.spec.policy;
    const isTold = row.lateReports.has(of);
    return { state: one.state, isTold, outputKeptBytes, ...given({ executor: one.route?.executor }) };
  });
}

function seedOf(execution: ExecutionRow): ExecutionSeed {
  const { task, ordinal, attempt, subject, state, failuresInRound } = execution;
  const seed: Record<string, unknown> = { task, ordinal, attempt, subject, state, failuresInRound };
  for (const name of ['route', 'dispatchedAtMs', 'startedAtMs'] as const)
    if (execution[name] !== undefined) seed[name] = execution[name];
  return seed as unknown as ExecutionSeed;
}

const HOSTS_NAMED_MAX = 20;

export function ownerCommit(tables: MemoryTables, commit: OwnerCommit): CommitResult {
  if (!tables.holds(commit.fence)) return { kind: 'fenced' };
  tables.watcher.owned(commit.fence);
  const refused: number[] = [];
  const stale = new Set<RunId>();
  for (const { runId, endedRound } of commit.runs)
    if (endedRound !== undefined && tables.runs.get(runId)?.run.round !== endedRound) stale.add(runId);
  for (const { runId, task, gate } of commit.tasks ?? [])
    if (gate && (tables.runs.get(runId)?.tasks[task]?.approvals ?? []).length !== gate.heard) stale.add(runId);
  // A run that has been opened anew, or an approval of which has been answered, takes nothing of what its former round says.
  const reopened = new Set(stale);
  for (const [i, change] of commit.executions.entries())
    if (reopened.has(change.runId) || !executionWrite(tables, change)) {
      refused.push(i);
      stale.add(change.runId);
    }
  for (const change of commit.tasks ?? [])
    if (!stale.has(change.runId) && !taskWrite(tables, change)) stale.add(change.runId);
  for (const change of commit.runs) if (!stale.has(change.runId)) runWrite(tables, change);
  const late = lateWrite(
    tables,
    (commit.lateReports ?? []).filter(({ runId }) => !stale.has(runId)),
  );
  for (const entry of [...commit.timeline.filter(({ runId }) => !stale.has(runId)), ...late])
    timelineAdd(tables, entry);
  for (const { runId } of commit.runs) {
    const row = tables.runs.get(runId);
    if (row && !stale.has(runId)) tables.watcher.written(row);
  }
  return { kind: 'committed', refused, stale: [...stale], notKept: [] };
}

function executionWrite(tables: MemoryTables, change: ExecutionChange): boolean {
  const row = tables.runs.get(change.runId);
  const execution = row?.executions.find((one) => one.task === change.task && one.ordinal === change.ordinal);
  if (!row || !execution || execution.attempt !== change.attempt || !change.from.includes(execution.state))
    return false;
  const from = execution.state;
  for (const name of ['finishedAtMs', 'outcome', 'reason', 'detail'] as const) delete execution[name];
  Object.assign(execution, {
    ...told(change),
    state: change.to,
    settledLate: change.settledLate ?? false,
    seq: change.seq,
    stdout: kept(row, change.stdout),
    stderr: kept(row, change.stderr),
  });
  valuesWrite(row, change);
  for (const [name, stream] of [
    ['stdout', 1],
    ['stderr', 2],
  ] as const)
    execution[name] = ofPieces(row, execution, stream, execution[name]);
  tables.watcher.moved(row, execution, from, change.to);
  if (change.retry) {
    supersede(row, execution);
    execution.failuresInRound++;
  }
  return true;
}

/** What a change says; what it does not say of the way and of instants stays as it is known. */
function told(change: ExecutionChange): Partial<ExecutionRow> {
  const fields: Record<string, unknown> = change.route ? { route: routeOf(change.route) } : {};
  for (const name of ['dispatchedAtMs', 'startedAtMs', 'finishedAtMs', 'outcome', 'reason', 'detail'] as const)
    if (change[name] !== undefined) fields[name] = change[name];
  return fields;
}

/** Once per content; the stream itself refers to it. */
function kept(row: RunRow, stream: ExecutionChange['stdout']): StreamRecord {
  if (!stream) return NOTHING;
  const { inline, ...record } = stream;
  if (record.digest && inline) row.blobs.set(Buffer.from(record.digest).toString('hex'), inline);
  return record;
}

/** Of an attempt what was written first stays. */
function valuesWrite(row: RunRow, change: Omit<ExecutionChange, 'route'>): void {
  const key = attemptKey(change);
  if (change.values && !row.values.has(key)) row.values.set(key, change.values);
}

/** Large output has come as pieces: its digest is theirs, and pieces that are not what was promised are not shown as output. */
function ofPieces(row: RunRow, execution: ExecutionRow, stream: 1 | 2, record: StreamRecord): StreamRecord {
  const promised = record.head + record.tail;
  if (!record.digest || promised <= limits.outputInlineBytesMax) return record;
  const pieces = [...(row.chunks.get(`${attemptKey(execution)}.${stream}`) ?? [])].sort(([a], [b]) => a - b);
  const whole = Buffer.concat(pieces.map(([, bytes]) => bytes));
  if (whole.length !== promised) return { size: record.size, head: 0, tail: 0 };
  const gap = Buffer.alloc(8);
  gap.writeBigInt64BE(BigInt(record.size - promised));
  return { ...record, digest: createHash('sha256').update(whole).update(gap).digest() };
}

function runWrite(tables: MemoryTables, change: RunChange): void {
  const row = tables.runs.get(change.runId);
  if (!row) return;
  const { run } = row;
  const to = change.to ?? run.state;
  if (to !== run.state && !canRunMove(run.state, to)) return;
  const from = run.state;
  Object.assign(run, { state: to, counts: change.counts, seq: Math.max(run.seq, change.seq) });
  if (change.startedAtMs !== undefined) run.startedAtMs ??= change.startedAtMs;
  if (change.to !== undefined && isTerminalRun(to)) {
    if (change.finishedAtMs !== undefined) run.finishedAtMs = change.finishedAtMs;
    row.isActive = false;
    endNote(tables, run);
  }
  if (to !== from) tables.watcher.runMoved(row, from, to);
}

/** For whoever is to be told of it: once. */
function endNote(
  { isHeard, ended }: MemoryTables,
  { id: runId, round, state, counts, finishedAtMs }: RunRow['run'],
): void {
  const key = `${runId} ${round} ${state}`;
  if (isHeard && !ended.has(key)) ended.set(key, { runId, round, state, counts, atMs: finishedAtMs! });
}

/** What was told too late to change anything: once, of an attempt that is lost, by the executor that had it. */
function lateWrite(tables: MemoryTables, reports: readonly LateReportChange[]): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  for (const [runId, list] of Map.groupBy(reports, ({ runId: id }) => id)) {
    const row = tables.runs.get(runId);
    const hosts = new Set<string>();
    for (const report of row ? list : []) {
      const key = attemptKey(report);
      const lost = row!.history.find((one) => attemptKey(one) === key && one.state === 'lost');
      if (!lost || !isSameExecutor(lost.route?.executor, report.executor) || row!.lateReports.has(key)) continue;
      row!.lateReports.set(key, lateReportOf(row!, report));
      valuesWrite(row!, report);
      hosts.add(subjectName(lost.subject));
    }
    if (hosts.size > 0)
      entries.push({
        runId,
        seq: list[0]!.seq,
        kind: 'late-report',
        atMs: list[0]!.receivedAtMs,
        detail: { hosts: [...hosts].sort().slice(0, HOSTS_NAMED_MAX), count: hosts.size },
      });
  }
  return entries;
}

function lateReportOf(row: RunRow, report: LateReportChange): LateReport {
  const { dispatchedAtMs: _, ...known } = told(report);
  return {
    ...known,
    state: report.to as LateReport['state'],
    receivedAtMs: report.receivedAtMs,
    finishedAtMs: report.finishedAtMs!,
    stdout: kept(row, report.stdout),
    stderr: kept(row, report.stderr),
  };
}

/** One entry of a kind for a change of a run. */
function timelineAdd(tables: MemoryTables, entry: TimelineEntry): void {
  const timeline = tables.runs.get(entry.runId)?.timeline;
  // A write that lands twice tells nothing twice.
  if (!timeline?.some((one) => isDeepStrictEqual(one, entry))) timeline?.push(entry);
}
