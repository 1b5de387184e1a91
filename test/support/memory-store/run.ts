/** Runs of a store in memory: created, read, cancelled and retried, as `store/postgres/run/` does it. */
import { canSkip, type StepSkip } from '../../../src/domain/run/step-skip.ts';
import { assert } from '../../../src/base/assert.ts';
import { given } from '../../../src/base/given.ts';
import { runIdTimeMs, type RunId } from '../../../src/base/ids.ts';
import {
  emptyCounts,
  sumOfCounts,
  totalOf,
  type ExecutionCounts,
  type ExecutionState,
} from '../../../src/domain/crew/execution-machine.ts';
import { jobLimits } from '../../../src/base/job-limits.ts';
import { isTerminalRun } from '../../../src/domain/flow/run-machine.ts';
import type { ApprovalAnswer } from '../../../src/domain/gate/approval.ts';
import { canTaskMove } from '../../../src/domain/flow/task-machine.ts';
import { runLoadBytes } from '../../../src/domain/run/run-load.ts';
import { gateBefore, isRepeatedWhole, roundOpened } from '../../../src/domain/run/round.ts';
import type { RunSpec } from '../../../src/domain/run/spec.ts';
import { itemSubject, type Subject } from '../../../src/domain/run/subject.ts';
import { isGate, storedWork, workOf, type Work } from '../../../src/domain/work/work.ts';
import type { Actor, AuditEntry } from '../../../src/store/contract/audit.ts';
import { tooManyRuns } from '../../../src/store/contract/run-refusals.ts';
import type { TaskChange } from '../../../src/store/contract/owner-commit.ts';
import { allHosts } from '../../../src/domain/run/new-task.ts';
import type { NewRun, RunRecord, RunStore, TaskRecord } from '../../../src/store/contract/run.ts';
import { routeOf, supersede } from './execution.ts';
import type { RolloutAnswer } from '../../../src/domain/run/run-task.ts';
import { type MemoryTables, NOTHING, type ExecutionRow, type RunRow, type TaskRow } from './rows.ts';

const DAY_MS = 86_400_000;

/** Once a day, as the database does it. */
function workKeep(tables: MemoryTables, id: RunId, work: Work): string {
  const stored = storedWork(work);
  const key = `${Math.floor(runIdTimeMs(id) / DAY_MS)} ${JSON.stringify(stored)}`;
  if (!tables.work.has(key)) tables.work.set(key, stored);
  return key;
}

export function specOf(tables: MemoryTables, { spec, workKey }: TaskRow): RunSpec {
  return { work: workOf(tables.work.get(workKey)!), ...spec };
}

export function runCreate(tables: MemoryTables, run: NewRun, audit: AuditEntry, nowMs: number): RunRecord {
  const dispatch = run.dispatch && tables.holds(run.dispatch.fence) ? run.dispatch : undefined;
  if (dispatch) tables.watcher.owned(dispatch.fence);
  if (tables.runs.has(run.id)) throw new Error(`There is a run ${run.id} already.`);
  mustHaveRoom(
    tables,
    run.createdBy.id,
    runLoadBytes(
      run.tasks.map(({ subjects }) => run.subjects[subjects]!.length),
      run.plan,
    ),
  );
  const placed = new Map(dispatch?.executions.map((execution) => [execution.ordinal, execution]));
  const tasks = run.tasks.map(({ spec, sealedSecrets, subjects, isFirst }): TaskRow => {
    const hosts = run.subjects[subjects]!;
    return {
      spec: { policy: spec.policy, placement: spec.placement },
      workKey: workKeep(tables, run.id, spec.work),
      sealedSecrets,
      subjects: hosts,
      state: isFirst ? 'waiting' : 'created',
      counts: { ...emptyCounts(), waiting: isFirst ? hosts.length : 0 },
      openedAtMs: isFirst ? nowMs : undefined,
      outputs: undefined,
    };
  });
  const hosts = allHosts(run).length;
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
      hostCount: hosts,
      counts: dispatch?.run.counts ?? sumOfCounts(tasks.map(({ counts }) => counts)),
      createdAtMs: nowMs,
      roundStartedAtMs: nowMs,
      earlierRoundsMs: 0,
      seq: dispatch?.run.seq ?? 1,
      ...given({ startedAtMs: dispatch?.run.startedAtMs, plan: run.plan, job: run.job }),
    },
    tasks,
    executions: tasks.flatMap(({ state, subjects }, task) =>
      state === 'waiting' ? executionsOf(run.id, task, subjects, { round: 1, seq: 1 }) : [],
    ),
    history: [],
    lateReports: new Map(),
    timeline: [
      {
        runId: run.id,
        seq: 1,
        kind: 'created',
        atMs: nowMs,
        detail: {
          by: run.createdBy.name,
          hosts,
          targets: run.targetExpression,
          ...stepsOf(run),
        },
      },
      ...(dispatch?.timeline ?? []),
    ],
    blobs: new Map(),
    chunks: new Map(),
    values: new Map(),
    isActive: true,
    principal: run.createdBy.id,
    answers: 0,
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
  return { ...row.run };
}

