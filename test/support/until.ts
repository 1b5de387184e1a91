/** Waits for a condition of the outside world; polls, because that world does not call back. Fails with what it waited for. */
import { pause, systemClock } from '../../src/base/clock.ts';

export async function until<T>(
  what: string,
  condition: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  timeoutMs = 45_000,
): Promise<T> {
  const end = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false && value !== null) return value;
    if (systemClock.monotonicMs() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await pause(systemClock, 15);
  }
}
