import type { Clock } from '../../src/base/clock.ts';

/** Pauses pass at once, on both clocks; the wall clock may jump. Whoever waits for something else is never called. */
export function fastClock(): Clock & { jumpMs: number; passedMs: number } {
  const clock = {
    jumpMs: 0,
    passedMs: 1_000_000,
    nowMs: () => 1_900_000_000_000 + clock.passedMs + clock.jumpMs,
    monotonicMs: () => clock.passedMs,
    after(delayMs: number, callback: () => void) {
      const timer = setImmediate(() => {
        clock.passedMs += delayMs;
        callback();
      });
      return () => clearImmediate(timer);
    },
    soon: (callback: () => void) => void setImmediate(callback),
  };
  return clock;
}
