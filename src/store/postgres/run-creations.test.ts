import { describe, expect, it } from 'vitest';
import type { NewRun, RunRecord } from '../store.ts';
import { RunCreations } from './run-creations.ts';
import type { Creation } from './run-create.ts';

function creation(id: string, hosts = 1): Creation {
  return { run: { id, targets: Array.from({ length: hosts }) } as unknown as NewRun, audit: {} as never };
}
const recordOf = ({ run: { id } }: Creation): RunRecord => ({ id }) as RunRecord;

/** Writes that a test lets end one by one. */
function written(): { batches: string[][]; creations: RunCreations; end: (outcome?: Error) => void } {
  const batches: string[][] = [];
  const ends: ((outcome?: Error) => void)[] = [];
  const creations = new RunCreations(
    (batch) =>
      new Promise((resolve, reject) => {
        batches.push(batch.map(({ run }) => run.id));
        ends.push((error) => (error ? reject(error) : resolve(batch.map(recordOf))));
      }),
  );
  return { batches, creations, end: (outcome) => ends.shift()!(outcome) };
}

describe('new runs', () => {
  it('that come alone are written at once; what comes meanwhile goes together', async () => {
    const { batches, creations, end } = written();
    const runs = ['a', 'b', 'c', 'd', 'e'].map((id) => creations.create(creation(id)));
    expect(batches).toEqual([['a'], ['b']]);
    end();
    await runs[0];
    await Promise.resolve();
    expect(batches).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
    end();
    end();
    expect((await Promise.all(runs)).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('of many hosts go alone, and no more than a hundred together', async () => {
    const { batches, creations, end } = written();
    const runs = [
      ...['a', 'b', 'c'].map((id) => creations.create(creation(id))),
      creations.create(creation('large', 2_000)),
      ...Array.from({ length: 101 }, (_, i) => creations.create(creation(`n${i}`))),
    ];
    for (let i = 0; i < 6; i++) {
      end();
      await new Promise(setImmediate);
    }
    await Promise.all(runs);
    expect(batches.map((batch) => batch.length)).toEqual([1, 1, 1, 1, 100, 1]);
  });

  it('are written one by one when they were refused together, so that only the bad one is', async () => {
    const { batches, creations, end } = written();
    const runs = ['a', 'b', 'good', 'bad', 'well'].map((id) => creations.create(creation(id)));
    const outcomes = Promise.allSettled(runs);
    for (const outcome of [undefined, undefined, new Error('together'), undefined, new Error('bad'), undefined]) {
      end(outcome);
      await new Promise(setImmediate);
    }
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(batches.slice(2)).toEqual([['good', 'bad', 'well'], ['good'], ['bad'], ['well']]);
  });
});
