import { expect, it } from 'vitest';
import { noticeLimits } from '../../base/notice-limits.ts';
import { lateAfterMs } from './lateness.ts';

const { usualRunsMin, usualSlackMs } = noticeLimits;
const late = { channel: 'c', on: ['late'] } as const;

it('is what was said, whatever is usual', () => {
  expect(lateAfterMs({ ...late, lateAfterMs: 7 }, undefined)).toBe(7);
  expect(lateAfterMs({ ...late, lateAfterMs: 7 }, { runs: 50, p95Ms: 100 })).toBe(7);
});

it('is what is usual and a little more, once enough runs say what that is', () => {
  expect(lateAfterMs(late, { runs: usualRunsMin, p95Ms: 100 })).toBe(100 + usualSlackMs);
  expect(lateAfterMs(late, { runs: usualRunsMin - 1, p95Ms: 100 })).toBeUndefined();
  expect(lateAfterMs(late, undefined)).toBeUndefined();
});

it('is never for who does not ask', () =>
  expect(lateAfterMs({ channel: 'c', on: ['failed'], lateAfterMs: 7 }, undefined)).toBeUndefined());
