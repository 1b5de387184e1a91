import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDurationMs, parseDurationMs } from './duration.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    [' 10S ', 10_000],
    ['0s', 0],
  ])('%j is %i ms', (text, ms) => expect(parseDurationMs(text)).toBe(ms));

  it.each(['', '30', 's', '-5s', '5 m', '1y', 'abc', '1h30', '1e3s', 'NaNs', '٣s', `${'9'.repeat(30)}d`])(
    '%j is refused',
    (text) => expect(parseDurationMs(text)).toBeUndefined(),
  );

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_500, '1.5s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [90_061_000, '1d 1h'],
  ])('%i ms reads %s', (ms, text) => expect(formatDurationMs(ms)).toBe(text));

  it('are never negative and never throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseDurationMs(text) ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
