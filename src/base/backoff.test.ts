import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fibonacciMs, fullJitterMs } from './backoff.ts';
import { seededRandom } from './random.ts';

const middle = { next: () => 0.5 };

describe('fibonacci schedule', () => {
  it('grows as the sequence does, then stays at the cap', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 50, 10_000].map((n) => fibonacciMs(n, 1_000, 10_000, middle))).toEqual([
      1_000, 1_000, 2_000, 3_000, 5_000, 8_000, 10_000, 10_000, 10_000,
    ]);
  });

  it('jitters by a quarter each way', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(), (attempt, seed) => {
        const delay = fibonacciMs(attempt, 1_000, 300_000, seededRandom(seed));
        const plain = fibonacciMs(attempt, 1_000, 300_000, middle);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(plain * 0.75));
        expect(delay).toBeLessThanOrEqual(plain * 1.25);
      }),
    );
  });
});

describe('full jitter', () => {
  it('lies anywhere below the exponential, and never beyond the cap', () => {
    fc.assert(
      fc.property(fc.nat(2_000), fc.nat(), (attempt, seed) => {
        const delay = fullJitterMs(attempt, 500, 15_000, seededRandom(seed));
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThan(Math.min(15_000, 500 * 2 ** Math.min(attempt, 30)));
      }),
    );
  });

  it('spreads a herd evenly', () => {
    const random = seededRandom(7);
    const delays = Array.from({ length: 10_000 }, () => fullJitterMs(10, 500, 10_000, random));
    const perSecond = Array.from({ length: 10 }, (_, s) => delays.filter((d) => Math.floor(d / 1_000) === s).length);
    for (const count of perSecond) expect(count).toBeGreaterThan(850);
  });
});
