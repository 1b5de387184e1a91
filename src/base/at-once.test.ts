import { describe, expect, it } from 'vitest';
import { eachAtOnce } from './at-once.ts';

describe('work for each', () => {
  it('is never begun for more than so many, and is done for all', async () => {
    const [done, waiting]: [number[], (() => void)[]] = [[], []];
    let most = 0;
    const all = eachAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        most = Math.max(most, waiting.length);
      });
      done.push(item);
    });
    while (done.length < 7) {
      waiting.shift()?.();
      await Promise.resolve();
    }
    await all;
    expect([most, done]).toEqual([3, [1, 2, 3, 4, 5, 6, 7]]);
  });

  it('that fails is the answer, and no more is begun', async () => {
    const begun: number[] = [];
    await expect(
      eachAtOnce([1, 2, 3, 4], 1, async (item) => {
        begun.push(item);
        if (item === 2) throw new Error('two');
      }),
    ).rejects.toThrow('two');
    expect(begun).toEqual([1, 2]);
  });
});
