/** Once an hour: partitions of the coming days, days beyond retention, old keys. Any server may do it, twice does no harm. */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Store } from '../store/contract/store.ts';

const EVERY_MS = 60 * 60_000;
const AHEAD_DAYS = 7;

export function startMaintenance(store: Store, clock: Clock, log: Log): () => void {
  let cancel = (): void => undefined;
  const round = async (): Promise<void> => {
    try {
      const { created, dropped } = await store.maintain({
        runsKeptMs: limits.runsKeptMsDefault,
        aheadDays: AHEAD_DAYS,
      });
      if (created + dropped > 0) log.info({ created, dropped }, 'partitions of days made and dropped');
    } catch (error) {
      log.warn({ err: error }, 'maintenance failed; it runs again in an hour');
    }
    cancel = clock.after(EVERY_MS, () => void round(), { unref: true });
  };
  cancel = clock.after(5_000, () => void round(), { unref: true });
  return () => cancel();
}
