import { describe, expect, it } from 'vitest';
import { failuresTolerated, isFailureLimitExceeded, parseFailureLimit } from './failure-limit.ts';

describe('failure limit', () => {
  it.each([
    ['0', { kind: 'count', count: 0 }],
    ['3', { kind: 'count', count: 3 }],
    ['25%', { kind: 'share', percent: 25 }],
    [' 100% ', { kind: 'share', percent: 100 }],
  ])('reads %j', (text, limit) => expect(parseFailureLimit(text)).toEqual(limit));

  it.each(['', '-1', '1.5', '101%', '%', 'ten', '5 %', '1e3', '9999999999'])('refuses %j', (text) =>
    expect(parseFailureLimit(text)).toBeUndefined(),
  );

  it.each([
    [10, 15, 1],
    [10, 9, 0],
    [30, 10, 3],
    [0, 1_000, 0],
    [100, 7, 7],
    [33, 100, 33],
  ])('%i %% of %i hosts tolerates %i failures', (percent, hosts, tolerated) =>
    expect(failuresTolerated({ kind: 'share', percent }, hosts)).toBe(tolerated),
  );

  it('is exceeded by one more than is tolerated, not by as many', () => {
    const limit = { kind: 'count', count: 2 } as const;
    expect(isFailureLimitExceeded(limit, 2, 100)).toBe(false);
    expect(isFailureLimitExceeded(limit, 3, 100)).toBe(true);
    expect(isFailureLimitExceeded(undefined, 100, 100)).toBe(false);
  });
});
