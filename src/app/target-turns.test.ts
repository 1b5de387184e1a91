import { expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import type { Store } from '../store/contract/store.ts';
import { HostView } from './host-view.ts';
import { expandTargets } from './run-start.ts';

it('others have their turns while a large fleet is held against an expression, and the hosts are the same', async () => {
  const hosts = Array.from({ length: 10_000 }, (_, i) => ({ id: String(i), name: `host-${i}`, labels: {} }));
  const store = { hostDirectory: async () => ({ version: 1, hosts }) } as unknown as Store;
  let turns = 0;
  let isOver = false;
  const count = (): void => void (isOver || (turns++, setImmediate(count)));
  setImmediate(count);
  // By this clock a look at some hosts takes a millisecond.
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs++ };
  const found = await expandTargets({ store, hosts: new HostView(store), clock }, 'host-*0 or host-7');
  isOver = true;
  expect(found.hosts.map(({ name }) => name)).toEqual(
    hosts.map(({ name }) => name).filter((name) => name.endsWith('0') || name === 'host-7'),
  );
  expect(turns).toBeGreaterThanOrEqual(80);
});
