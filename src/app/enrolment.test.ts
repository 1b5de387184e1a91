import { expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { assertClockFits } from './enrolment.ts';

it('lets machines join whose clocks are as far off as certificates can bear, and no further', () => {
  const nowMs = 1_000_000_000;
  for (const sign of [-1, 1]) {
    assertClockFits(nowMs, nowMs + sign * limits.joinClockSkewMsMax);
    expect(() => assertClockFits(nowMs, nowMs + sign * (limits.joinClockSkewMsMax + 1))).toThrow(
      expect.objectContaining({ code: 'certificate-invalid' }),
    );
  }
  assertClockFits(nowMs, undefined);
});
