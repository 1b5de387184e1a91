/** Runs of a store in memory: created, read, cancelled and retried, as `store/postgres/run/` does it. */
import { given } from '../../../src/base/given.ts';
import { runIdTimeMs, type RunId } from '../../../src/base/ids.ts';
import { emptyCounts, type ExecutionState } from '../../../src/domain/crew/execution-machine.ts';
import { advanceFlow, flowOfOneTask } from '../../../src/domain/flow/flow.ts';
import { isTerminalRun } from '../../../src/domain/flow/run-machine.ts';
import type { RunSpec } from '../../../src/domain/run/spec.ts';
import { storedWork, workOf, type Work } from '../../../src/domain/work/work.ts';
import type { Actor, AuditEntry } from '../../../src/store/contract/audit.ts';
import type { NewRun, RunRecord, RunStore } from '../../../src/store/contract/run.ts';
import { routeOf, supersede } from './execution.ts';
import { type MemoryTables, NOTHING, type RunRow } from './rows.ts';

const DAY_MS = 86_400_000;

/** Once a day, as the database does it. */
function workKeep(tables: MemoryTables, id: RunId, work: Work): string {
  const stored = storedWork(work);
  const key = `${Math.floor(runIdTimeMs(id) / DAY_MS)} ${JSON.stringify(stored)}`;
  if (!tables.work.has(key)) tables.work.set(key, stored);
  return key;
}

export function specOf(tables: MemoryTables, { spec, workKey }: RunRow): RunSpec {
  return { work: workOf(tables.work.get(workKey)!), ...spec };
}

export function runCreate(tables: MemoryTables, run: NewRun, audit: AuditEntry, nowMs: number): RunRecord {
  const dispatch = run.dispatch && tables.holds(run.dispatch.fence) ? run.dispatch : undefined;
  if (dispatch) tables.watcher.owned(dispatch.fence);
  if (tables.runs.has(run.id)) throw new Error(`There is a run ${run.id} already.`);
  const placed = new Map(dispatch?.executions.map((execution) => [execution.ordinal, execution]));
  const row: RunRow = {
    run: {
      id: run.id,
      partition: run.partition,
      name: run.name,
      reason: run.reason,
      createdBy: run.createdBy,
      permission: run.permission ?? 'job.run.create',
      state: 'waiting',
      round: 1,
      targetExpression: run.targetExpression,
      hostCount: run.targets.length,
      counts: dispatch?.run.counts ?? { ...emptyCounts(), waiting: run.targets.length },
      createdAtMs: nowMs,
      roundStartedAtMs: nowMs,
      earlierRoundsMs: 0,
      seq: dispatch?.run.seq ?? 1,
      ...given({ startedAtMs: dispatch?.run.startedAtMs === undefined ? undefined : dispatch.run.startedAtMs }),
    },
    spec: { policy: run.spec.policy, placement: run.spec.placement },
    workKey: workKeep(tables, run.id, run.spec.work),
    sealedSecrets: run.sealedSecrets,
    executions: run.targets.map((subject, ordinal) => ({
      runId: run.id,
      task: 0,
      ordinal,
      attempt: 1,
      subject,
      state: 'waiting',
      round: 1,
      failuresInRound: 0,
      settledLate: false,
      stdout: NOTHING,
      stderr: NOTHING,
      seq: 1,
    })),
    history: [],
    lateReports: new Map(),
    timeline: [
      {
        runId: run.id,
        seq: 1,
        kind: 'created',
        atMs: nowMs,
        detail: { by: run.createdBy.name, hosts: run.targets.length, targets: run.targetExpression },
      },
      ...(dispatch?.timeline ?? []),
    ],
    blobs: new Map(),
    chunks: new Map(),
    isActive: true,
  };
  tables.runs.set(run.id, row);
  tables.audit.push(audit);
  for (const [ordinal, { route }] of placed) {
    const execution = row.executions[ordinal]!;
    Object.assign(execution, {
      state: 'dispatched',
      route: routeOf(route),
      dispatchedAtMs: dispatch!.dispatchedAtMs,
      seq: dispatch!.run.seq,
    });
    tables.watcher.moved(row, execution, 'waiting', 'dispatched');
  }
  if (dispatch) {
    row.run.state = dispatch.run.to;
    if (dispatch.run.to !== 'waiting') tables.watcher.runMoved(row, 'waiting', dispatch.run.to);
  }
  tables.watcher.written(row);
  return { ...row.run, spec: run.spec };
}

export function runFetch(tables: MemoryTables, id: RunId): RunRecord | undefined {
  const row = tables.runs.get(id);
  return row && { ...row.run, spec: specOf(tables, row) };
}

export function runCancelRequest(
  tables: MemoryTables,
  id: RunId,
  actor: Actor,
  audit: AuditEntry,
  nowMs: number,
): Awaited<ReturnType<RunStore['runCancelRequest']>> {
  const run = tables.runs.get(id)?.run;
  if (!run) return 'not-found';
  if (isTerminalRun(run.state)) return 'already-finished';
  if (run.cancelRequestedAtMs !== undefined) return 'already-requested';
  [run.cancelRequestedAtMs, run.cancelRequestedBy] = [nowMs, actor.name];
  tables.audit.push(audit);
  return 'requested';
}

export function runRetry(
  tables: MemoryTables,
  id: RunId,
  states: readonly ExecutionState[],
  audit: AuditEntry,
  nowMs: number,
): Awaited<ReturnType<RunStore['runRetry']>> {
  const row = tables.runs.get(id);
  if (!row) return { kind: 'not-found' };
  const { run } = row;
  if (!isTerminalRun(run.state)) return { kind: 'not-finished' };
  const chosen = row.executions.filter(({ state }) => states.includes(state));
  if (chosen.length === 0) return { kind: 'nothing-to-retry' };
  const seq = run.seq + 1;
  for (const execution of chosen) {
    supersede(row, execution);
    Object.assign(execution, { round: run.round + 1, failuresInRound: 0, seq });
  }
  const began = run.round === 1 ? (run.startedAtMs ?? run.createdAtMs) : run.roundStartedAtMs;
  run.earlierRoundsMs += Math.max(0, (run.finishedAtMs ?? began) - began);
  const from = run.state;
  run.counts = emptyCounts();
  for (const { state } of row.executions) run.counts[state]++;
  const opened = advanceFlow(flowOfOneTask(from, run.counts, false), {
    kind: 'round',
    counts: new Map([[0, run.counts]]),
  });
  Object.assign(run, { state: opened.flow.state, round: run.round + 1, roundStartedAtMs: nowMs, seq });
  delete run.finishedAtMs;
  delete run.cancelRequestedAtMs;
  delete run.cancelRequestedBy;
  row.isActive = true;
  row.timeline.push({
    runId: id,
    seq,
    kind: 'retried',
    atMs: nowMs,
    detail: { by: audit.actor.name, round: run.round, states, executions: chosen.length },
  });
  tables.audit.push(audit);
  tables.watcher.runMoved(row, from, run.state);
  tables.watcher.written(row);
  const { ...record } = run;
  return { kind: 'opened', run: record, executions: chosen.length };
}
