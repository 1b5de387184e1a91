import { describe, expect, it } from 'vitest';
import { Together } from './together.ts';

interface Item {
  readonly id: string;
  readonly weight: number;
}
const refused = (message: string): Error => Object.assign(new Error(message), { code: '23514' });

/** Writes that a test lets end one by one. */
function written(): {
  batches: string[][];
  call: (id: string, weight?: number) => Promise<string>;
  end: (outcome?: Error) => Promise<void>;
} {
  const batches: string[][] = [];
  const ends: ((outcome?: Error) => void)[] = [];
  const together = new Together<Item, string>({
    write: (batch) =>
      new Promise((resolve, reject) => {
        batches.push(batch.map(({ id }) => id));
        ends.push((error) => (error ? reject(error) : resolve(batch.map(({ id }) => id.toUpperCase()))));
      }),
    weigh: ({ weight }) => weight,
    weightMax: 2_000,
    itemsMax: 100,
  });
  return {
    batches,
    call: (id, weight = 1) => together.call({ id, weight }),
    async end(outcome) {
      ends.shift()!(outcome);
      await new Promise(setImmediate);
    },
  };
}

describe('calls that come at once', () => {
  it('are written at once while nobody is before them; what comes meanwhile goes together', async () => {
    const { batches, call, end } = written();
    const calls = ['a', 'b', 'c', 'd', 'e'].map((id) => call(id));
    expect(batches).toEqual([['a'], ['b']]);
    await end();
    expect(batches).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
    await end();
    await end();
    expect(await Promise.all(calls)).toEqual(['A', 'B', 'C', 'D', 'E']);
  });

  it('with much in them go alone, and no more than a hundred together', async () => {
    const { batches, call, end } = written();
    const calls = [
      ...['a', 'b', 'c'].map((id) => call(id)),
      call('large', 2_000),
      ...Array.from({ length: 101 }, (_, i) => call(`n${i}`)),
    ];
    for (let i = 0; i < 6; i++) await end();
    await Promise.all(calls);
    expect(batches.map((batch) => batch.length)).toEqual([1, 1, 1, 1, 100, 1]);
  });

  it('are written one by one when the database refused them together, so that only the bad one is', async () => {
    const { batches, call, end } = written();
    const outcomes = Promise.allSettled(['a', 'b', 'good', 'bad', 'well'].map((id) => call(id)));
    for (const outcome of [undefined, undefined, refused('together'), undefined, refused('bad'), undefined])
      await end(outcome);
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(batches.slice(2)).toEqual([['good', 'bad', 'well'], ['good'], ['bad'], ['well']]);
  });

  it('all fail when nobody knows whether they were written: none is written again', async () => {
    const { batches, call, end } = written();
    const outcomes = Promise.allSettled(['a', 'b', 'c', 'd'].map((id) => call(id)));
    for (const outcome of [undefined, undefined, new Error('connection lost')]) await end(outcome);
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(batches).toEqual([['a'], ['b'], ['c', 'd']]);
  });
});
