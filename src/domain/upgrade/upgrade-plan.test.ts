import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyAgentUpgradeCounts,
  isTerminalUpgrade,
  UPGRADE_TRANSITIONS,
  type AgentUpgradeCounts,
  type UpgradeState,
} from './upgrade-machine.ts';
import { planUpgrade, type UpgradeStanding } from './upgrade-plan.ts';

function standing(
  more: Omit<Partial<UpgradeStanding>, 'counts'> & { counts?: Partial<AgentUpgradeCounts> },
): UpgradeStanding {
  return {
    state: 'running',
    cancelRequested: false,
    batch: 10,
    maxFailed: 0,
    waitMs: 60_000,
    ordered: [],
    ...more,
    counts: { ...emptyAgentUpgradeCounts(), ...more.counts },
  };
}

describe('the plan of an upgrade', () => {
  it('orders a batch, waits for it to end, and orders the next', () => {
    expect(planUpgrade(standing({ counts: { waiting: 25 } }), 0)).toEqual({
      order: 10,
      unanswered: [],
      skipSilent: [],
      skipWaiting: false,
      state: 'running',
    });
    expect(
      planUpgrade(
        standing({
          counts: { waiting: 15, ordered: 1, succeeded: 9 },
          ordered: [{ ordinal: 3, orderedAtMs: 0, isSilent: false }],
        }),
        59_999,
      ),
    ).toMatchObject({ order: 0, unanswered: [], state: 'running' });
    expect(planUpgrade(standing({ counts: { waiting: 5, succeeded: 20 } }), 0)).toMatchObject({
      order: 5,
      state: 'running',
    });
    expect(planUpgrade(standing({ counts: { succeeded: 25 } }), 0)).toMatchObject({ order: 0, state: 'succeeded' });
  });

  it('stops after too many failures of any kind, and lets what is in hand end', () => {
    const late = standing({
      counts: { waiting: 15, ordered: 2, rolled_back: 1 },
      maxFailed: 1,
      ordered: [
        { ordinal: 1, orderedAtMs: 0, isSilent: false },
        { ordinal: 2, orderedAtMs: 30_000, isSilent: false },
      ],
    });
    expect(planUpgrade(late, 60_000)).toEqual({
      order: 0,
      unanswered: [1],
      skipSilent: [],
      skipWaiting: true,
      state: 'stopping',
    });
    expect(
      planUpgrade(standing({ state: 'stopping', counts: { skipped: 15, failed: 2, succeeded: 8 }, maxFailed: 1 }), 0),
    ).toMatchObject({ state: 'failed' });
    expect(planUpgrade(standing({ counts: { waiting: 15, failed: 1 }, maxFailed: 1 }), 0)).toMatchObject({ order: 10 });
  });

  it('skips the rest when it is cancelled', () => {
    expect(planUpgrade(standing({ cancelRequested: true, counts: { waiting: 5 } }), 0)).toEqual({
      order: 0,
      unanswered: [],
      skipSilent: [],
      skipWaiting: true,
      state: 'cancelled',
    });
    expect(
      planUpgrade(
        standing({
          cancelRequested: true,
          counts: { waiting: 5, ordered: 1 },
          ordered: [{ ordinal: 0, orderedAtMs: 0, isSilent: false }],
        }),
        0,
      ),
    ).toMatchObject({ skipWaiting: true, state: 'stopping' });
  });

  it('waits, once it is cancelled, for those that could answer, and not for those whose agent is away', () => {
    const ordered = [
      { ordinal: 0, orderedAtMs: 0, isSilent: true },
      { ordinal: 1, orderedAtMs: 0, isSilent: false },
    ];
    const silent = standing({ counts: { ordered: 2, waiting: 3 }, ordered });
    expect(planUpgrade(silent, 30_000)).toMatchObject({ skipSilent: [], state: 'running' });
    const cancelled = { ...silent, cancelRequested: true };
    expect(planUpgrade(cancelled, 14_999)).toMatchObject({ skipSilent: [], state: 'stopping' });
    expect(planUpgrade(cancelled, 15_000)).toMatchObject({ skipSilent: [0], skipWaiting: true, state: 'stopping' });
    expect(
      planUpgrade({ ...cancelled, counts: { ...silent.counts, ordered: 1 }, ordered: ordered.slice(0, 1) }, 15_000),
    ).toMatchObject({ skipSilent: [0], unanswered: [], state: 'cancelled' });
  });

  it('ends as cancelled when what was in hand never answers, and as failed only where more failed than may', () => {
    const hanging = standing({
      state: 'stopping',
      cancelRequested: true,
      counts: { ordered: 1, skipped: 4 },
      ordered: [{ ordinal: 0, orderedAtMs: 0, isSilent: false }],
    });
    expect(planUpgrade(hanging, 60_000)).toMatchObject({ unanswered: [0], state: 'cancelled' });
    const cancelled = { state: 'stopping', cancelRequested: true } as const;
    expect(planUpgrade(standing({ ...cancelled, counts: { unanswered: 1, skipped: 4 } }), 0).state).toBe('cancelled');
    expect(planUpgrade(standing({ ...cancelled, counts: { rolled_back: 1, skipped: 4 } }), 0).state).toBe('failed');
    expect(planUpgrade(standing({ counts: { unanswered: 1 } }), 0).state).toBe('failed');
  });

  it('does nothing to one that has ended, and moves only along the table, never with more in hand than a batch', () => {
    const count = fc.nat(30);
    fc.assert(
      fc.property(
        fc.constantFrom<UpgradeState>('running', 'stopping', 'succeeded', 'failed', 'cancelled'),
        fc.boolean(),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(5),
        fc.array(fc.nat(120_000), { maxLength: 20 }),
        count,
        count,
        (state, cancelRequested, batch, maxFailed, ages, waiting, failed) => {
          const from = standing({
            state,
            cancelRequested,
            batch,
            maxFailed,
            counts: { waiting, failed, ordered: ages.length },
            ordered: ages.map((orderedAtMs, ordinal) => ({ ordinal, orderedAtMs, isSilent: ordinal % 2 === 0 })),
          });
          const step = planUpgrade(from, 120_000);
          if (isTerminalUpgrade(state))
            return void expect(step).toEqual({ order: 0, unanswered: [], skipSilent: [], skipWaiting: false, state });
          expect(
            step.state === state || (UPGRADE_TRANSITIONS[state] as readonly UpgradeState[]).includes(step.state),
          ).toBe(true);
          const inHand = ages.length - new Set([...step.unanswered, ...step.skipSilent]).size;
          if (!cancelRequested) expect(step.skipSilent).toEqual([]);
          if (step.order > 0) expect(inHand).toBe(0);
          expect(step.order).toBeLessThanOrEqual(batch);
          if (isTerminalUpgrade(step.state)) expect(inHand + (step.skipWaiting ? 0 : waiting)).toBe(0);
        },
      ),
    );
  });
});
