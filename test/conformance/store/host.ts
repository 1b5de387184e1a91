/** What every store must do with what is seen of hosts. */
import { describe, expect, it } from 'vitest';
import { newId, type HostId, type WorkerId } from '../../../src/base/ids.ts';
import type { StoreWorld } from '../store-world.ts';

export function hostConformance(world: () => StoreWorld): void {
  describe('the presence of a host', () => {
    it('is kept as it was seen last, and of what a worker does not hold that it has left', async () => {
      const { agentId, hostId, workerId } = await world().join();
      const seen = (linked: boolean, atMs: number): Promise<void> =>
        world().store.hostPresenceWrite([{ hostId, agentId, workerId, linked, atMs }]);
      await seen(true, 10);
      await seen(false, 9);
      expect(await world().isLinked(hostId)).toBe(true);
      await world().store.hostPresenceReconcile({ workerId, linked: [hostId], atMs: 11 });
      await world().store.hostPresenceReconcile({ workerId, linked: [], atMs: 9 });
      expect(await world().isLinked(hostId)).toBe(true);
      await world().store.hostPresenceReconcile({ workerId, linked: [], atMs: 11 });
      expect(await world().isLinked(hostId)).toBe(false);
      await seen(true, 10);
      expect(await world().isLinked(hostId)).toBe(false);
    });

    it('stays, when it has moved to another worker and another server sees only later that it left the first', async () => {
      const { agentId, hostId, workerId } = await world().join();
      const seen = (linked: boolean, at: WorkerId, atMs: number): Promise<void> =>
        world().store.hostPresenceWrite([{ hostId, agentId, workerId: at, linked, atMs }]);
      const next = newId<'worker'>() as WorkerId;
      await seen(true, workerId, 10);
      await seen(true, next, 20);
      await seen(false, workerId, 25);
      expect(await world().isLinked(hostId)).toBe(true);
      await seen(false, next, 30);
      expect(await world().isLinked(hostId)).toBe(false);
    });

    it('stays with the worker of the newer session, when a server is late with what an older link has shown', async () => {
      const { store, join, isLinked } = world();
      const { agentId, hostId, workerId } = await join();
      const { workerId: next } = await join();
      const instance = newId();
      const show = (at: WorkerId, link: number): Promise<readonly string[]> =>
        store.agentInstancesShow([
          { agentId, hostId, workerId: at, instance: { instance, start: 1, link, workerId: at } },
        ]);
      const seen = (linked: boolean, at: WorkerId, atMs: number): Promise<void> =>
        store.hostPresenceWrite([{ hostId, agentId, workerId: at, linked, atMs }]);
      expect([...(await show(workerId, 1)), ...(await show(next, 2))]).toEqual(['admitted', 'admitted']);
      await seen(true, next, 20);
      await seen(true, workerId, 30);
      await seen(false, workerId, 40);
      expect(await isLinked(hostId)).toBe(true);
      await seen(false, next, 50);
      expect(await isLinked(hostId)).toBe(false);
    });
  });

  it('names those of some hosts that have no agent', async () => {
    const { store, join } = world();
    const { agentId, hostId } = await join();
    const { hostId: other } = await join();
    const unknown = newId<'host'>() as HostId;
    expect(await store.hostsWithoutAgent([hostId, unknown])).toEqual([unknown]);
    // One that is away is an agent all the same.
    await store.hostPresenceWrite([{ hostId, agentId, linked: false, atMs: 1 }]);
    expect(await store.hostsWithoutAgent([hostId, other])).toEqual([]);
    expect(await store.hostsWithoutAgent([])).toEqual([]);
  });

  it('names the hosts outside of zones', async () => {
    const { store, join } = world();
    const { hostId } = await join();
    expect(await store.hostsOutside(['other', 'default'])).not.toContain(hostId);
    expect(await store.hostsOutside(['other'])).toContain(hostId);
    expect(await store.hostsOutside([])).toContain(hostId);
  });
}
