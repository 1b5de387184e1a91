import { describe, expect, it } from 'vitest';
import { EXIT_ZERO, processEnd, stateAfter, type EndState, type Outcome } from './outcome.ts';

const killed = { kind: 'signalled', signal: 'SIGKILL' } as const;

describe('an outcome', () => {
  it.each<[Outcome, boolean, EndState]>([
    [{ kind: 'exited', code: 0 }, true, 'succeeded'],
    [{ kind: 'exited', code: 137 }, true, 'failed'],
    [{ kind: 'exited', code: -1 }, true, 'failed'],
    [killed, true, 'failed'],
    [{ kind: 'signalled' }, true, 'failed'],
    [{ kind: 'timed_out', end: killed }, true, 'timed_out'],
    // However it then ended: it was ended.
    [{ kind: 'timed_out', end: { kind: 'exited', code: 0 } }, true, 'timed_out'],
    [{ kind: 'cancelled', end: { kind: 'exited', code: 0 } }, true, 'cancelled'],
    [{ kind: 'cancelled' }, false, 'cancelled'],
    [{ kind: 'refused' }, false, 'not_started'],
    [{ kind: 'refused' }, true, 'failed'],
    [{ kind: 'unknown' }, false, 'lost'],
  ])('%j, begun: %s, means %s', (outcome, hasBegun, state) => {
    expect(stateAfter(outcome, EXIT_ZERO, hasBegun)).toBe(state);
  });

  it('is success by the criteria of the work alone', () => {
    const criteria = { exitCodes: [0, 3] };
    expect(stateAfter({ kind: 'exited', code: 3 }, criteria, true)).toBe('succeeded');
    expect(stateAfter({ kind: 'exited', code: 3 }, { exitCodes: [] }, true)).toBe('failed');
  });

  it('says how the process ended where there was one', () => {
    expect(processEnd({ kind: 'exited', code: 4 })).toEqual({ kind: 'exited', code: 4 });
    expect(processEnd({ kind: 'cancelled', end: killed })).toBe(killed);
    expect([processEnd({ kind: 'refused' }), processEnd({ kind: 'unknown' }), processEnd(undefined)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
