import { expect, it } from 'vitest';
import { offerCounted, type KeyOffers } from './key-offers.ts';

const HOUR_MS = 3_600_000;

/** The numbers of those that are told, and of how many before each. */
function told(times: readonly number[]): [number, number][] {
  let offers: KeyOffers | undefined;
  return times.flatMap((atMs, n): [number, number][] => {
    const counted = offerCounted(offers, atMs, 5);
    offers = counted.now;
    return counted.told ? [[n + 1, counted.told.untold]] : [];
  });
}

it('tells the first few of an hour one by one, then ever fewer, and counts the others', () => {
  const tellings = told(Array.from({ length: 1_000 }, (_, n) => n * 100));
  expect(tellings).toEqual([
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 0],
    [10, 4],
    [20, 9],
    [40, 19],
    [80, 39],
    [160, 79],
    [320, 159],
    [640, 319],
  ]);
});

it('tells in the next hour of those that the last one kept back, and begins anew', () => {
  const hour = (at: number): number[] => Array.from({ length: 13 }, (_, n) => at * HOUR_MS + n);
  expect(told([...hour(0), ...hour(1)])).toEqual(
    [1, 2, 3, 4, 5]
      .map((n) => [n, 0])
      .concat(
        [
          [10, 4],
          [14, 3],
        ],
        [15, 16, 17, 18].map((n) => [n, 0]),
        [[23, 4]],
      ),
  );
});

it('does not wait for a clock that was put back', () => {
  expect(told([HOUR_MS, 0, 1, 2])).toHaveLength(4);
});
