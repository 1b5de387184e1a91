import { expect, it } from 'vitest';
import { othersTurn } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import type { Store } from '../store/contract/store.ts';
import { HandClock } from '../../test/support/hand-clock.ts';
import { NoticeTeller } from './notice-teller.ts';

/** Looks that were asked of a store in which there is nothing. */
function world(look: () => Promise<unknown> = async () => ({ isAny: false, isLateWatched: false })) {
  const clock = new HandClock();
  let looks = 0;
  const store = { noticesLook: () => ((looks += 1), look()) } as unknown as Store;
  const unused = undefined as never;
  const teller = new NoticeTeller({
    store,
    clock,
    log: silentLog,
    random: seededRandom(1),
    sealer: unused,
    outbound: unused,
    linkOf: unused,
  });
  const passed = async (ms: number): Promise<number> => {
    clock.advance(ms);
    for (let turn = 0; turn < 3; turn++) await othersTurn();
    return looks;
  };
  return { teller, passed };
}

it('looks every five seconds, and half a second after it was woken, however often', async () => {
  const { teller, passed } = world();
  teller.wake();
  await teller.start();
  expect([await passed(4_999), await passed(1)]).toEqual([0, 1]);
  for (let times = 0; times < 100; times++) teller.wake();
  expect([await passed(499), await passed(1), await passed(4_999), await passed(1)]).toEqual([1, 2, 2, 3]);
  await teller.stop();
  teller.wake();
  expect(await passed(60_000)).toBe(3);
});

it('looks again soon where it was woken while it looked, for what it looked at may be older', async () => {
  let answer = (_value: unknown): void => undefined;
  const { teller, passed } = world(() => new Promise((resolve) => (answer = resolve)));
  await teller.start();
  expect(await passed(5_000)).toBe(1);
  teller.wake();
  answer({ isAny: false, isLateWatched: false });
  await passed(0);
  expect([await passed(499), await passed(1)]).toEqual([1, 2]);
  answer({ isAny: false, isLateWatched: false });
  await teller.stop();
});

it('goes on after a store that failed', async () => {
  let isAway = true;
  const { teller, passed } = world(async () => {
    if (isAway) throw new Error('away');
    return { isAny: false, isLateWatched: false };
  });
  await teller.start();
  expect(await passed(5_000)).toBe(1);
  isAway = false;
  expect(await passed(5_000)).toBe(2);
  await teller.stop();
});
