/** What an executor is told once its report is committed: it may forget it. */
import type { AttemptId, WorkerId } from '../base/ids.ts';
import type { Executor } from '../domain/run/executor.ts';
import type { HeardEvent } from '../fleet/fleet.ts';

export interface Ack {
  readonly workerId: WorkerId;
  readonly attempt: AttemptId;
  readonly executor: Executor;
}

export function ackOf(workerId: WorkerId, { executor, report }: Extract<HeardEvent, { k: 'report' }>): Ack {
  return { workerId, attempt: report.a as AttemptId, executor: executor as Executor };
}
