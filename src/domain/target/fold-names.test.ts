import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchTarget, parseTarget } from './expression.ts';
import { foldNames } from './fold-names.ts';
import { hostNameFault, oneForm } from './nameable.ts';

function named(text: string): string[] {
  const parsed = parseTarget(text);
  if (!parsed.ok) throw new Error(`${parsed.fault.column}: ${parsed.fault.detail}`);
  return [...matchTarget(parsed.expression, []).unknownNames];
}

describe('hosts in short', () => {
  it.each([
    [['web-1', 'web-2', 'web-3', 'db-1'], 'web-[1-3],db-1'],
    [['a1', 'a2', 'a4'], 'a[1,2,4]'],
    [['n01', 'n02', 'n03', 'n1'], 'n[01-03],n1'],
    [['n08', 'n09', 'n10', 'n11', 'n100'], 'n[08-11],n100'],
    [['n8', 'n9', 'n10', 'n11', 'n100'], 'n[8-11,100]'],
    [['solo'], 'solo'],
    [['r1.dc', 'r2.dc', 'r3.dc', 'r1.eu'], 'r[1-3].dc,r1.eu'],
    [['i-0000000000000001', 'i-0000000000000002'], 'i-0000000000000001,i-0000000000000002'],
    [[], ''],
  ])('%j', (hosts, text) => expect(foldNames(hosts)).toBe(text));

  it('means exactly these hosts when it is given back as a target', () => {
    const number = fc.oneof(fc.nat(12), fc.nat(120), fc.nat({ max: 10_000_000_000_000 })).map(String);
    const word = fc.oneof(
      fc.constantFrom(
        'web-',
        'n',
        'rack',
        '.dc',
        '::',
        'a@b',
        '-',
        '_',
        '.',
        'ALL',
        'x',
        '数据库',
        '架',
        'é',
        'e\u0301',
        '\u0308',
        '𠮷',
        '한',
        '٣',
        'เ',
      ),
      number,
      fc.nat(30).map((n) => String(n).padStart(3, '0')),
    );
    const name = fc
      .array(word, { minLength: 1, maxLength: 5 })
      .map((words) => oneForm(words.join('')))
      .filter((text) => hostNameFault(text) === undefined);
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 40 }), (names) => {
        expect(named(foldNames(names)).sort()).toEqual([...names].sort());
      }),
      { numRuns: 500 },
    );
  });

  it.each(['all', 'ALL', 'and', 'or', 'Not'])('leaves no host to be called %s', (name) =>
    expect(hostNameFault(name)).toMatch(/word of targets/),
  );
});
