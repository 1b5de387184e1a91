import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { pickQueue, PRIORITIES, type Priority } from './queue-pick.ts';

const WEIGHTS: Readonly<Record<Priority, number>> = { high: 6, normal: 3, low: 1 };
const DRAWS = 4_000;
const lengths = fc.record({ high: fc.nat(3), normal: fc.nat(3), low: fc.nat(3) });

it('gives every queue that holds something its share by weight, and no other anything', () => {
  fc.assert(
    fc.property(lengths, fc.integer(), (held, seed) => {
      const random = seededRandom(seed);
      const picks: Record<Priority, number> = { high: 0, normal: 0, low: 0 };
      for (let i = 0; i < DRAWS; i++) {
        const picked = pickQueue(held, random);
        if (picked) picks[picked]++;
      }
      const total = PRIORITIES.reduce((sum, priority) => sum + (held[priority] > 0 ? WEIGHTS[priority] : 0), 0);
      // Within more than six standard deviations of what the weights say.
      for (const priority of PRIORITIES)
        expect(Math.abs(picks[priority] / DRAWS - (held[priority] > 0 ? WEIGHTS[priority] / total : 0))).toBeLessThan(
          0.05,
        );
    }),
    { numRuns: 100 },
  );
});

it('never lets low starve: it is not passed over three hundred times on end', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seededRandom(seed);
      let [passedOver, most] = [0, 0];
      for (let i = 0; i < DRAWS; i++) {
        passedOver = pickQueue({ high: 9, normal: 9, low: 9 }, random) === 'low' ? 0 : passedOver + 1;
        most = Math.max(most, passedOver);
      }
      expect(most).toBeLessThan(300);
    }),
    { numRuns: 50 },
  );
});

it('picks nothing when all are empty', () => {
  expect(pickQueue({ high: 0, normal: 0, low: 0 }, seededRandom(1))).toBeUndefined();
});
