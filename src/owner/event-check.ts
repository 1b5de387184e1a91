/**
 * Whose word about an attempt counts: that of the executor of record, and what workers say of their own only from the
 * one that has, or would be given, the attempt.
 */
import type { HostId, WorkerId } from '../base/ids.ts';
import { isWithAgent } from '../domain/crew/execution.ts';
import { isSameExecutor, type RouteTaken } from '../domain/run/executor.ts';
import { hostOf, type Subject } from '../domain/run/subject.ts';
import type { AgentLocation, HeardEvent } from '../fleet/fleet.ts';

interface FindAgent {
  locate(hostId: HostId): AgentLocation | undefined;
}

interface Attempted {
  readonly attempt: number;
  readonly subject: Subject;
  readonly route: RouteTaken | undefined;
  /** The last order that went out for it. */
  readonly order: number;
}

/**
 * `attempt` is the one that the event is about. The fleet has seen to it that words of agents are theirs, and that a
 * worker speaks of itself.
 */
export function isWordOf(
  execution: Attempted,
  attempt: number,
  workerId: WorkerId,
  event: HeardEvent,
  fleet: FindAgent,
): boolean {
  switch (event.k) {
    case 'queued':
    case 'undelivered':
      if (event.k === 'undelivered' && isOfOtherOrder(event, execution)) return false;
      // Where the worker of record is the executor, another's word would have the attempt given out twice.
      return (
        workerId === execution.route?.workerId || (isWithAgent(execution) && workerId === agentWorker(execution, fleet))
      );
    default:
      if (event.k === 'unknown' && isOfOtherOrder(event, execution)) return false;
      // Of an attempt that a newer one has superseded, the store knows who had it.
      return attempt !== execution.attempt || isSameExecutor(event.executor, execution.route?.executor);
  }
}

function agentWorker({ subject }: Attempted, fleet: FindAgent): WorkerId | undefined {
  const host = hostOf(subject);
  return host && fleet.locate(host.id)?.workerId;
}

function isOfOtherOrder({ order }: { readonly order?: number }, execution: Attempted): boolean {
  return order !== undefined && order !== execution.order;
}
