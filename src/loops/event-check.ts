/** Whose word about an attempt counts: that of the executor of record, and what workers say of their own only from the one that has, or would be given, the attempt. */
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import { isOverSsh } from '../domain/run/execution.ts';
import type { AgentLocation } from '../fleet/fleet.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';

interface Attempted {
  readonly attempt: number;
  readonly hostId: HostId;
  readonly agentId: AgentId | undefined;
  readonly workerId: WorkerId | undefined;
  /** The last order that went out for it. */
  readonly order: number;
}

/** `attempt` is the one that the event is about. The fleet has seen to it that words of agents are theirs, and that a worker speaks for itself. */
export function isWordOf(
  execution: Attempted,
  attempt: number,
  workerId: WorkerId,
  event: AttemptEvent,
  fleet: { locate(hostId: HostId): AgentLocation | undefined },
): boolean {
  switch (event.k) {
    case 'said':
      return false;
    case 'queued':
    case 'undelivered':
      if (event.k === 'undelivered' && isOfOtherOrder(event, execution)) return false;
      // Over SSH the worker of record is the executor: another's word would have the attempt given out twice.
      return (
        workerId === execution.workerId ||
        (!isOverSsh(execution) && workerId === fleet.locate(execution.hostId)?.workerId)
      );
    default:
      if (event.k === 'unknown' && isOfOtherOrder(event, execution)) return false;
      // Of an attempt that a newer one has superseded, the store knows who had it.
      return attempt !== execution.attempt || event.agentId === execution.agentId;
  }
}

function isOfOtherOrder({ order }: { readonly order?: number }, execution: Attempted): boolean {
  return order !== undefined && order !== execution.order;
}
