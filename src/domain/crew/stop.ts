/** How a task is stopped: how what is out ends, and what becomes of what waits. */

import type { Outcome } from './outcome.ts';

/**
 * `skip` and `decline`: what is out is drained; declined it was by whoever its rollout had asked. `abort` and `cancel`: it is
 * ended as well; a cancel is what somebody has asked for.
 */
export type StopKind = 'skip' | 'decline' | 'abort' | 'cancel';
const STOP_KINDS: readonly StopKind[] = ['skip', 'decline', 'abort', 'cancel'];

/** Of two, the one that ends more. */
export function strongerStop(one: StopKind | undefined, other: StopKind): StopKind {
  return one !== undefined && STOP_KINDS.indexOf(one) > STOP_KINDS.indexOf(other) ? one : other;
}

/** Whether what is out is to be ended by it. */
export function isEnding(how: StopKind | undefined): boolean {
  return how === 'abort' || how === 'cancel';
}

/** Why what was out has ended as cancelled: whoever ended it says that it did, and not for whom. `endedBy`: what ended it first. */
export function reasonOfCancel(outcome: Outcome, endedBy: StopKind | undefined): { readonly reason?: string } {
  return outcome.kind === 'cancelled' && endedBy !== undefined ? { reason: DROPPED[endedBy].reason } : {};
}

/** What becomes of what waits. */
export const DROPPED = {
  cancel: { to: 'cancelled', reason: 'cancelled-by-user' },
  abort: { to: 'skipped', reason: 'failure-limit' },
  decline: { to: 'skipped', reason: 'rollout-declined' },
  skip: { to: 'skipped', reason: 'failure-limit' },
} as const;
