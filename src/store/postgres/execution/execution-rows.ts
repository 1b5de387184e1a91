/** Rows of executions to records. One place, so that a renamed column breaks here and nowhere else. */
import { given } from '../../../base/given.ts';
import type { AgentId, HostId, RunId, WorkerId } from '../../../base/ids.ts';
import type { Outcome, ProcessEnd } from '../../../domain/crew/outcome.ts';
import type { ExecutionState } from '../../../domain/crew/execution-machine.ts';
import { agentExecutor, workerExecutor, type EngineName, type RouteTaken } from '../../../domain/run/executor.ts';
import { hostSubject, itemSubject, NO_SUBJECT, type Subject } from '../../../domain/run/subject.ts';
import type { ExecutionRecord, LateReport } from '../../contract/execution.ts';
import type { StreamRecord } from '../../contract/output.ts';

export interface ExecutionRow {
  run_id: string;
  task: number;
  ordinal: number;
  host_id: string | null;
  host_name: string | null;
  item: string | null;
  state: ExecutionState;
  attempt: number;
  round: number;
  failures_in_round: number;
  executor_kind: 'agent' | 'worker' | null;
  executor_id: string | null;
  engine: EngineName | null;
  instance: string | null;
  worker_id: string | null;
  dispatched_at_ms: number | null;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  outcome: Outcome['kind'] | null;
  exit_code: number | null;
  signal: string | null;
  status: number | null;
  row_count: number | null;
  reason: string | null;
  detail: string | null;
  settled_late: boolean;
  seq: number;
  out_size: number;
  out_head: number;
  out_tail: number;
  out_digest: Uint8Array | null;
  err_size: number;
  err_head: number;
  err_tail: number;
  err_digest: Uint8Array | null;
}

export function executionRecord(row: ExecutionRow): ExecutionRecord {
  return given({
    runId: row.run_id as RunId,
    task: row.task,
    ordinal: row.ordinal,
    attempt: row.attempt,
    subject: subjectOf(row),
    state: row.state,
    round: row.round,
    route: routeOf(row),
    dispatchedAtMs: row.dispatched_at_ms ?? undefined,
    startedAtMs: row.started_at_ms ?? undefined,
    finishedAtMs: row.finished_at_ms ?? undefined,
    outcome: outcomeOf(row),
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
    settledLate: row.settled_late,
    seq: row.seq,
    stdout: streamOf(row, 'out'),
    stderr: streamOf(row, 'err'),
  });
}

/** A row without a host is of none. */
export function subjectOf(row: Pick<ExecutionRow, 'host_id' | 'host_name' | 'item'>): Subject {
  if (row.host_id !== null) return hostSubject(row.host_id as HostId, row.host_name!);
  return row.item === null ? NO_SUBJECT : itemSubject(row.item);
}

export function routeOf(
  row: Pick<ExecutionRow, 'executor_kind' | 'executor_id' | 'engine' | 'instance' | 'worker_id'>,
): RouteTaken | undefined {
  if (row.executor_kind === null) return undefined;
  return given({
    executor:
      row.executor_kind === 'agent'
        ? agentExecutor(row.executor_id as AgentId)
        : workerExecutor(row.executor_id as WorkerId, row.engine!),
    workerId: (row.worker_id as WorkerId | null) ?? undefined,
    instance: row.instance ?? undefined,
  });
}

export function outcomeOf(
  row: Pick<ExecutionRow, 'outcome' | 'exit_code' | 'signal' | 'status' | 'row_count'>,
): Outcome | undefined {
  const end = processEndOf(row);
  switch (row.outcome) {
    case null:
      return undefined;
    case 'exited':
    case 'signalled':
      return end ?? { kind: 'signalled' };
    case 'timed_out':
    case 'cancelled':
      return { kind: row.outcome, ...given({ end }) };
    case 'answered':
      return row.status === null ? undefined : { kind: 'answered', status: row.status };
    case 'rows':
      return row.row_count === null ? undefined : { kind: 'rows', rows: row.row_count };
    case 'faulted':
    case 'refused':
    case 'unknown':
      return { kind: row.outcome };
  }
}

function processEndOf({ exit_code: code, signal }: Pick<ExecutionRow, 'exit_code' | 'signal'>): ProcessEnd | undefined {
  if (code !== null) return { kind: 'exited', code };
  return signal === null ? undefined : { kind: 'signalled', signal };
}

export interface LateReportRow
  extends Pick<
    ExecutionRow,
    | 'attempt'
    | 'started_at_ms'
    | 'outcome'
    | 'exit_code'
    | 'signal'
    | 'status'
    | 'row_count'
    | 'reason'
    | 'detail'
    | 'out_size'
    | 'out_head'
    | 'out_tail'
    | 'out_digest'
    | 'err_size'
    | 'err_head'
    | 'err_tail'
    | 'err_digest'
  > {
  state: LateReport['state'];
  received_at_ms: number;
  finished_at_ms: number;
}

export function lateReport(row: LateReportRow): LateReport {
  return given({
    state: row.state,
    receivedAtMs: row.received_at_ms,
    startedAtMs: row.started_at_ms ?? undefined,
    finishedAtMs: row.finished_at_ms,
    outcome: outcomeOf(row),
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
    stdout: streamOf(row, 'out'),
    stderr: streamOf(row, 'err'),
  });
}

export function streamOf(
  row: Pick<
    ExecutionRow,
    'out_size' | 'out_head' | 'out_tail' | 'out_digest' | 'err_size' | 'err_head' | 'err_tail' | 'err_digest'
  >,
  stream: 'out' | 'err',
): StreamRecord {
  return given({
    size: row[`${stream}_size`],
    head: row[`${stream}_head`],
    tail: row[`${stream}_tail`],
    digest: row[`${stream}_digest`] ?? undefined,
  });
}
