/** When something is to be done about an attempt that is out, if nothing is heard of it until then. By the owner's monotonic clock. */
import { orderDueAt } from './delivery.ts';
import type { Execution } from './execution.ts';
import { endDueAt, guardDueAt, type GuardPolicy } from './guards.ts';

/** `isCancelled`: the whole task is, and what is out is to end. */
export function dueOf(
  execution: Execution<unknown>,
  policy: GuardPolicy,
  guardMs: number,
  isCancelled: boolean,
  nowAt: number,
): number {
  const guardAt = guardDueAt(execution, policy, guardMs);
  // Nothing can be sent to it before it is there again.
  if (execution.unlinkedAt > 0) return guardAt;
  const endingAt = isCancelled ? 0 : endDueAt(execution, policy, guardMs);
  return nowAt < endingAt
    ? Math.min(guardAt, endingAt, orderDueAt(execution, false))
    : Math.min(guardAt, orderDueAt(execution, true));
}
