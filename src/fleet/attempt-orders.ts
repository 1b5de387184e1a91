/** Orders about attempts, in frames of bounded size. */
import { limits } from '../base/limits.ts';
import type { OrderedAttempt } from '../protocol/link/worker-v1.ts';
import type { AttemptPlace } from './fleet.ts';

export function ordered({ attempt, hostId, ssh }: AttemptPlace): OrderedAttempt {
  return { a: attempt, hostId, ...(ssh ? { ssh: true } : {}) };
}

/** A list in parts that fit into a frame. */
export function slices<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / limits.hostsPerFrameMax) }, (_, i) =>
    list.slice(i * limits.hostsPerFrameMax, (i + 1) * limits.hostsPerFrameMax),
  );
}
