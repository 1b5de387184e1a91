import { describe, expect, it } from 'vitest';
import { writeApart } from './write-apart.ts';

const refusal = Object.assign(new Error('integer out of range'), { code: '22003' });

function table(bad: ReadonlySet<number>): {
  written: number[];
  calls: number;
  write: (items: readonly number[]) => Promise<void>;
} {
  const state = {
    written: [] as number[],
    calls: 0,
    async write(items: readonly number[]): Promise<void> {
      state.calls++;
      if (items.some((item) => bad.has(item))) throw refusal;
      state.written.push(...items);
    },
  };
  return state;
}

describe('a batch', () => {
  it('without a fault is written at once', async () => {
    const state = table(new Set());
    expect(await writeApart([1, 2, 3], state.write)).toEqual([]);
    expect([state.written, state.calls]).toEqual([[1, 2, 3], 1]);
  });

  it('with an item that the database refuses loses that item alone, in few writes', async () => {
    const items = Array.from({ length: 64 }, (_, i) => i);
    const state = table(new Set([17]));
    expect(await writeApart(items, state.write)).toEqual([{ item: 17, error: refusal }]);
    expect(state.written).toEqual(items.filter((item) => item !== 17));
    expect(state.calls).toBeLessThanOrEqual(13);
  });

  it("is nobody's fault when the database is away", async () => {
    const away = Object.assign(new Error('away'), { code: 'database-unavailable' });
    await expect(writeApart([1, 2], () => Promise.reject(away))).rejects.toBe(away);
  });
});
