import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { LetterSet, type LetterRange } from './letter-set.ts';
import {
  expandNamePattern,
  nameMatcher,
  parseNamePattern,
  readingOf,
  wildcardMatcher,
  type NamePattern,
} from './name-pattern.ts';

function pattern(text: string): NamePattern {
  const parsed = parseNamePattern(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.pattern;
}

describe('a set of numbers', () => {
  // What `nodeset -e` of ClusterShell 1.9 says of the same.
  it.each([
    ['web-[10-12]', 'web-10 web-11 web-12'],
    ['web-[01-03,25]', 'web-01 web-02 web-03 web-25'],
    ['web-[08-11]', 'web-08 web-09 web-10 web-11'],
    ['rack[1-2]n[1-3]', 'rack1n1 rack1n2 rack1n3 rack2n1 rack2n2 rack2n3'],
    ['n[0-10/5]', 'n0 n5 n10'],
    ['n[1-10/4]', 'n1 n5 n9'],
    ['n[3]', 'n3'],
    ['n[1,1-2]', 'n1 n2'],
    ['web-1', 'web-1'],
  ])('%s', (text, names) => expect(expandNamePattern(pattern(text))).toEqual(names.split(' ')));

  it('costs a name no more for a thousand times as many numbers beside a glob', () => {
    const name = '1'.repeat(128);
    const tookFor = (count: number): number => {
      const matches = nameMatcher(pattern(`*[${Array.from({ length: count }, (_, i) => 3 * i + 2).join(',')}]x`));
      const begunAt = systemClock.monotonicMs();
      for (let i = 0; i < 20; i++) expect(matches(name)).toBe(false);
      return systemClock.monotonicMs() - begunAt;
    };
    const [few, many] = [1, 2, 3]
      .map(() => [tookFor(30), tookFor(30_000)] as const)
      .toSorted((a, b) => a[1] / a[0] - b[1] / b[0])[1]!;
    expect(many / few).toBeLessThan(100);
  });

  it('beside a glob has so many ranges with steps, and not one more', () => {
    const ranges = (count: number): string =>
      `n[${Array.from({ length: count }, (_, i) => `${i}-${i + 90}/10`).join(',')}]*`;
    expect(parseNamePattern(ranges(limits.targetGlobStepsMax)).ok).toBe(true);
    expect(parseNamePattern(ranges(limits.targetGlobStepsMax + 1))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('16 are allowed'),
    });
  });

  it('fits beside a glob the names that it would spell out', () => {
    const numbers = fc
      .tuple(fc.nat(40), fc.nat(40), fc.integer({ min: 1, max: 5 }), fc.boolean())
      .map(([a, b, step, padded]) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        return padded
          ? `[${String(from).padStart(2, '0')}-${String(to).padStart(2, '0')}/${step}]`
          : `[${from}-${to}/${step}]`;
      });
    const words = fc.array(fc.oneof(numbers, fc.constantFrom('a', '1', '0', '-')), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(words, fc.array(fc.constantFrom('a', '1', '0', '2', '-'), { maxLength: 6 }), (parts, text) => {
        const [exact, glob] = [nameMatcher(pattern(parts.join(''))), nameMatcher(pattern(`${parts.join('')}*`))];
        const name = text.join('');
        const heads = Array.from({ length: name.length + 1 }, (_, end) => name.slice(0, end));
        expect(glob(name)).toBe(heads.some(exact));
      }),
    );
  });
});

describe('a set of letters', () => {
  it('costs a name no more than some comparisons, and has so many letters and not one more', () => {
    const letters = (count: number): string => `*[${'a'.repeat(count)}]`;
    expect(parseNamePattern(letters(limits.targetLettersMax)).ok).toBe(true);
    expect(parseNamePattern(letters(limits.targetLettersMax + 1))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('64 are allowed'),
    });
    expect(readingOf(pattern('*[a-cx][!abc]*'))).toBe(5);
  });

  it('has what one of its ranges has', () => {
    const chars = fc.constantFrom(...'abcdefgh-.é库\uffe0𠮷');
    const code = (char: string): number => char.codePointAt(0)!;
    const range = fc.oneof(
      chars.map((char): LetterRange => [char, char]),
      fc.tuple(chars, chars),
    );
    fc.assert(
      fc.property(fc.array(range, { maxLength: 8 }), chars, (ranges, char) => {
        expect(new LetterSet(ranges).has(char)).toBe(
          ranges.some(([from, to]) => code(char) >= code(from) && code(char) <= code(to)),
        );
      }),
    );
  });
});

describe('a glob', () => {
  it.each([
    ['web-*', 'web-', true],
    ['*', '', true],
    ['?', '', false],
    ['[a-c]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[!a]x', 'ax', false],
    ['[-.]x', '.x', true],
    ['*[1-20]*', 'n20', true],
    ['?[1-20]', 'n21', false],
    ['?[01-20]', 'n1', false],
    ['?', '𠮷', true],
    ['??', '𠮷', false],
    ['?[1-20]?', '𠮷7野', true],
    ['[𠮷]', '𠮷', true],
    ['[!a]', '𠮷', true],
    ['*库', '𠮷库', true],
    ['e?', 'é', false],
  ])('%s, %j: %s', (text, name, matched) => expect(nameMatcher(pattern(text))(name)).toBe(matched));

  it('is not slowed down by a hostile pattern', () => {
    expect(nameMatcher(pattern(`${'*a'.repeat(200)}b`))('a'.repeat(5_000))).toBe(false);
    expect(nameMatcher(pattern(`${'*[1-9]a'.repeat(8)}b`))('1a'.repeat(100))).toBe(false);
  });

  it('takes brackets as they are where only * and ? are meant', () =>
    expect(wildcardMatcher('[10.0.0.*]:22')('[10.0.0.7]:22')).toBe(true));
});
