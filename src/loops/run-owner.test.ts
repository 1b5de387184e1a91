import { expect, it } from 'vitest';
import { createMemoryStore } from '../../test/support/memory-store/memory-store.ts';
import { MemoryTables } from '../../test/support/memory-store/rows.ts';
import { until } from '../../test/support/until.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { newId, PARTITION_COUNT } from '../base/ids.ts';
import { silentLog } from '../base/log.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { createMasterKey } from '../pki/sealer.ts';
import type { Store } from '../store/store.ts';
import { RunOwner } from './run-owner.ts';

it('takes a partition that it gave up again under another term only: a write of before may still be under way', async () => {
  let [isTrusted, timers] = [true, [] as (() => void)[]];
  const clock: Clock = {
    ...systemClock,
    after(_delayMs, callback) {
      timers.push(callback);
      return () => void (timers = timers.filter((one) => one !== callback));
    },
  };
  const store = createMemoryStore(new MemoryTables(), clock);
  const serverId = newId<'server'>();
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: '1', leaseMs: 60_000 });
  const owner = new RunOwner({
    serverId,
    store: store as unknown as Store,
    fleet: { announceOwned() {} } as unknown as Fleet,
    sealer: createMasterKey(Buffer.alloc(32, 7)),
    clock,
    log: silentLog,
    isLeaseTrusted: () => isTrusted,
  });
  await owner.start();
  const terms = (): number[] => owner.owned().map(({ term }) => term);
  const pass = (): boolean => {
    for (const due of timers.splice(0)) due();
    return true;
  };
  expect(terms()).toEqual(Array<number>(PARTITION_COUNT).fill(1));
  isTrusted = false;
  pass();
  await until('all to be given up', () => owner.runCount === 0 && terms().length === 0);
  isTrusted = true;
  await until('all to be taken again', () => pass() && terms().length === PARTITION_COUNT);
  expect(terms()).toEqual(Array<number>(PARTITION_COUNT).fill(2));
  await owner.stop();
});
