import { describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { SecondCount } from './second-count.ts';

describe('a count for each second', () => {
  it('lets each have so many a second, whatever others take', () => {
    let nowMs = 5_000;
    const clock = { monotonicMs: () => nowMs } as Clock;
    const count = new SecondCount(clock, 2);
    expect(['a', 'a', 'a', 'b', 'b', 'b'].map((id) => count.take(id))).toEqual([true, true, false, true, true, false]);
    nowMs = 5_999;
    expect(count.take('a')).toBe(false);
    nowMs = 6_000;
    expect(count.take('a')).toBe(true);
  });
});