/** Of each task. */
function loadOf({ run, tasks }: RunRow): number {
  return runLoadBytes(
    tasks.map(({ subjects }) => subjects.length),
    run.plan,
  );
}

/** `more`: bytes of what is about to begin. */
function mustHaveRoom(tables: MemoryTables, principal: string, more: number): void {
  const own = [...tables.runs.values()].filter((row) => row.isActive && row.principal === principal);
  const bytes = own.reduce((sum, row) => sum + loadOf(row), more);
  if (bytes > jobLimits.runsUnderWayBytesMax) throw tooManyRuns();
}

/** Of a task that has its turn: they wait. */
export function executionsOf(
  runId: RunId,
  task: number,
  subjects: readonly Subject[],
  at: { readonly round: number; readonly seq: number },
): ExecutionRow[] {
  return subjects.map((subject, ordinal) => ({
    runId,
    task,
    ordinal,
    attempt: 1,
    subject,
    state: 'waiting',
    failuresInRound: 0,
    settledLate: false,
    stdout: NOTHING,
    stderr: NOTHING,
    ...at,
  }));
}

export function runFetch(tables: MemoryTables, id: RunId): RunRecord | undefined {
  const row = tables.runs.get(id);
  if (!row) return undefined;
  const { run } = row;
  const tasks = row.tasks.map((task, number): TaskRecord => {
    const { state, counts } = run.plan ? task : run;
    const { openedAtMs, position, answer, outputs, decision, gate, approvals, skip } = run.plan ? task : {};
    const hostCount = (run.plan && totalOf(task.counts)) || task.subjects.length;
    const progress = given({ openedAtMs, position, answer, outputs, decision, gate, approvals, skip });
    return { task: number, spec: specOf(tables, task), state, counts, hostCount, ...progress };
  });
  return { ...run, tasks };
}

export function runHead(tables: MemoryTables, id: RunId): RunRecord | undefined {
  const row = tables.runs.get(id);
  if (!row) return undefined;
  const { plan: _, ...run } = row.run;
  const asks = row.tasks.some(
    ({ state, gate, position }) => state === 'paused' && (gate?.phase === 'asking' || position?.phase === 'asking'),
  );
  return { ...run, ...given({ asks: asks || undefined }) };
}

export function runCancelRequest(
  tables: MemoryTables,
  id: RunId,
  { actor, isForced }: { readonly actor: Actor; readonly isForced: boolean },
  audit: AuditEntry,
  nowMs: number,
): Awaited<ReturnType<RunStore['runCancelRequest']>> {
  const run = tables.runs.get(id)?.run;
  if (!run) return 'not-found';
  if (isTerminalRun(run.state)) return 'already-finished';
  if ((isForced ? run.cancelForcedAtMs : run.cancelRequestedAtMs) !== undefined) return 'already-requested';
  run.cancelRequestedAtMs ??= nowMs;
  run.cancelRequestedBy ??= actor.name;
  if (isForced) [run.cancelForcedAtMs, run.cancelForcedBy] = [nowMs, actor.name];
  tables.audit.push(audit);
  return 'requested';
}

