/** Whatever happens to a run in whatever order, late, twice or not at all: what its owner decides keeps every promise. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { given } from '../../base/given.ts';
import { RunWorld } from '../../../test/support/run-world.ts';

/** Everything that can happen; the number chooses among hosts, messages and amounts. */
const DEEDS: readonly (readonly [weight: number, name: string, deed: (world: RunWorld, n: number) => void])[] = [
  [6, 'advance', (world) => world.advance()],
  [
    6,
    'commit',
    (world) => {
      world.commitBegin(100);
      world.commitEnd();
    },
  ],
  [3, 'commit begins', (world, n) => world.commitBegin(1 + (n % 3))],
  [3, 'commit ends', (world) => world.commitEnd()],
  [6, 'receive', (world, n) => world.receive(n, false)],
  [2, 'receive twice', (world, n) => world.receive(n, true)],
  [8, 'hear', (world, n) => world.hear(n, false)],
  [2, 'hear twice', (world, n) => world.hear(n, true)],
  [2, 'hear old', (world, n) => world.hearOld(n)],
  [3, 'end', (world, n) => world.end(n)],
  [2, 'retell', (world, n) => world.retell(n)],
  [2, 'link', (world, n) => world.link(n)],
  [1, 'unlink', (world, n) => world.unlink(n, false)],
  [1, 'unlink and bounce', (world, n) => world.unlink(n, true)],
  [1, 'bounce', (world, n) => world.bounce(n)],
  [1, 'lie', (world, n) => world.lie(n)],
  [1, 'queue', (world, n) => world.queue(n)],
  [1, 'take over', (world) => world.takeOver()],
  [3, 'time', (world, n) => void (world.at += [10, 600, 1_100, 5_100, 21_000][n % 5]!)],
  [1, 'cancel', (world, n) => void (n % 4 === 0 && world.cancel())],
  [1, 'pause', (world, n) => world.pause(n % 2 === 0)],
];

const deeds = fc.array(
  fc.tuple(fc.oneof(...DEEDS.map(([weight, name]) => ({ weight, arbitrary: fc.constant(name) }))), fc.nat(1_000)),
  { maxLength: 150, size: 'max' },
);
const options = fc.record({
  hosts: fc.integer({ min: 1, max: 5 }),
  retries: fc.integer({ min: 0, max: 2 }),
  outcomes: fc.array(fc.constantFrom(0, 0, 0, 1, 7), { minLength: 1, maxLength: 9 }),
  concurrency: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  maxFailed: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
});
const deedOf = new Map(DEEDS.map(([, name, deed]) => [name, deed]));

describe('a run under any interleaving', () => {
  it('ends every execution in exactly one final state that is true, starts nothing twice, and counts what is', () => {
    fc.assert(
      fc.property(
        options,
        deeds,
        fc.array(fc.nat(4), { maxLength: 2 }),
        fc.boolean(),
        ({ concurrency, maxFailed, ...others }, happened, away, idly) => {
          const world = new RunWorld({ ...others, ...given({ concurrency, maxFailed }) });
          for (const [name, n] of happened) deedOf.get(name)!(world, n);
          world.settle(new Set(away), idly);
          world.checkEnd();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('acknowledges the late truth of a lost attempt only when that is written, not with the loss', () => {
    const world = new RunWorld({ hosts: 2, retries: 0, outcomes: [0] });
    const happened: readonly (readonly [string, number])[] = [
      ['advance', 0],
      ['commit', 0],
      ['advance', 0],
      ['receive', 1],
      ['receive', 0],
      ['unlink', 0],
      ['time', 4],
      ['advance', 0],
      ['hear', 0],
      ['hear', 1],
      ['commit', 0],
      ['link', 0],
      ['hear', 0],
      ['hear', 0],
      ['end', 0],
      ['hear twice', 0],
      ['commit begins', 0],
      ['commit ends', 0],
    ];
    for (const [name, n] of happened) deedOf.get(name)!(world, n);
    world.settle(new Set());
    world.checkEnd();
  });
});
