/** How often an order goes out again, and how long nobody may have said what became of it. All by the owner's monotonic clock. */
import type { ExecutionState } from './execution-machine.ts';

/** Who has said that it has the order: a worker, in whose queue it waits, or the executor itself. */
export type HeardFrom = 'nobody' | 'queue' | 'executor';

/** An attempt that comes back again and again is tried ever more slowly, at last once in this time. */
const RETURN_PAUSE_MS_MAX = 15_000;
/** A start that nobody confirmed is sent again after this; the journal makes that harmless. */
export const RESEND_MS = 5_000;
/** One that waits at a worker is, in case the worker has forgotten it. */
const RESEND_QUEUED_MS = 60_000;
/** The word that a script has begun is told once: where it does not come, its executor is asked. */
const ASK_STARTED_MS = 60_000;

/** `returns`: how often it came back, this time included. */
export function returnPauseMs(firstMs: number, returns: number): number {
  return Math.min(RETURN_PAUSE_MS_MAX, firstMs * 2 ** Math.min(returns - 1, 16));
}

export function askAgainAfterMs({
  heardFrom,
  state,
}: {
  readonly heardFrom: HeardFrom;
  readonly state: ExecutionState;
}): number {
  if (heardFrom === 'nobody') return RESEND_MS;
  if (heardFrom === 'queue') return RESEND_QUEUED_MS;
  return state === 'dispatched' ? ASK_STARTED_MS : Number.POSITIVE_INFINITY;
}

/**
 * How long an agent that is linked may say nothing of an order: what a run allows for a start, and for a host that is away. What waits in a
 * queue, or was taken, is asked after more seldom, and so may be silent for longer.
 */
export function silenceMsMax(
  { startDeadlineMs, lostAfterMs }: { readonly startDeadlineMs: number; readonly lostAfterMs: number },
  heardFrom: HeardFrom,
): number {
  const asked = heardFrom === 'nobody' ? RESEND_MS : Math.max(RESEND_QUEUED_MS, ASK_STARTED_MS);
  return Math.max(startDeadlineMs, lostAfterMs) + 2 * asked;
}
