import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { batchEnds, batchesText, parseBatches, type BatchSize } from './batches.ts';

function batchesOf(text: string): readonly BatchSize[] {
  const parsed = parseBatches(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.batches;
}
function sizes(text: string, total: number): number[] | undefined {
  return batchEnds(batchesOf(text), total)?.map((end, at, ends) => end - (ends[at - 1] ?? 0));
}

describe('batches', () => {
  it.each([
    ['1, 10, 50, all', 100, [1, 10, 50, 39]],
    ['10% 30% 100%', 100, [10, 30, 60]],
    ['10 25% 50 +5 *2 100%', 1_000, [10, 250, 50, 55, 110, 525]],
    ['25%', 10, [3, 3, 3, 1]],
    ['+2', 10, [2, 4, 4]],
    ['*3', 30, [3, 9, 18]],
    ['5', 12, [5, 5, 2]],
    ['all', 7, [7]],
    ['10', 3, [3]],
    ['1%', 3, [1, 1, 1]],
    ['1', 0, []],
  ])('%j of %i hosts', (text, total, expected) => expect(sizes(text, total)).toEqual(expected));

  it.each([
    '',
    ' , ',
    '0',
    '0%',
    '101%',
    '+0',
    '*0',
    '+5%',
    '-1',
    '1.5',
    'ten',
    '99999999',
    '5 %',
    Array(jobLimits.batchWordsMax + 1)
      .fill('1')
      .join(' '),
  ])('refuses %j', (text) => expect(parseBatches(text).ok).toBe(false));

  it('are a thousand at most', () => {
    expect(sizes('1', jobLimits.batchesMax)).toHaveLength(1_000);
    expect(sizes('1', jobLimits.batchesMax + 1)).toBeUndefined();
  });

  it('are as many words as may be', () =>
    expect(parseBatches(Array(jobLimits.batchWordsMax).fill('1').join(' ')).ok).toBe(true));

  it('come to all hosts once, and read as they were written', () => {
    const word = fc.oneof(
      fc.integer({ min: 1, max: 40 }).map(String),
      fc.integer({ min: 1, max: 100 }).map((n) => `${n}%`),
      fc.integer({ min: 1, max: 9 }).map((n) => `+${n}`),
      fc.integer({ min: 1, max: 4 }).map((n) => `*${n}`),
      fc.constant('all'),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 900 }), (words, total) => {
        const text = words.join(' ');
        const each = sizes(text, total)!;
        expect(each.every((size) => size > 0)).toBe(true);
        expect(each.reduce((sum, size) => sum + size, 0)).toBe(total);
        expect(batchesText(batchesOf(words.join(', ')))).toBe(text);
      }),
    );
  });
});
