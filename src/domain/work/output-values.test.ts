import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { valueLimits } from '../../base/value-limits.ts';
import { isOutputName, outputValuesIn, parseOutputValues } from './output-values.ts';

const as = (text: string): string => text;
const parse = (text: string | Uint8Array, masked = as, isMore = false) =>
  parseOutputValues({ bytes: Buffer.from(text as string), isMore }, masked);

describe('output values', () => {
  it.each([
    ['nothing', '', {}],
    ['a line', 'version=v1.4\n', { version: 'v1.4' }],
    ['a line without its end', 'version=v1.4', { version: 'v1.4' }],
    ['a value with signs in it', 'url=https://h/?a=b&c=<<d\n', { url: 'https://h/?a=b&c=<<d' }],
    ['blanks, which are a part of the value', 'a= b \n', { a: ' b ' }],
    ['an empty value', 'a=\n', { a: '' }],
    ['several lines', 'a<<END\none\n\ntwo\nEND\nb=2\n', { a: 'one\n\ntwo', b: '2' }],
    ['no line between', 'a<<END\nEND\n', { a: '' }],
    ['lines that look like others', 'a<<END\nb=1\nc<<D\nEND\n', { a: 'b=1\nc<<D' }],
    ['ends of lines of Windows', 'a=1\r\nb<<END\r\none\r\nEND\r\n', { a: '1', b: 'one\r' }],
    ['the last of a name', 'a=1\nb=2\na=3\n', { a: '3', b: '2' }],
    ['names that objects have', 'constructor=1\ntoString=2\n', { constructor: '1', toString: '2' }],
    ['what is no ASCII', 'a=主机 \u{fffd}\n', { a: '主机 \u{fffd}' }],
  ])('are read from %s', (_what, text, values) => expect(parse(text)).toEqual({ values }));

  it.each([
    ['a line that is neither', 'a=1\nhello\n', { a: '1' }, 'Line 2 is neither NAME=VALUE nor NAME<<END.'],
    ['a name that is none', '1a=1\nb=2\n', { b: '2' }, 'Line 1: what stands before = is no name'],
    ['a name with a blank', 'a =1\n', {}, 'Line 1: what stands before = is no name'],
    ['no name at all', '=1\n', {}, 'Line 1: what stands before = is no name'],
    ['a block without its end', 'a=1\nb<<END\nx\nc=3\n', { a: '1' }, 'Line 2: the end of b<< is not there'],
    ['a block without a word', 'b<<\nc=3\n', { c: '3' }, 'Line 1: b<< says no word'],
    ['a NUL', 'a=x\0y\nb=1\n', { b: '1' }, 'a was left out: its value holds a NUL character.'],
    [
      'bytes that are no text',
      Buffer.from('613dff0a623d310a', 'hex'),
      { b: '1' },
      'a was left out: its value is not UTF-8.',
    ],
  ])('are told without what is wrong in %s', (_what, text, values, fault) => {
    const told = parse(text);
    expect(told.values).toEqual(values);
    expect(told.fault).toContain(fault);
  });

  it('do not keep what stood there before a value that cannot be taken', () => {
    const large = 'x'.repeat(valueLimits.outputValueBytesMax + 1);
    expect(parse(`a=1\na=${large}\n`).values).toEqual({});
    expect(parse('a=1\na=\0\n').values).toEqual({});
  });

  it('have limits, at which all is kept and one beyond which it is told and nothing is cut', () => {
    const [outputValueBytesMax, outputValueNameLengthMax] = [
      valueLimits.outputValueBytesMax,
      valueLimits.outputValueNameLengthMax,
    ];
    const [outputValuesMax, outputValuesBytesMax] = [valueLimits.outputValuesMax, valueLimits.outputValuesBytesMax];
    const value = 'x'.repeat(outputValueBytesMax);
    expect(parse(`a=${value}\n`)).toEqual({ values: { a: value } });
    expect(parse(`a=${value}x\nb=1\n`)).toEqual({
      values: { b: '1' },
      fault: `a was left out: its value has ${outputValueBytesMax + 1} bytes, and ${outputValueBytesMax} are allowed.`,
    });
    const name = 'n'.repeat(outputValueNameLengthMax);
    expect(parse(`${name}=1\n`).values).toEqual({ [name]: '1' });
    expect(parse(`${name}n=1\n`)).toMatchObject({ values: {}, fault: expect.stringContaining('is no name') });
    const lines = (count: number) => Array.from({ length: count }, (_, n) => `a${n}=1\n`).join('');
    expect(Object.keys(parse(lines(outputValuesMax)).values)).toHaveLength(outputValuesMax);
    const many = parse(lines(outputValuesMax + 2));
    expect(Object.keys(many.values)).toHaveLength(outputValuesMax);
    expect(many.fault).toBe(`${outputValuesMax} values are allowed; 2 more were left out.`);
    const half = 'x'.repeat(outputValuesBytesMax / 2 - 1);
    expect(parse(`a=${half}\nb=${half}\n`).fault).toBeUndefined();
    expect(parse(`a=${half}\nb=${half}\nc=\n`)).toMatchObject({
      values: { a: half, b: half },
      fault: expect.stringContaining('c was left out: all values together'),
    });
  });

  it('of a file with more than is read are those of its whole lines, and that is told', () => {
    const most = valueLimits.outputValuesFileBytesMax;
    expect(parse('a=1\nb=2', as, true)).toEqual({
      values: { a: '1' },
      fault: `The file has more than ${most} bytes; what comes after them was not read.`,
    });
  });

  it('hold no secret, in names and faults neither', () => {
    const masked = (text: string): string => text.replaceAll('hunter2', '******');
    expect(parse('a=x hunter2 y\nb<<E\nhunter2\nE\n', masked).values).toEqual({ a: 'x ****** y', b: '******' });
    const told = parse('hunter2=1\nhunter2\nhunter2<<hunter2\n', masked);
    expect(told.values).toEqual({});
    expect(told.fault).not.toContain('hunter2');
  });

  it('are read in time that grows with the file', () => {
    const text = 'a<<X\nX\n'.repeat(Math.floor(valueLimits.outputValuesFileBytesMax / 7));
    const best = (of: string): number =>
      Math.min(
        ...Array.from({ length: 10 }, () => {
          const began = systemClock.monotonicMs();
          parse(of);
          return systemClock.monotonicMs() - began;
        }),
      );
    const eighth = Math.max(0.2, best(text.slice(0, text.length / 8)));
    expect(best(text)).toBeLessThan(eighth * 40);
  });

  it('are within all limits whatever is written, and the same when they are told on', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc
        .tuple(fc.constantFrom('a', 'b', 'c1', '1', ''), fc.constantFrom('=', '<<'), fc.string({ maxLength: 8 }))
        .map((t) => t.join('')),
      fc.constantFrom('END', 'a<<END', 'b<<E', 'E'),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const told = parse(lines.join('\n'));
        expect(Object.keys(told.values).every(isOutputName)).toBe(true);
        expect(Object.keys(told.values).length).toBeLessThanOrEqual(valueLimits.outputValuesMax);
        expect(outputValuesIn(told.values, told.fault) ?? { values: {} }).toEqual(told);
      }),
    );
  });

  it('of somebody who says more than a script may are held against the same limits', () => {
    expect(outputValuesIn(undefined, undefined)).toBeUndefined();
    expect(outputValuesIn({ a: '1', 'b c': '2' }, undefined)).toEqual({
      values: { a: '1' },
      fault: 'A value under a name that is none was left out.',
    });
    const large = 'x'.repeat(valueLimits.outputValueBytesMax + 1);
    expect(outputValuesIn({ a: large }, 'before')).toMatchObject({
      values: {},
      fault: expect.stringMatching(/^before a was left out/),
    });
  });
});
