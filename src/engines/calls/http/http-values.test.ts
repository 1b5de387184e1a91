import { describe, expect, it } from 'vitest';
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
    ['nested too deep', Buffer.from('['.repeat(200_000) + '1' + ']'.repeat(200_000))],
  ])('is none of what is %s, and the status is told all the same', (why, bytes) => {
    const told = valuesOf(404, { v: '' }, { bytes, isMore: false, encoding: undefined });
    expect(told).toEqual({ found: { status: '404' }, fault: `Nothing was taken out of the answer: it is ${why}.` });
  });
});
