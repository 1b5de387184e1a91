/** What every store must do with the starts of agents. */
import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/base/ids.ts';
import type { StoreWorld } from '../store-world.ts';

export function agentConformance(world: () => StoreWorld): void {
  describe('the starts of an agent', () => {
    it('are judged one by one, in its zone, for its host', async () => {
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
  });
}
