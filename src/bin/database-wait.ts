/**
 * A server that starts while PostgreSQL restarts waits for it, as it would if it had been running: whoever starts both at once, after a
 * power cut say, need not know an order. What is wrong for good (password, schema) is said at once.
 */
import { pause, type Clock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { networkWords } from '../base/network-words.ts';

const RETRY_MS = 500;

/** `work` must be harmless to repeat. */
export async function onceDatabaseAnswers<T>(clock: Clock, log: Log, work: () => Promise<T>): Promise<T> {
  const giveUpAt = clock.monotonicMs() + limits.databaseWaitMsMax;
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const isPassing = ['database-unavailable', 'database-full'].includes(errorCodeOf(error));
      if (!isPassing) throw error;
      const why = networkWords((error as Error).cause) ?? (error as Error).message;
      if (clock.monotonicMs() > giveUpAt)
        throw new DroverError(errorCodeOf(error), {
          detail: `PostgreSQL was waited for in vain: ${why}. Look at it, and at DATABASE_URL.`,
          cause: error,
        });
      if (tries === 0)
        log.warn(
          { why, waitsMs: limits.databaseWaitMsMax },
          'PostgreSQL does not answer yet, or has no space; waiting for it',
        );
      await pause(clock, RETRY_MS);
    }
  }
}
