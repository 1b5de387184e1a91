import { describe, expect, it } from 'vitest';
import { callLimits } from '../../../base/call-limits.ts';
import { valueLimits } from '../../../base/value-limits.ts';
import { valuesOf } from './http-values.ts';

function at(text: string | Buffer, pointer: string): string | undefined {
  const bytes = Buffer.from(text);
  return valuesOf(200, { v: pointer }, { bytes, isMore: false, encoding: undefined }).found['v'];
}

describe('a value of an answer', () => {
  it('stands where its pointer leads', () => {
    // From RFC 6901.
    const text = '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}';
    const expected = {
      '/foo/0': 'bar',
      '/': '0',
      '/a~1b': '1',
      '/c%d': '2',
      '/e^f': '3',
      '/g|h': '4',
      '/i\\j': '5',
      '/k"l': '6',
      '/ ': '7',
      '/m~0n': '8',
    };
    for (const [pointer, value] of Object.entries(expected))
      expect([pointer, at(text, pointer)]).toEqual([pointer, value]);
  });

  it.each(['/foo/2', '/foo/-', '/foo/00', '/foo/length', '/x', '/foo/0/0', '/__proto__', '/constructor', '/n'])(
    'is none at %s',
    (pointer) => expect(at('{"foo":["bar","baz"],"n":null}', pointer)).toBeUndefined(),
  );

  it('is itself, a number as it is written, a list as its lines, and JSON where it has parts', () => {
    const text =
      '{"s":"a\\nb","b":false,"n":[1e400, 0.10, 12345678901234567890],"m":[1,[2]],"o":{"a":10000000000000000001},"e":[]}';
    expect(at(text, '/s')).toBe('a\nb');
    expect(at(text, '/b')).toBe('false');
    expect(at(text, '/n/0')).toBe('1e400');
    expect(at(text, '/n')).toBe('1e400\n0.10\n12345678901234567890');
    expect(at(text, '/m')).toBe('[1,[2]]');
    expect(at(text, '/o')).toBe('{"a":10000000000000000001}');
    expect(at(text, '/e')).toBe('');
    expect(at('["a","b\\nc"]', '')).toBe('["a","b\\nc"]');
  });

  it.each([
    ['no JSON', Buffer.from('<html>')],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['nested too deep', Buffer.from('['.repeat(19_000) + '1' + ']'.repeat(19_000))],
  ])('is none of what is %s, and the status is told all the same', (why, bytes) => {
    const told = valuesOf(404, { v: '' }, { bytes, isMore: false, encoding: undefined });
    expect(told).toEqual({ found: { status: '404' }, fault: `Nothing was taken out of the answer: it is ${why}.` });
  });

  it('is looked for in as many values as an answer may have', () => {
    const most = callLimits.callExtractValuesMax;
    const list = (count: number): string => `[${Array(count).fill('1').join(',')}]`;
    const told = (text: string): object =>
      valuesOf(200, { v: '/0' }, { bytes: Buffer.from(text), isMore: false, encoding: undefined });
    expect(told(list(most))).toEqual({ found: { status: '200', v: '1' } });
    expect(told(list(most + 1))).toEqual({
      found: { status: '200' },
      fault: `Nothing was taken out of the answer: it has more than ${most} values.`,
    });
  });

  const longest = valueLimits.outputValueBytesMax;
  const text = 'x'.repeat(longest);
  it.each([
    ['a text', text, `${text}x`],
    ['a text of several bytes each', 'é'.repeat(longest / 2), 'é'.repeat(longest / 2 + 1)],
    ['lines', [text.slice(2), 'x'], [text.slice(1), 'x']],
    ['JSON', { a: text.slice(8) }, { a: text.slice(7) }],
    ['JSON in JSON', [[text.slice(6)]], [[text.slice(5)]]],
    ['a name', { [text.slice(6)]: 1 }, { [text.slice(5)]: 1 }],
  ])('is as long as a value may be, and left out where it is longer: %s', (_what, most, more) => {
    const told = (json: unknown): ReturnType<typeof valuesOf> =>
      valuesOf(200, { v: '' }, { bytes: Buffer.from(JSON.stringify(json)), isMore: false, encoding: undefined });
    expect(Buffer.byteLength(told(most).found['v']!)).toBe(longest);
    expect(told(more)).toEqual({
      found: { status: '200' },
      fault: `v: what the answer has at "" is longer than ${longest} bytes.`,
    });
  });

  it('costs one look however many names ask for it', () => {
    const wide = Object.fromEntries(Array.from({ length: 19_000 }, (_, i) => [`${'k'.repeat(40)}${i}`, 1]));
    const body = { bytes: Buffer.from(JSON.stringify(wide)), isMore: false, encoding: undefined };
    const costOf = (names: number): number => {
      const before = process.cpuUsage();
      const { fault } = valuesOf(200, Object.fromEntries(Array.from({ length: names }, (_, i) => [`v${i}`, ''])), body);
      expect(fault).toContain('longer than');
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const middle = (names: number): number => [1, 2, 3, 4, 5].map(() => costOf(names)).sort((a, b) => a - b)[2]!;
    middle(1);
    expect(middle(callLimits.callExtractsMax)).toBeLessThan(4 * middle(1));
  });
});
