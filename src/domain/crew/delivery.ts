/**
 * Orders of an attempt on their way: what was sent of it, who has said that it has it, and what is to be sent next. An
 * attempt is ordered only from the executor that it was given to; its journal makes an order that comes twice harmless.
 */
import { isSameExecutor, type Route } from '../run/executor.ts';
import { askAgainAfterMs, RESEND_MS, returnPauseMs } from './delivery-pace.ts';
import { isWithAgent, type Execution } from './execution.ts';

export type OrderKind = 'start' | 'cancel' | 'query';

type Delivery = Execution<unknown>;

/** As it is dispatched: nothing was sent, nothing heard. */
export function beginDelivery(execution: Delivery, route: Route, nowMs: number): void {
  [execution.route, execution.dispatchedAtMs] = [route, nowMs];
  [execution.sends, execution.cancelSentAt] = [0, 0];
  askAnew(execution);
}

/** What was heard before counts no more: its executor, or the way to it, is there anew. */
export function askAnew(execution: Delivery): void {
  [execution.unlinkedAt, execution.heardFrom, execution.lastOrderAt, execution.silentSince] = [0, 'nobody', 0, 0];
}

/** Its executor says that it knows nothing of it, and takes no order of before: it may be given it with the next. */
export function forgetDelivery(execution: Delivery): void {
  [execution.heardFrom, execution.silentSince, execution.lastOrderAt] = ['nobody', 0, 0];
  execution.sends = 0;
}

/** Its executor has it. */
export function noteAccepted(execution: Delivery): void {
  [execution.heardFrom, execution.silentSince] = ['executor', 0];
}

/** It waits its turn at the worker: no need to send it again. */
export function noteQueued(execution: Delivery): void {
  if (execution.heardFrom === 'executor' || execution.cancelSentAt > 0) return;
  [execution.heardFrom, execution.silentSince] = ['queue', 0];
}

/** It has come back. @returns how long it waits now: ever longer, the more often that happens. */
export function noteReturn(execution: Delivery, nowAt: number, retryAfterMs: number): number {
  if (execution.returns++ === 0) execution.returnedSince = nowAt;
  return returnPauseMs(retryAfterMs, execution.returns);
}

/**
 * By the word of a worker it was not handed to the executor. Of an agent no worker can know that: an order may have
 * reached it before, or may yet. So it stays out, and is sent again in a while. Where the worker is the executor, it
 * goes back to waiting, if no other order can have been carried out. @returns whether it goes back.
 */
export function noteUndelivered(execution: Delivery, nowAt: number, retryAfterMs: number): boolean {
  // Once a cancel is out, this may be about the cancel: it says nothing of the starts before it.
  if (execution.cancelSentAt > 0) return false;
  execution.lastOrderAt = nowAt;
  if (execution.heardFrom === 'queue') execution.heardFrom = 'nobody';
  if (isWithAgent(execution)) {
    if (execution.heardFrom === 'nobody')
      execution.lastOrderAt += noteReturn(execution, nowAt, retryAfterMs) - RESEND_MS;
    return false;
  }
  execution.sends = Math.max(0, execution.sends - 1);
  return execution.sends === 0 && execution.heardFrom === 'nobody';
}

/**
 * When the next order is due, by the owner's monotonic clock. `isEnding`: it is to end, because somebody asked or its
 * time is long over.
 */
export function orderDueAt(execution: Delivery, isEnding: boolean): number {
  const sentAt = isEnded(execution, isEnding) ? execution.cancelSentAt : execution.lastOrderAt;
  return sentAt === 0 ? 0 : sentAt + (isEnded(execution, isEnding) ? RESEND_MS : askAgainAfterMs(execution));
}

/** Nothing can be ended of which nobody has sent anything. */
function isEnded({ sends }: Delivery, isEnding: boolean): boolean {
  return isEnding && sends > 0;
}

/** The order that is due now, noted as sent; undefined where there is no way to its executor. `isCancelled`: the whole task is. */
export function nextOrder(
  execution: Delivery,
  route: Route | undefined,
  isEnding: boolean,
  isCancelled: boolean,
  nowAt: number,
): OrderKind | undefined {
  if (!route || !isSameExecutor(route.executor, execution.route?.executor)) return undefined;
  if (isEnded(execution, isEnding)) {
    execution.cancelSentAt = nowAt;
    return 'cancel';
  }
  execution.lastOrderAt = nowAt;
  if (execution.state === 'running') return 'query';
  // Counted, because that it was not delivered would be counted too.
  execution.sends++;
  if (execution.heardFrom === 'executor' || route.instance !== execution.route?.instance) return 'query';
  // Committed as dispatched, never sent by us: perhaps by the owner before us. Asking settles it.
  return isCancelled ? 'cancel' : 'start';
}
