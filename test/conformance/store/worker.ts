/** What every store must do with workers. */
import { EVERYTHING } from '../../../src/domain/access/access-node.ts';
import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/base/ids.ts';
import { audit, type StoreWorld } from '../store-world.ts';

export function workerConformance(world: () => StoreWorld): void {
  describe('a worker', () => {
    it('is told with what was seen of it, and whether it is drained', async () => {
      const { workerId } = await world().join();
      await world().store.workerSeen({ id: workerId, agentAddress: 'h:1', version: '1.2.3', linked: true });
      expect(await world().store.workerFetch(workerId)).toMatchObject({
        agentAddress: 'h:1',
        linked: true,
        drained: false,
      });
      expect(await world().store.workerDrain(workerId, true, audit)).toMatchObject({ drained: true });
      expect((await world().store.workerList(EVERYTHING)).find(({ id }) => id === workerId)).toMatchObject({
        drained: true,
      });
      expect(await world().store.workerDrain(newId<'worker'>(), true, audit)).toBeUndefined();
    });

    it('is one process at a time: another start is let in once all servers have lost the former', async () => {
      const { store } = world();
      const { workerId: id } = await world().join();
      const servers = [newId<'server'>(), newId<'server'>()] as const;
      for (const server of servers)
        await store.serverRegister({ id: server, url: 'https://s', version: '1', leaseMs: 60_000 });
      const [first, second] = [newId(), newId()];
      const show = (instance: string, n: 0 | 1, isOtherHere = false) =>
        store.workerStartShow({ id, instance, serverId: servers[n], isOtherHere });
      const gone = (instance: string, n: 0 | 1) => store.workerStartGone({ id, instance, serverId: servers[n] });
      expect([await show(first, 0), await show(first, 1), await show(second, 0, true)]).toEqual([
        'admitted',
        'admitted',
        'held',
      ]);
      await gone(first, 0);
      expect(await show(second, 0)).toBe('held');
      await gone(second, 1);
      expect(await show(second, 0)).toBe('held');
      await gone(first, 1);
      expect([await show(second, 0), await show(first, 1)]).toEqual(['admitted', 'held']);
      // Of two that both live.
      expect([await show(second, 0), await show(first, 1)]).toEqual(['admitted', 'copied']);
      for (const server of servers) await store.serverDeregister(server);
    });
  });
}
