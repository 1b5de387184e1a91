/** Executions of a run, and what they said, as the API shows them. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import { hostOf, itemOf } from '../../../domain/run/subject.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { ExecutionRecord } from '../../../store/contract/execution.ts';
import type { OutputGroup, StreamRecord } from '../../../store/contract/output.ts';
import { instant } from '../instant.ts';

export function executionResource(e: ExecutionRecord): z.infer<typeof resources.Execution> {
  const host = hostOf(e.subject);
  return {
    runId: e.runId,
    task: e.task,
    ordinal: e.ordinal,
    attempt: e.attempt,
    round: e.round,
    ...given({ host: host?.name, hostId: host?.id, item: itemOf(e.subject) }),
    state: e.state,
    ...given({ executor: e.route?.executor, workerId: e.route?.workerId }),
    ...given({ outcome: e.outcome, reason: e.reason, detail: e.detail }),
    stdout: streamResource(e.stdout),
    stderr: streamResource(e.stderr),
    settledLate: e.settledLate,
    seq: e.seq,
    ...given({
      dispatchedAt: instant(e.dispatchedAtMs),
      startedAt: instant(e.startedAtMs),
      finishedAt: instant(e.finishedAtMs),
    }),
  };
}

export function pastExecutionResource(e: ExecutionRecord): z.infer<typeof resources.PastExecution> {
  const late = e.lateReport;
  return {
    ...executionResource(e),
    ...given({
      lateReport: late && {
        state: late.state,
        receivedAt: instant(late.receivedAtMs),
        finishedAt: instant(late.finishedAtMs),
        ...given({
          startedAt: instant(late.startedAtMs),
          outcome: late.outcome,
          reason: late.reason,
          detail: late.detail,
        }),
        stdout: streamResource(late.stdout),
        stderr: streamResource(late.stderr),
      },
    }),
  };
}

export function outputGroupResource(group: OutputGroup): z.infer<typeof resources.OutputGroup> {
  const { task, ordinal, attempt } = group.sample;
  return {
    state: group.state,
    ...given({ outcome: group.outcome, reason: group.reason }),
    count: group.count,
    hosts: [...group.hosts],
    stdout: streamResource(group.stdout),
    stderr: streamResource(group.stderr),
    sample: { task, ordinal, attempt },
  };
}

function streamResource(stream: StreamRecord): {
  size: number;
  head: number;
  tail: number;
  gap: number;
  digest?: string;
} {
  return {
    size: stream.size,
    head: stream.head,
    tail: stream.tail,
    gap: stream.size - stream.head - stream.tail,
    ...given({ digest: stream.digest && Buffer.from(stream.digest).toString('hex') }),
  };
}
