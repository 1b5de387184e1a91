import { describe, expect, it } from 'vitest';
import { columnOf, listOf } from './execution-columns.ts';

const ID = '00000000-0000-4000-8000-00000000000';

describe('a column of a set-based statement', () => {
  it('is one value where all are the same, be it nothing', () => {
    expect(columnOf('int', [7, 7, 7])).toEqual([[], 7]);
    expect(columnOf('uuid', [null, null])).toEqual([[], null]);
    expect(columnOf('bytea', [Buffer.from('a'), Buffer.from('a')])).toEqual([[], Buffer.from('a')]);
    expect(columnOf('text', [])).toEqual([[], null]);
  });

  it('is the list of its values where one differs, missing ones among them', () => {
    expect(columnOf('bigint', [1, 2, null])).toEqual(['{1,2,NULL}', null]);
    expect(columnOf('uuid', [null, `${ID}1`])).toEqual([`{NULL,${ID}1}`, null]);
    expect(columnOf('bytea', [Buffer.from('a'), Buffer.from('b')])).toEqual([
      [Buffer.from('a'), Buffer.from('b')],
      null,
    ]);
    expect(columnOf('text', ['a', '"{,}'])).toEqual([['a', '"{,}'], null]);
  });
});

describe('a list of values', () => {
  it('is written out for numbers and ids, and left to the driver for what may have to be escaped', () => {
    expect(listOf('int', [0, 1, -2])).toBe('{0,1,-2}');
    expect(listOf('int', [null, null])).toBe('{NULL,NULL}');
    expect(listOf('uuid', [])).toBe('{}');
    expect(listOf('text', ['a'])).toEqual(['a']);
  });
});
