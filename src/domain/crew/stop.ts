/** How a task is stopped: how what is out ends, and what becomes of what waits. */

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

/** What becomes of what waits. */
export const DROPPED = {
  cancel: { to: 'cancelled', reason: 'cancelled-by-user' },
  abort: { to: 'skipped', reason: 'failure-limit' },
  decline: { to: 'skipped', reason: 'rollout-declined' },
  skip: { to: 'skipped', reason: 'failure-limit' },
} as const;
