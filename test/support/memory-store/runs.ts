/** Runs of a store in memory: created, read, cancelled and retried, as `store/postgres/run/` does it. */
import { DroverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { AttemptKey, ExecutionKey, RunId } from '../../../src/base/ids.ts';
import { emptyCounts, type ExecutionState } from '../../../src/domain/run/execution-machine.ts';
import { isTerminalRun } from '../../../src/domain/run/run-machine.ts';
import type { Actor, AuditEntry } from '../../../src/store/contract/audit.ts';
import type { ExecutionFilter, ExecutionRecord } from '../../../src/store/contract/execution.ts';
import type { OutputGroup, StreamRecord } from '../../../src/store/contract/output.ts';
import type { ExecutionSeed, RunSeed } from '../../../src/store/contract/owner-commit.ts';
import type { Page } from '../../../src/store/contract/page.ts';
import type { NewRun, RunRecord, RunStore } from '../../../src/store/contract/run.ts';
import { attemptKey, type ExecutionRow, type MemoryTables, type RunRow } from './rows.ts';

const NOTHING: StreamRecord = { size: 0, head: 0, tail: 0 };

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
      state: 'waiting',
      round: 1,
      targetExpression: run.targetExpression,
      hostCount: run.targets.length,
      counts: dispatch?.run.counts ?? { ...emptyCounts(), waiting: run.targets.length },
      createdAtMs: nowMs,
      roundStartedAtMs: nowMs,
      earlierRoundsMs: 0,
      seq: dispatch?.run.seq ?? 1,
      ...(dispatch?.run.startedAtMs === undefined ? {} : { startedAtMs: dispatch.run.startedAtMs }),
    },
    spec: run.spec,
    sealedSecrets: run.sealedSecrets,
    executions: run.targets.map(({ hostId, hostName }, ordinal) => ({
      runId: run.id,
      task: 0,
      ordinal,
      attempt: 1,
      hostId,
      hostName,
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
  for (const [ordinal, { agentId, agentInstance, workerId }] of placed) {
    const execution = row.executions[ordinal]!;
    Object.assign(execution, {
      state: 'dispatched',
      agentId,
      workerId,
      dispatchedAtMs: dispatch!.dispatchedAtMs,
      seq: dispatch!.run.seq,
      ...(agentInstance === undefined ? {} : { agentInstance }),
    });
    tables.watcher.moved(row, execution, 'waiting', 'dispatched');
  }
  if (dispatch) {
    row.run.state = dispatch.run.to;
    if (dispatch.run.to !== 'waiting') tables.watcher.runMoved(row, 'waiting', dispatch.run.to);
  }
  tables.watcher.written(row);
  return { ...row.run, spec: row.spec };
}

export function runFetch(tables: MemoryTables, id: RunId): RunRecord | undefined {
  const row = tables.runs.get(id);
  return row && { ...row.run, spec: row.spec };
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
  Object.assign(run, { state: 'running', round: run.round + 1, roundStartedAtMs: nowMs, seq });
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
  tables.watcher.runMoved(row, from, 'running');
  tables.watcher.written(row);
  const { ...record } = run;
  return { kind: 'opened', run: record, executions: chosen.length };
}

/** The settled attempt moves to the history and the next one waits. */
export function supersede(row: RunRow, execution: ExecutionRow): void {
  row.history.push({ ...execution });
  for (const name of FORGOTTEN) delete execution[name];
  Object.assign(execution, {
    state: 'waiting',
    attempt: execution.attempt + 1,
    settledLate: false,
    stdout: NOTHING,
    stderr: NOTHING,
  });
}

const FORGOTTEN = [
  'agentId',
  'agentInstance',
  'workerId',
  'dispatchedAtMs',
  'startedAtMs',
  'finishedAtMs',
  'exitCode',
  'signal',
  'reason',
  'detail',
] as const;

export function runSeed(tables: MemoryTables, id: RunId): RunSeed | undefined {
  const row = tables.runs.get(id);
  if (!row) return undefined;
  const { run, spec, sealedSecrets, executions } = row;
  return {
    run: { ...run },
    spec,
    ...(sealedSecrets ? { sealedSecrets } : {}),
    executions: executions.map(seedOf),
  };
}

function seedOf(execution: ExecutionRow): ExecutionSeed {
  const { task, ordinal, attempt, hostId, hostName, state, failuresInRound } = execution;
  const seed: Record<string, unknown> = { task, ordinal, attempt, hostId, hostName, state, failuresInRound };
  for (const name of ['agentId', 'agentInstance', 'workerId', 'dispatchedAtMs', 'startedAtMs'] as const)
    if (execution[name] !== undefined) seed[name] = execution[name];
  return seed as unknown as ExecutionSeed;
}

function recordOf({ failuresInRound: _, agentInstance: __, ...execution }: ExecutionRow): ExecutionRecord {
  const { agentId, workerId } = execution;
  if (agentId === undefined) return execution;
  return { ...execution, via: agentId === (workerId as string | undefined) ? 'ssh' : 'agent' };
}

export function executionFetch(tables: MemoryTables, { runId, task, ordinal }: ExecutionKey) {
  const found = tables.runs.get(runId)?.executions.find((one) => one.task === task && one.ordinal === ordinal);
  return found && recordOf(found);
}

export function executionList(
  tables: MemoryTables,
  runId: RunId,
  { states, hostName }: ExecutionFilter,
  page: { limit: number; cursor?: string },
): Page<ExecutionRecord> {
  const after = page.cursor === undefined ? -1 : placeOf(page.cursor);
  const matching = (tables.runs.get(runId)?.executions ?? []).filter(
    ({ ordinal, state, hostName: name }) =>
      ordinal > after && (states?.includes(state) ?? true) && (hostName === undefined || name === hostName),
  );
  const items = matching.slice(0, page.limit).map(recordOf);
  const isMore = matching.length > page.limit;
  return { items, ...(isMore ? { next: Buffer.from(`after ${items.at(-1)!.ordinal}`).toString('base64url') } : {}) };
}

function placeOf(cursor: string): number {
  const match = /^after (\d+)$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw new DroverError('bad-input', { detail: 'The cursor is none that was given out.' });
  return Number(match[1]);
}

export function executionHistory(tables: MemoryTables, { runId, task, ordinal }: ExecutionKey): ExecutionRecord[] {
  const row = tables.runs.get(runId);
  return (row?.history ?? [])
    .filter((one) => one.task === task && one.ordinal === ordinal)
    .map((one) => {
      const late = row!.lateReports.get(attemptKey(one));
      return { ...recordOf(one), ...(late ? { lateReport: late } : {}) };
    });
}

export function outputGroups(
  tables: MemoryTables,
  runId: RunId,
  { hostsMax, groupsMax }: { hostsMax: number; groupsMax: number },
): OutputGroup[] {
  const hex = ({ size, head, tail, digest }: StreamRecord): string =>
    `${size} ${head} ${tail} ${digest ? Buffer.from(digest).toString('hex') : ''}`;
  const alike = Map.groupBy(
    tables.runs.get(runId)?.executions ?? [],
    ({ state, exitCode, signal, reason, stdout, stderr }) =>
      [state, exitCode, signal, reason, hex(stdout), hex(stderr)].join(' | '),
  );
  return [...alike.values()]
    .sort((a, b) => b.length - a.length)
    .slice(0, groupsMax)
    .map((list) => {
      const { state, exitCode, signal, reason, stdout, stderr, task, ordinal, attempt } = list[0]!;
      return {
        state,
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(signal === undefined ? {} : { signal }),
        ...(reason === undefined ? {} : { reason }),
        stdout,
        stderr,
        count: list.length,
        hosts: list.slice(0, hostsMax).map(({ hostName }) => hostName),
        sample: { runId, task, ordinal, attempt },
      };
    });
}

/** Small output lies once per content, large output in pieces. */
export function outputRead(
  tables: MemoryTables,
  key: AttemptKey,
  stream: 1 | 2,
  offset: number,
  length: number,
): Uint8Array | undefined {
  const row = tables.runs.get(key.runId);
  if (!row) return undefined;
  const same = (one: ExecutionRow): boolean => attemptKey(one) === attemptKey(key);
  const told = [...row.executions.filter(same), ...row.history.filter(same), row.lateReports.get(attemptKey(key))];
  const streams = told.flatMap((one) => (one ? [stream === 1 ? one.stdout : one.stderr] : []));
  if (streams.length === 0) return undefined;
  const digest = streams.find((one) => one.digest)?.digest;
  if (!digest || offset >= limits.outputKeptBytesMax) return new Uint8Array(0);
  const blob = row.blobs.get(Buffer.from(digest).toString('hex'));
  if (blob) return blob.subarray(offset, offset + length);
  const pieces = row.chunks.get(`${attemptKey(key)}.${stream}`);
  if (!pieces) return offset === 0 && length > 0 ? undefined : new Uint8Array(0);
  const whole = Buffer.concat([...pieces].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
  return whole.subarray(offset, offset + length);
}
