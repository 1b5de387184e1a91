/** A decision about an execution, as the conditional write that carries it out. */
import { given, type Writable } from '../base/given.ts';
import type { AttemptKey, RunId } from '../base/ids.ts';
import { isTerminalExecution } from '../domain/crew/execution-machine.ts';
import type { AttemptResult, Execution, ToldEnd } from '../domain/crew/execution.ts';
import type { Executor } from '../domain/run/executor.ts';
import { stateAfter, type SuccessCriteria } from '../domain/crew/outcome.ts';
import type { StreamRecord } from '../store/contract/output.ts';
import type { ExecutionChange, LateReportChange } from '../store/contract/owner-commit.ts';
import type { ReportedStream } from './attempt-report.ts';

const NOTHING: StreamRecord = { size: 0, head: 0, tail: 0 };
const DETAIL_LENGTH_MAX = 2_000;

export function changeOf(runId: RunId, execution: Execution<ReportedStream>, seq: number): ExecutionChange {
  const { result } = execution;
  const finished = isTerminalExecution(execution.state);
  const change: Writable<ExecutionChange> = {
    runId,
    task: execution.task,
    ordinal: execution.ordinal,
    attempt: execution.attempt,
    from: [execution.dbState],
    to: execution.state,
    seq,
  };
  if (execution.route) change.route = execution.route;
  if (execution.dispatchedAtMs !== undefined) change.dispatchedAtMs = execution.dispatchedAtMs;
  if (execution.startedAtMs !== undefined) change.startedAtMs = execution.startedAtMs;
  if (execution.retry) change.retry = true;
  if (execution.settledLate) change.settledLate = true;
  return finished && result ? Object.assign(change, endOf(result)) : change;
}

/** What is told of an attempt that a newer one has superseded, as told by whom and when; kept beside the attempt. */
export function lateReportOf(
  key: AttemptKey,
  executor: Executor,
  told: ToldEnd<ReportedStream>,
  success: SuccessCriteria,
  receivedAtMs: number,
): Omit<LateReportChange, 'seq'> {
  return {
    ...key,
    executor,
    receivedAtMs,
    from: ['lost'],
    to: stateAfter(told.outcome, success, told.startedAtMs !== undefined),
    ...given({ startedAtMs: told.startedAtMs }),
    ...endOf(told),
  };
}

type End = Pick<ExecutionChange, 'finishedAtMs' | 'outcome' | 'reason' | 'detail' | 'stdout' | 'stderr' | 'values'>;

function endOf(result: Omit<AttemptResult<ReportedStream>, 'to'>): End {
  const end: Writable<End> = {
    finishedAtMs: result.finishedAtMs,
    stdout: result.stdout ?? NOTHING,
    stderr: result.stderr ?? NOTHING,
  };
  if (result.outcome) end.outcome = result.outcome;
  if (result.values) end.values = result.values;
  if (result.reason !== undefined) end.reason = result.reason;
  if (result.detail !== undefined) end.detail = result.detail.slice(0, DETAIL_LENGTH_MAX);
  return end;
}
