import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canExecutionMove,
  emptyCounts,
  EXECUTION_STATES,
  EXECUTION_TRANSITIONS,
  isTerminalExecution,
  TERMINAL_EXECUTION_STATES,
  type ExecutionCounts,
  type ExecutionState,
} from '../crew/execution-machine.ts';
import { canRunMove, isSettled, isTerminalRun, RUN_STATES, runVerdict } from './run-machine.ts';

function counts(some: Partial<ExecutionCounts>): ExecutionCounts {
  return { ...emptyCounts(), ...some };
}

describe('executions', () => {
  it('never leave a terminal state, but for lost, which its own late truth may settle', () => {
    for (const from of TERMINAL_EXECUTION_STATES) {
      const to = EXECUTION_TRANSITIONS[from] as readonly ExecutionState[];
      expect(to.every((state) => from === 'lost' && isTerminalExecution(state) && state !== 'lost')).toBe(true);
    }
  });

  it('can always still end', () => {
    for (const from of EXECUTION_STATES) {
      if (!isTerminalExecution(from))
        expect(TERMINAL_EXECUTION_STATES.some((to) => canExecutionMove(from, to))).toBe(true);
    }
  });
});

describe('the verdict of a run', () => {
  it.each([
    ['all succeeded', { succeeded: 3 }, false, 'succeeded'],
    ['one failed', { succeeded: 2, failed: 1 }, false, 'failed'],
    ['one lost', { succeeded: 2, lost: 1 }, false, 'failed'],
    ['one never started', { succeeded: 2, not_started: 1 }, false, 'failed'],
    ['stopped by the failure limit', { failed: 2, skipped: 8 }, false, 'failed'],
    ['one timed out', { succeeded: 2, timed_out: 1 }, false, 'timed_out'],
    ['failure is worse than time-out', { timed_out: 1, failed: 1 }, false, 'failed'],
    ['cancelled with some done', { succeeded: 2, cancelled: 1 }, true, 'cancelled'],
    ['cancel came too late', { succeeded: 3 }, true, 'succeeded'],
    ['no host', {}, false, 'skipped'],
  ] as const)('%s', (_, some, cancelRequested, verdict) =>
    expect(runVerdict(counts(some), cancelRequested)).toBe(verdict),
  );

  it('is always one that a running run may move to', () => {
    const any = fc.record(
      Object.fromEntries(TERMINAL_EXECUTION_STATES.map((s) => [s, fc.nat(3)])) as Record<
        ExecutionState,
        fc.Arbitrary<number>
      >,
    );
    fc.assert(
      fc.property(any, fc.boolean(), (some, cancelRequested) => {
        const verdict = runVerdict(counts(some), cancelRequested);
        expect(isTerminalRun(verdict)).toBe(true);
        for (const from of ['waiting', 'running', 'stopping'] as const) expect(canRunMove(from, verdict)).toBe(true);
      }),
    );
  });

  it('says succeeded only when every execution did', () => {
    const any = fc.record(
      Object.fromEntries(TERMINAL_EXECUTION_STATES.map((s) => [s, fc.nat(2)])) as Record<
        ExecutionState,
        fc.Arbitrary<number>
      >,
    );
    fc.assert(
      fc.property(any, fc.boolean(), (some, cancelRequested) => {
        const total = EXECUTION_STATES.reduce((sum, s) => sum + (some[s] ?? 0), 0);
        expect(runVerdict(counts(some), cancelRequested) === 'succeeded').toBe(total > 0 && some.succeeded === total);
      }),
    );
  });

  it('waits until the counts add up', () => {
    expect(isSettled(counts({ succeeded: 5 }))).toBe(true);
    for (const state of ['waiting', 'dispatched', 'running'] as const)
      expect(isSettled(counts({ succeeded: 5, [state]: 1 }))).toBe(false);
  });

  it('leaves a terminal run only by a retry, or from failed by late truth', () => {
    for (const from of RUN_STATES.filter(isTerminalRun)) {
      for (const to of RUN_STATES) if (from !== 'failed' && canRunMove(from, to)) expect(to).toBe('running');
    }
  });

  it('may always follow the late truth of a lost execution', () => {
    const any = fc.record(
      Object.fromEntries(TERMINAL_EXECUTION_STATES.map((s) => [s, fc.nat(2)])) as Record<
        ExecutionState,
        fc.Arbitrary<number>
      >,
    );
    fc.assert(
      fc.property(any, fc.boolean(), fc.constantFrom(...EXECUTION_TRANSITIONS.lost), (some, cancelRequested, truth) => {
        const before = counts({ ...some, lost: (some.lost ?? 0) + 1 });
        const after = { ...before, lost: before.lost - 1, [truth]: before[truth] + 1 };
        const [from, to] = [runVerdict(before, cancelRequested), runVerdict(after, cancelRequested)];
        expect(from === to || canRunMove(from, to)).toBe(true);
      }),
    );
  });
});
