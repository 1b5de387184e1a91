/** What every store must do with servers and their partitions. */
import { describe, expect, it } from 'vitest';
import { PARTITION_COUNT } from '../../../src/domain/run/partition.ts';
import { newServer, type StoreWorld } from '../store-world.ts';

export function leaseConformance(world: () => StoreWorld): void {
  describe('partitions', () => {
    it('are shared fairly, and a server whose lease ran out loses its own with a new term', async () => {
      await world().serversGone();
      const [a, b] = [await newServer(world().store), await newServer(world().store)];
      const looks = await Promise.all([world().store.ownerLook(a), world().store.ownerLook(b)]);
      const [ofA, ofB] = [looks[0].partitions, looks[1].partitions];
      expect(ofA.length + ofB.length).toBe(PARTITION_COUNT);
      expect(ofA).toHaveLength(PARTITION_COUNT / 2);
      await world().leaseOver(a);
      const all = (await world().store.ownerLook(b)).partitions;
      expect(all).toHaveLength(PARTITION_COUNT);
      for (const { id, term } of ofA) expect(all.find((p) => p.id === id)!.term).toBe(term + 1);
      expect((await world().store.ownerLook(a)).partitions).toEqual([]);
    });
  });
}
