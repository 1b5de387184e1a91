/** How long a host that has taken a channel may say nothing on it, and how long it may take to say all of an answer. */
import type { Clock } from '../../../base/clock.ts';

/** `silent` when that was too long; what the host says later is not waited for. */
export async function spokenSoon<T>(
  next: Promise<T>,
  { clock, beginMs }: { readonly clock: Clock; readonly beginMs: number },
): Promise<T | 'silent'> {
  let cancel: () => void = () => undefined;
  const silent = new Promise<'silent'>((resolve) => {
    cancel = clock.after(beginMs, () => resolve('silent'), { unref: true });
  });
  return Promise.race([next, silent]).finally(() => cancel());
}

/** The same for each part of one answer, which has so long from now on, all parts together: a host that speaks on and on gains no time. */
export function answeredBy(clock: Clock, answerMs: number): <T>(next: Promise<T>) => Promise<T | 'silent'> {
  const endsAtMs = clock.monotonicMs() + answerMs;
  return (next) => spokenSoon(next, { clock, beginMs: Math.max(0, endsAtMs - clock.monotonicMs()) });
}
