/** What every store must do with servers and their partitions, with what a fleet shows of itself, and with hints. */
import { describe, expect, it } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { until } from '../support/until.ts';
import { audit, newServer, type StoreWorld } from './store-world.ts';

export function fleetConformance(world: () => StoreWorld): void {
  describe('partitions', () => {
    it('are shared fairly, and a server whose lease ran out loses its own with a new term', async () => {
      await world().serversGone();
      const [a, b] = [await newServer(world().store), await newServer(world().store)];
      const looks = await Promise.all([world().store.ownerLook(a), world().store.ownerLook(b)]);
      const [ofA, ofB] = [looks[0].partitions, looks[1].partitions];
      expect(ofA.length + ofB.length).toBe(32);
      expect(ofA).toHaveLength(16);
      await world().leaseOver(a);
      const all = (await world().store.ownerLook(b)).partitions;
      expect(all).toHaveLength(32);
      for (const { id, term } of ofA) expect(all.find((p) => p.id === id)!.term).toBe(term + 1);
      expect((await world().store.ownerLook(a)).partitions).toEqual([]);
    });
  });

  describe('what the fleet shows', () => {
    it('is judged start by start of an agent, in its zone, for its host', async () => {
      const { agentId, hostId, workerId } = await world().join();
      const show = async (start: number, instance: string, more = {}): Promise<string> =>
        (
          await world().store.agentInstancesShow([
            { agentId, hostId, workerId, instance: { instance, start, link: 1, workerId }, ...more },
          ])
        )[0]!;
      const [first, second] = [newId(), newId()];
      expect(await show(1, first)).toBe('admitted');
      expect(await show(2, second)).toBe('admitted');
      expect(await show(1, first)).toBe('stale');
      expect(await show(2, newId())).toBe('copied');
      expect(await show(3, second, { hostId: newId<'host'>() })).toBe('unknown');
      expect(await show(3, second, { workerId: newId<'worker'>() })).toBe('other-zone');
      expect(await show(3, second, { agentId: newId<'agent'>() })).toBe('unknown');
    });

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

    it('tells of workers what was seen of them, and whether they are drained', async () => {
      const { workerId } = await world().join();
      await world().store.workerSeen({ id: workerId, agentAddress: 'h:1', version: '1.2.3', linked: true });
      expect(await world().store.workerFetch(workerId)).toMatchObject({
        agentAddress: 'h:1',
        linked: true,
        drained: false,
      });
      expect(await world().store.workerDrain(workerId, true, audit)).toMatchObject({ drained: true });
      expect((await world().store.workerList()).find(({ id }) => id === workerId)).toMatchObject({ drained: true });
      expect(await world().store.workerDrain(newId<'worker'>(), true, audit)).toBeUndefined();
    });
  });

  describe('a hint', () => {
    it('is heard by who listens for it, until he has had enough', async () => {
      const heard: string[] = [];
      const stop = world().store.listen(
        'progress',
        (payload) => void heard.push(payload),
        () => undefined,
      );
      const ids = [newId(), newId()];
      // Hints are lost while a store is not listening yet.
      await until('it is heard', () => {
        if (!heard.includes(ids[0]!)) world().store.notify('progress', ids[0]!);
        return heard.includes(ids[0]!);
      });
      stop();
      const other = new Promise<void>((resolve) => {
        const end = world().store.listen(
          'progress',
          (payload) => {
            if (payload !== ids[1]) return;
            end();
            resolve();
          },
          () => undefined,
        );
      });
      world().store.notify('progress', ids[1]!);
      await other;
      expect(heard).not.toContain(ids[1]);
    });
  });
}
