/**
 * The only place that reads the machine's clocks and timers. Everything else takes a `Clock`,
 * so that decisions can be replayed and tests need not wait.
 */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. May jump. */
  nowMs(): number;
  /** Monotonic clock, milliseconds from an arbitrary origin. Never jumps; does not survive a restart. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`; the answer cancels it. Never keeps the process alive by itself when `unref`. */
  after(delayMs: number, callback: () => void, options?: { unref?: boolean }): () => void;
  /** Calls back in a turn of its own, once whatever else is to be done now has had its turn. */
  soon(callback: () => void): void;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback, options) {
    const timer = setTimeout(callback, delayMs);
    if (options?.unref) timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (callback) => void setImmediate(callback),
};

/** Resolves after `delayMs`, or at once when the signal aborts. Says which: true when the time passed. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false);
    const onAbort = (): void => {
      cancel();
      resolve(false);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve(true);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when whatever else is to be done now has had its turn: long work calls it in between. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
