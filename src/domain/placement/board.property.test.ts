/** Boards of any workers under any events: nobody is given more than there is, and whoever fits is found. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { PlacementBoard } from './board.ts';
import { STRATEGY_NAMES, type TaskShape } from './plugins.ts';

const workers = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 0, max: 30 }).map((n) => `w${n}`),
    zone: fc.constantFrom('a', 'b'),
    isDrained: fc.boolean(),
    hasEngine: fc.boolean(),
    milliCpus: fc.integer({ min: 0, max: 4 }),
    memoryMiB: fc.integer({ min: 0, max: 4 }),
    slots: fc.integer({ min: 1, max: 3 }),
  }),
  { selector: ({ id }) => id, maxLength: 24 },
);
const shapes = fc.array(
  fc.record({
    zone: fc.constantFrom(undefined, 'a', 'b'),
    milliCpus: fc.integer({ min: 0, max: 3 }),
    memoryMiB: fc.integer({ min: 0, max: 3 }),
    strategy: fc.constantFrom(...STRATEGY_NAMES),
  }),
  { minLength: 1, maxLength: 4 },
);
const events = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('pick' as const), shape: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), shape: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('gone' as const), shape: fc.nat(23) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('cool' as const), shape: fc.nat(23) }) },
  ),
  { maxLength: 60 },
);

describe('a board', () => {
  it('gives nobody more than there is, passes over who may not, finds whoever fits, and counts each worker once', () => {
    fc.assert(
      fc.property(workers, shapes, events, fc.integer(), (fleet, wanted, all, seed) => {
        const [board, random] = [new PlacementBoard(), seededRandom(seed)];
        const here = new Map(fleet.map((one) => [one.id, one]));
        const cools = new Map<string, number>();
        const told: TaskShape[] = wanted.map(({ zone, strategy, milliCpus, memoryMiB }) => ({
          engine: 'process',
          isMeant: ({ labels }) => zone === undefined || labels.zone === zone,
          needs: { milliCpus, memoryMiB, diskMiB: 0 },
          strategy,
        }));
        for (const { id, zone, isDrained, hasEngine, milliCpus, memoryMiB, slots } of fleet) {
          const resources = { milliCpus, memoryMiB, diskMiB: 0 };
          const engines = hasEngine ? ['process'] : [];
          const known = { id, name: id, labels: { zone }, engines, isDrained, slots };
          board.tell({ ...known, total: resources, free: resources, underWay: 0, queued: 0, loadMilliCpus: 0 });
        }
        const given: { id: string; shape: TaskShape }[] = [];
        for (const [nowAt, event] of all.entries()) {
          if (event.kind === 'gone' || event.kind === 'cool') {
            const id = [...here.keys()][event.shape];
            if (id === undefined) continue;
            if (event.kind === 'cool') board.cool(id, cools.set(id, nowAt + 5).get(id)!);
            else board.gone(id);
            if (event.kind === 'gone') here.delete(id);
            continue;
          }
          if (event.kind === 'end') {
            const [over] = given.splice(event.shape % Math.max(1, given.length), 1);
            if (over) board.giveBack(over.id, over.shape);
            continue;
          }
          const shape = told[event.shape % told.length]!;
          const sifted = board.sift(shape, nowAt);
          const out = Object.values(sifted.ruledOut).reduce((sum, n) => sum + n, 0);
          expect([sifted.all, sifted.fits + out]).toEqual([here.size, here.size]);
          const placed = board.pick(shape, random, nowAt);
          expect(placed === undefined).toBe(sifted.fits === 0);
          if (!placed) continue;
          expect(placed.considered).toBeLessThanOrEqual(sifted.fits);
          board.take(placed.id, shape);
          given.push({ id: placed.id, shape });
          const worker = here.get(placed.id)!;
          expect([worker.isDrained, worker.hasEngine]).toEqual([false, true]);
          expect(shape.isMeant({ name: worker.id, labels: { zone: worker.zone } })).toBe(true);
          expect(cools.get(worker.id) ?? 0).toBeLessThanOrEqual(nowAt);
          for (const of of ['milliCpus', 'memoryMiB'] as const) {
            const used = given
              .filter(({ id }) => id === worker.id)
              .reduce((sum, { shape: one }) => sum + one.needs[of], 0);
            expect(used).toBeLessThanOrEqual(worker[of]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
