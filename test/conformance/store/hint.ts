/** What every store must do with hints. */
import { describe, expect, it } from 'vitest';
import { newId } from '../../../src/base/ids.ts';
import { until } from '../../support/until.ts';
import type { StoreWorld } from '../store-world.ts';

export function hintConformance(world: () => StoreWorld): void {
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
