/** How long a host that has taken a channel may say nothing on it. */
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