export function runPauseRequest(
  tables: MemoryTables,
  id: RunId,
  actor: Actor,
  audit: AuditEntry,
  nowMs: number,
): Awaited<ReturnType<RunStore['runPauseRequest']>> {
  const run = tables.runs.get(id)?.run;
  if (!run) return 'not-found';
  if (isTerminalRun(run.state)) return 'already-finished';
  if (run.cancelRequestedAtMs !== undefined || run.state === 'stopping') return 'stopping';
  if (run.pausedAtMs !== undefined) return 'already-requested';
  [run.pausedAtMs, run.pausedBy] = [nowMs, actor.name];
  tables.audit.push(audit);
  return 'requested';
}

export function runResumeRequest(
  tables: MemoryTables,
  id: RunId,
  actor: Actor,
  audit: AuditEntry,
  nowMs: number,
): Awaited<ReturnType<RunStore['runResumeRequest']>> {
  const run = tables.runs.get(id)?.run;
  if (!run) return 'not-found';
  if (isTerminalRun(run.state)) return 'already-finished';
  if (run.pausedAtMs === undefined) return 'not-paused';
  delete run.pausedAtMs;
  delete run.pausedBy;
  [run.resumedAtMs, run.resumedBy] = [nowMs, actor.name];
  tables.audit.push(audit);
  return 'requested';
}

export function runAnswer(
  tables: MemoryTables,
  id: RunId,
  number: number,
  answer: RolloutAnswer,
  audit: AuditEntry,
): Awaited<ReturnType<RunStore['runAnswer']>> {
  const row = tables.runs.get(id);
  const task = row?.run.plan ? row.tasks[number] : undefined;
  if (!row || !task) return 'not-found';
  if (task.answer?.turn === answer.turn) return 'already-answered';
  if (task.position?.phase !== 'asking' || task.position.turn !== answer.turn || !row.isActive) return 'stale';
  task.answer = answer;
  row.answers++;
  tables.audit.push(audit);
  return 'answered';
}

export function runApprove(
  tables: MemoryTables,
  id: RunId,
  { task: number, answer, seen }: { readonly task: number; readonly answer: ApprovalAnswer; readonly seen: number },
  audit: AuditEntry,
): Awaited<ReturnType<RunStore['runApprove']>> {
  const row = tables.runs.get(id);
  const task = row?.run.plan ? row.tasks[number] : undefined;
  if (!row || !task) return 'not-found';
  if (task.gate?.phase !== 'asking' || task.gate.sinceMs !== answer.askedMs || !row.isActive) return 'stale';
  if ((task.approvals ?? []).length !== seen) return 'changed';
  task.approvals = [...(task.approvals ?? []), answer];
  row.answers++;
  tables.audit.push(audit);
  return 'answered';
}

export function runSkip(
  tables: MemoryTables,
  id: RunId,
  { task: number, skip }: { readonly task: number; readonly skip: StepSkip },
  audit: AuditEntry,
): Awaited<ReturnType<RunStore['runSkip']>> {
  const row = tables.runs.get(id);
  const task = row?.run.plan ? row.tasks[number] : undefined;
  if (!row || !task) return 'not-found';
  if (!canSkip(task.state)) return 'step-over';
  if (task.skip) return 'already-requested';
  if (!row.isActive) return 'already-finished';
  task.skip = skip;
  row.answers++;
  tables.audit.push(audit);
  return 'requested';
}

