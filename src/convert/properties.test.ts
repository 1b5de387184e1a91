import { describe, expect, it } from 'vitest';
import { parseProperties } from './properties.ts';

const read = (text: string) => parseProperties(text).map(({ key, value }) => [key, value]);

describe('properties', () => {
  it.each([
    ['a=b', ['a', 'b']],
    ['a = b c ', ['a', 'b c ']],
    ['a: b', ['a', 'b']],
    ['a b', ['a', 'b']],
    ['  a=', ['a', '']],
    ['a', ['a', '']],
    ['a\\=b=c', ['a=b', 'c']],
    ['a=\\u4e2d\\t.\\q', ['a', '中\t.q']],
    ['a=b\\\n   c', ['a', 'bc']],
    ['a=b\\\\\nc=d', ['a', 'b\\'], ['c', 'd']],
    ['# x\n! y\n\na==b', ['a', '=b']],
    ['a=b\\', ['a', 'b']],
  ])('are read as Java reads %j', (text, ...pairs) => {
    expect(read(text)).toEqual(pairs);
  });

  it('are read in time that grows with the text, whatever backslashes stand in it', () => {
    // By its parity, as of a row of lines that go on.
    const many = 300_000;
    expect(read(`a=${'\\'.repeat(2 * many)}x`)).toEqual([['a', `${'\\'.repeat(many)}x`]]);
    expect(read(`a=${'b\\\n'.repeat(many)}c`)).toEqual([['a', `${'b'.repeat(many)}c`]]);
  });

  it('have the line on which they begin', () => {
    expect(parseProperties('\na=1\\\n 2\r\nb=3').map(({ line }) => line)).toEqual([2, 4]);
  });
});
