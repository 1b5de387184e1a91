/** Rows to records. One place, so that a renamed column breaks here and nowhere else. */
import { Packr } from 'msgpackr';
import { DroverError } from '../../base/errors.ts';
import type { AgentId, HostId, RunId, WorkerId } from '../../base/ids.ts';
import type { ExecutionCounts, ExecutionState } from '../../domain/run/execution-machine.ts';
import type { RunState } from '../../domain/run/run-machine.ts';
import type { RunSpec } from '../../domain/run/spec.ts';
import type { Actor, ExecutionRecord, LateReport, RunRecord, StreamRecord } from '../store.ts';

const packr = new Packr({ useRecords: false });

export function packSpec(spec: RunSpec): Buffer {
  return packr.pack(spec);
}

export function unpackSpec(bytes: Uint8Array): RunSpec {
  return packr.unpack(bytes) as RunSpec;
}

/** Drops keys whose value is null or undefined, so that optional fields are absent rather than empty. */
export function present<T extends object>(record: { [K in keyof T]: T[K] | null | undefined }): T {
  for (const key of Object.keys(record) as (keyof T)[])
    if (record[key] === null || record[key] === undefined) delete record[key];
  return record as T;
}

export interface RunRow {
  id: string;
  partition: number;
  name: string;
  reason: string;
  created_by: Actor;
  state: RunState;
  round: number;
  target_expression: string;
  host_count: number;
  counts: ExecutionCounts;
  created_at_ms: number;
  round_started_at_ms: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  earlier_rounds_ms: number;
  cancel_requested_at_ms: number | null;
  cancel_requested_by: string | null;
  seq: number;
}

export function runRecord(row: RunRow): RunRecord {
  return present<RunRecord>({
    id: row.id as RunId,
    partition: row.partition,
    name: row.name,
    reason: row.reason,
    createdBy: row.created_by,
    state: row.state,
    round: row.round,
    targetExpression: row.target_expression,
    hostCount: row.host_count,
    counts: row.counts,
    createdAtMs: row.created_at_ms,
    roundStartedAtMs: row.round_started_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    earlierRoundsMs: row.earlier_rounds_ms,
    cancelRequestedAtMs: row.cancel_requested_at_ms,
    cancelRequestedBy: row.cancel_requested_by,
    seq: row.seq,
    spec: undefined,
  });
}

export interface ExecutionRow {
  run_id: string;
  task: number;
  ordinal: number;
  host_id: string;
  host_name: string;
  state: ExecutionState;
  attempt: number;
  round: number;
  failures_in_round: number;
  agent_id: string | null;
  agent_instance: string | null;
  worker_id: string | null;
  dispatched_at_ms: number | null;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  exit_code: number | null;
  signal: string | null;
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
  return present<ExecutionRecord>({
    runId: row.run_id as RunId,
    task: row.task,
    ordinal: row.ordinal,
    attempt: row.attempt,
    hostId: row.host_id as HostId,
    hostName: row.host_name,
    state: row.state,
    round: row.round,
    via: row.agent_id === null ? undefined : row.agent_id === row.worker_id ? 'ssh' : 'agent',
    workerId: row.worker_id as WorkerId | null,
    agentId: row.agent_id as AgentId | null,
    dispatchedAtMs: row.dispatched_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    exitCode: row.exit_code,
    signal: row.signal,
    reason: row.reason,
    detail: row.detail,
    settledLate: row.settled_late,
    seq: row.seq,
    stdout: streamOf(row, 'out'),
    stderr: streamOf(row, 'err'),
  });
}

export interface LateReportRow
  extends Pick<
    ExecutionRow,
    | 'attempt'
    | 'started_at_ms'
    | 'exit_code'
    | 'signal'
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
  return present<LateReport>({
    state: row.state,
    receivedAtMs: row.received_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    exitCode: row.exit_code,
    signal: row.signal,
    reason: row.reason,
    detail: row.detail,
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
  return present<StreamRecord>({
    size: row[`${stream}_size`],
    head: row[`${stream}_head`],
    tail: row[`${stream}_tail`],
    digest: row[`${stream}_digest`],
  });
}

/** What PostgreSQL takes where such a part is compared. */
function isCursorPart(part: unknown, shape: 'text' | 'int' | 'bigint' | 'uuid'): boolean {
  switch (shape) {
    case 'uuid':
      return typeof part === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part);
    case 'text':
      return typeof part === 'string' && part.isWellFormed() && !part.includes('\0');
    case 'int':
      return typeof part === 'number' && Number.isInteger(part) && part >= -1 && part < 2 ** 31;
    case 'bigint':
      return Number.isSafeInteger(part);
  }
}

/** Cursors are opaque to callers: base64url of a JSON array of the last row's key. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

export function decodeCursor(
  cursor: string | undefined,
  shape: readonly ('text' | 'int' | 'bigint' | 'uuid')[],
): (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(key) && key.length === shape.length && key.every((part, i) => isCursorPart(part, shape[i]!)))
      return key as (string | number)[];
  } catch {
    // Falls through to the refusal below.
  }
  throw new DroverError('bad-input', {
    detail: 'The cursor is not one that this list gave out.',
    faults: [{ pointer: 'cursor', code: 'bad-input', detail: 'not a cursor of this list' }],
  });
}
