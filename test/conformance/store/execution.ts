/** What every store must do with executions, for reading. */
import { describe, expect, it } from 'vitest';
import { newRun, type StoreWorld } from '../store-world.ts';

export function executionConformance(world: () => StoreWorld): void {
  describe('a list of executions', () => {
    it('pages by a cursor that cannot be made up', async () => {
      const { id } = await newRun(world(), 5);
      const first = await world().store.executionList(id, {}, { limit: 3 });
      const second = await world().store.executionList(id, {}, { limit: 3, cursor: first.next! });
      expect([...first.items, ...second.items].map((e) => e.ordinal)).toEqual([0, 1, 2, 3, 4]);
      expect(second.next).toBeUndefined();
      await expect(world().store.executionList(id, {}, { limit: 3, cursor: 'nonsense' })).rejects.toMatchObject({
        code: 'bad-input',
      });
    });
  });
}
