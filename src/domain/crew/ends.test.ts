import { expect, it } from 'vitest';
import { isRepeated } from './ends.ts';

it('tries again what has failed, a call that has no whole answer among it, as often as was said', () => {
  const running = { dbState: 'running', failures: 0 } as const;
  const failed = { to: 'failed', outcome: { kind: 'exited', code: 1 } } as const;
  const faulted = { to: 'failed', reason: 'call-unreachable', outcome: { kind: 'faulted' } } as const;
  for (const end of [failed, faulted, { to: 'timed_out', outcome: { kind: 'timed_out' } } as const]) {
    expect([isRepeated(running, end, 1), isRepeated(running, end, 0)]).toEqual([true, false]);
    expect(isRepeated({ ...running, failures: 1 }, end, 1)).toBe(false);
    expect(isRepeated({ ...running, dbState: 'lost' }, end, 1)).toBe(false);
  }
  for (const end of [
    { to: 'failed', reason: 'output-limit', outcome: { kind: 'signalled' } },
    { to: 'not_started', reason: 'call-not-allowed', outcome: { kind: 'refused' } },
    { to: 'lost', reason: 'commit-unknown', outcome: { kind: 'unknown' } },
    { to: 'cancelled', outcome: { kind: 'cancelled' } },
  ] as const)
    expect([end.to, isRepeated(running, end, 1)]).toEqual([end.to, false]);
});
