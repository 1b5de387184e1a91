import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { betweenOf, rolloutFault } from './policy-words.ts';

describe('what is between two batches', () => {
  it('is a question, or a time of thirty days at most', () => {
    const days = jobLimits.betweenMsMax / 86_400_000;
    expect([betweenOf('ask'), betweenOf('10m'), betweenOf(`${days}d`)]).toEqual([
      { kind: 'ask' },
      { kind: 'wait', ms: 600_000 },
      { kind: 'wait', ms: jobLimits.betweenMsMax },
    ]);
    for (const text of [`${days}d1s`, '', '0s', 'Ask', '10', 'soon'])
      expect([text, betweenOf(text)]).toEqual([text, undefined]);
  });
});

describe('words of a rollout', () => {
  it('go together, or are told by the names that they were written with', () => {
    const named = (field: string): string => `--${field}`;
    expect(rolloutFault({ between: 'ask' }, named)?.detail).toBe('--between is of batches: say --batches too.');
    expect(rolloutFault({ batches: '1', batchMaxFailed: '1', onMaxFailed: 'pause' }, named)).toBeUndefined();
    expect(rolloutFault({ batches: '1', onMaxFailed: 'abort' }, named)).toMatchObject({ field: 'onMaxFailed' });
    expect(rolloutFault({ countsAsFailed: ['lost'] }, named)).toMatchObject({ field: 'countsAsFailed' });
  });
});
