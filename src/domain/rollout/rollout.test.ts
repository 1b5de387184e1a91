import { describe, expect, it } from 'vitest';
import { emptyCounts, type ExecutionCounts } from '../crew/execution-machine.ts';
import { admit, type Admission, type RolloutPolicy } from './rollout.ts';

function admitted(policy: RolloutPolicy, some: Partial<ExecutionCounts>, isStopped = false): Admission {
  return admit(policy, { counts: { ...emptyCounts(), ...some }, isStopped });
}
const STOP = { start: 0, stop: 'failure-limit' };

describe('a rollout', () => {
  it('lets all go out at once where nothing limits it', () =>
    expect(admitted({}, { waiting: 100, running: 50, failed: 20 })).toEqual({ start: Number.POSITIVE_INFINITY }));

  it('lets so many be out at once as it says', () => {
    expect(admitted({ concurrency: 10 }, { waiting: 100, dispatched: 3, running: 4 })).toEqual({ start: 3 });
    expect(admitted({ concurrency: 10 }, { waiting: 100, running: 10 })).toEqual({ start: 0 });
    // A takeover may find more than its policy of now.
    expect(admitted({ concurrency: 10 }, { running: 12 })).toEqual({ start: 0 });
  });

  it.each([
    ['at the limit', { failed: 1, timed_out: 1, lost: 1 }, { start: Number.POSITIVE_INFINITY }],
    ['beyond it', { failed: 2, timed_out: 1, lost: 1 }, STOP],
    ['with what certainly never ran', { failed: 3, not_started: 9, cancelled: 2 }, { start: Number.POSITIVE_INFINITY }],
  ] as const)('stops when more have failed than is tolerated: %s', (_, some, answer) =>
    expect(admitted({ maxFailed: { kind: 'count', count: 3 } }, { waiting: 20, ...some })).toEqual(answer),
  );

  it('takes a share of all of its executions', () => {
    const policy: RolloutPolicy = { maxFailed: { kind: 'share', percent: 10 } };
    expect(admitted(policy, { waiting: 14, failed: 1 }).stop).toBeUndefined();
    expect(admitted(policy, { waiting: 13, failed: 2 })).toEqual(STOP);
  });

  it('stays stopped when a late truth makes the failures fewer', () =>
    expect(admitted({ maxFailed: { kind: 'count', count: 3 } }, { waiting: 5, succeeded: 4 }, true)).toEqual(STOP));
});