export function runRetry(
  tables: MemoryTables,
  id: RunId,
  { states, seen }: { readonly states: readonly ExecutionState[]; readonly seen?: number },
  audit: AuditEntry,
  nowMs: number,
): Awaited<ReturnType<RunStore['runRetry']>> {
  const row = tables.runs.get(id);
  if (!row) return { kind: 'not-found' };
  const { run } = row;
  if (!isTerminalRun(run.state)) return { kind: 'not-finished' };
  if (seen !== undefined && run.seq !== seen) return { kind: 'changed' };
  const isWhole = (task: number): boolean =>
    run.plan !== undefined && states.includes('failed') && isRepeatedWhole(row.tasks[task]!);
  const chosen = row.executions.filter(
    ({ state, task }) => states.includes(state) || (state === 'succeeded' && isWhole(task)),
  );
  const gates = row.tasks.map((task) =>
    run.plan && isGate(specOf(tables, task).work) ? gateBefore(task.state, task.gate, states) : undefined,
  );
  if (chosen.length === 0 && !gates.some((gate) => gate?.isAgain)) return { kind: 'nothing-to-retry' };
  mustHaveRoom(tables, audit.actor.id, loadOf(row));
  const seq = run.seq + 1;
  for (const execution of chosen) {
    supersede(row, execution);
    Object.assign(execution, { round: run.round + 1, failuresInRound: 0, seq });
  }
  const began = run.round === 1 ? (run.startedAtMs ?? run.createdAtMs) : run.roundStartedAtMs;
  run.earlierRoundsMs += Math.max(0, (run.finishedAtMs ?? began) - began);
  const from = run.state;
  const again = new Set(chosen.map(({ task }) => task));
  const opened = roundOpened(
    run,
    new Map(
      row.tasks.map(({ state, subjects, decision, skip }, task) => [
        task,
        {
          state: run.plan ? state : from,
          hostCount: subjects.length,
          ...(gates[task] ?? { counts: countsOf(row, task), isAgain: again.has(task) }),
          ...given({ decision, skip }),
        },
      ]),
    ),
  );
  Object.assign(run, {
    state: opened.state,
    counts: opened.counts,
    round: run.round + 1,
    roundStartedAtMs: nowMs,
    seq,
  });
  for (const [task, one] of row.tasks.entries()) if (again.has(task) || gates[task]?.isAgain) delete one.skip;
  if (run.plan)
    for (const { isOpened, ...task } of opened.tasks) {
      const change = { runId: id, seq, ...task, ...given({ openedAtMs: isOpened ? nowMs : undefined }) };
      assert(taskWrite(tables, change), 'a run that is over has tasks that take a new round');
    }
  delete run.finishedAtMs;
  delete run.cancelRequestedAtMs;
  delete run.cancelRequestedBy;
  delete run.cancelForcedAtMs;
  delete run.cancelForcedBy;
  delete run.pausedAtMs;
  delete run.pausedBy;
  delete run.resumedAtMs;
  delete run.resumedBy;
  [row.isActive, row.answers, row.principal] = [true, 0, audit.actor.id];
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

export function countsOf(row: RunRow, task: number): ExecutionCounts {
  const counts = emptyCounts();
  for (const execution of row.executions) if (execution.task === task) counts[execution.state]++;
  return counts;
}

/** Whether it has landed. A task that has its turn for the first time gets its executions. */
export function taskWrite(
  tables: MemoryTables,
  {
    runId,
    task: number,
    to,
    counts,
    openedAtMs,
    places,
    items,
    position,
    outputs,
    decision,
    gate,
    asks,
    seq,
  }: TaskChange,
): boolean {
  const row = tables.runs.get(runId);
  const task = row?.tasks[number];
  if (!row || !task || (task.state !== to && !canTaskMove(task.state, to))) return false;
  Object.assign(task, { state: to, counts, outputs });
  if (position) task.position = position;
  else {
    delete task.position;
    delete task.answer;
  }
  if (gate) task.gate = gate;
  else {
    delete task.gate;
    delete task.approvals;
  }
  if (decision) task.decision = decision;
  else delete task.decision;
  const { round } = row.run;
  if (asks && tables.isHeard)
    tables.asked.set(`${runId} ${round} ${number} ${asks.turn}`, { runId, round, task: number, ...asks });
  if (openedAtMs === undefined) return true;
  task.openedAtMs = openedAtMs;
  if (!row.executions.some((execution) => execution.task === number))
    row.executions.push(
      ...executionsOf(
        runId,
        number,
        items?.map(itemSubject) ?? places?.map((place) => task.subjects[place]!) ?? task.subjects,
        {
          round,
          seq,
        },
      ),
    );
  return true;
}

function stepsOf({ plan, job, tasks }: NewRun): object {
  return plan ? { ...job, stages: plan.length, steps: tasks.length } : NO_STEPS;
}
const NO_STEPS = {};
