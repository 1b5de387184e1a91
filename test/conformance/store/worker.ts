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
  });
}
