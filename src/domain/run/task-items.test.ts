import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { itemsToldBy, readItems } from './task-items.ts';

describe('items', () => {
  it.each([
    ['a list', ['b', 'a', 'a'], ['b', 'a', 'a']],
    ['the lines of a text', 'one\r\n\ntwo three\n', ['one', 'two three']],
    ['a number', 7, ['7']],
    ['nothing but blank lines', '\n\n', []],
    ['an empty list', [], []],
  ])('are read from %s that a step has told', (_what, told, items) =>
    expect(itemsToldBy(told)).toEqual({ ok: true, items }),
  );

  it.each([
    ['an empty one', ['a', ''], 'Item 2 cannot be one: it is empty.'],
    ['what a terminal would carry out', ['\u001b[2J'], 'Item 1 cannot be one: control characters'],
    ['a line end', ['a\nb'], 'Item 1 cannot be one: control characters'],
    ['nothing told', undefined, 'The step before it has told no items.'],
  ])('are none where there is %s', (_what, told, detail) =>
    expect(itemsToldBy(told)).toMatchObject({ ok: false, detail: expect.stringContaining(detail) }),
  );

  it('have limits, at which they are taken and one beyond which none of them is', () => {
    const [most, longest] = [jobLimits.itemsMax, jobLimits.itemLengthMax];
    const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `i${n}`);
    expect(readItems(many(most)).ok).toBe(true);
    expect(readItems(many(most + 1))).toEqual({
      ok: false,
      detail: `There are ${most + 1} items; a step is done for ${most} at most.`,
    });
    expect(readItems(['x'.repeat(longest)]).ok).toBe(true);
    expect(readItems(['x'.repeat(longest + 1)])).toEqual({
      ok: false,
      detail: `Item 1 cannot be one: it has ${longest + 1} characters, and ${longest} are allowed.`,
    });
  });
});
