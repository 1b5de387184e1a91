/** Delays between tries. Pure: chance is an argument. */
import type { Random } from './random.ts';

/**
 * Exponential with full jitter: uniform in [0, min(cap, base·2^try)). Used for reconnects, because it spreads a
 * herd best (Brooker, "Exponential Backoff And Jitter", AWS 2015).
 */
export function fullJitterMs(attempt: number, baseMs: number, capMs: number, random: Random): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return Math.floor(random.next() * ceiling);
}

/** Exponential (base, 2·base, 4·base …, capped) with ±25 % jitter. `attempt` counts from 0. */
export function exponentialMs(attempt: number, baseMs: number, capMs: number, random: Random): number {
  return Math.floor(Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)) * (0.75 + 0.5 * random.next()));
}

/**
 * Fibonacci schedule (1, 1, 2, 3, 5, … × base, capped) with ±25 % jitter: final reports are retried on it, so
 * that hosts which failed together do not come back together. `attempt` counts from 0.
 */
export function fibonacciMs(attempt: number, baseMs: number, capMs: number, random: Random): number {
  let current = 1;
  let previous = 0;
  for (let i = 0; i < attempt && current * baseMs < capMs; i++) [previous, current] = [current, current + previous];
  const delay = Math.min(capMs, current * baseMs);
  return Math.floor(delay * (0.75 + 0.5 * random.next()));
}
