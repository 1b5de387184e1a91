/** From when on a run is late: what somebody has said, else what runs of its job usually take. */
import { noticeLimits } from '../../base/notice-limits.ts';
import type { Subscription } from './subscription.ts';

export interface UsualTime {
  /** Runs of the job that it is of: the last that succeeded. */
  readonly runs: number;
  /** So long took all but one of twenty. */
  readonly p95Ms: number;
}

/** From the beginning of its round. Undefined where nobody is told, or where too few runs say what is usual. */
export function lateAfterMs({ on, lateAfterMs: said }: Subscription, usual: UsualTime | undefined): number | undefined {
  if (!on.includes('late')) return undefined;
  if (said !== undefined) return said;
  // What takes a second and takes two is not what anybody wants to be woken for.
  return usual && usual.runs >= noticeLimits.usualRunsMin ? usual.p95Ms + noticeLimits.usualSlackMs : undefined;
}
