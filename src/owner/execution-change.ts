/** A decision about an execution, as the conditional write that carries it out. */
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
  return {
    runId,
    task: execution.task,
    ordinal: execution.ordinal,
    attempt: execution.attempt,
    from: [execution.dbState],
    to: execution.state,
    seq,
    ...(execution.route ? { route: execution.route } : {}),
    ...(execution.dispatchedAtMs === undefined ? {} : { dispatchedAtMs: execution.dispatchedAtMs }),
    ...(execution.startedAtMs === undefined ? {} : { startedAtMs: execution.startedAtMs }),
    ...(execution.retry ? { retry: true } : {}),
    ...(execution.settledLate ? { settledLate: true } : {}),
    ...(finished && result ? endOf(result) : {}),
  };
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
    ...(told.startedAtMs === undefined ? {} : { startedAtMs: told.startedAtMs }),
    ...endOf(told),
  };
}

function endOf(
  result: Omit<AttemptResult<ReportedStream>, 'to'>,
): Pick<ExecutionChange, 'finishedAtMs' | 'outcome' | 'reason' | 'detail' | 'stdout' | 'stderr'> {
  return {
    finishedAtMs: result.finishedAtMs,
    stdout: result.stdout ?? NOTHING,
    stderr: result.stderr ?? NOTHING,
    ...(result.outcome ? { outcome: result.outcome } : {}),
    ...(result.reason === undefined ? {} : { reason: result.reason }),
    ...(result.detail === undefined ? {} : { detail: result.detail.slice(0, DETAIL_LENGTH_MAX) }),
  };
}
