import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { Pattern, PatternFault } from './pattern.ts';

describe('a pattern', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['v\\d+(\\.\\d+)*', ['v1', 'v1.2.30'], ['v', 'v1.', '1', 'v1 ', 'xv1']],
    ['^a|bc$', ['a', 'bc'], ['abc', 'ab', '']],
    ['[a-c_-]+', ['a-b_c', '-'], ['d', '']],
    ['[^ab]', ['c', '\n', '\u{1f525}'], ['a', 'cc']],
    ['[\\w.]{2,3}', ['a.', 'a_9'], ['a', 'a-', 'abcd']],
    ['(?:ab){2}', ['abab'], ['ab', 'ababab']],
    ['x{0,2}y?', ['', 'x', 'xxy', 'y'], ['xxx', 'yy']],
    ['(a*)*b', ['b', 'aaab'], ['a', 'ba']],
    ['\\[\\]\\$', ['[]$'], ['[]']],
    ['.', ['é', '\u{1f525}'], ['\n', 'ab']],
    ['', [''], ['a']],
    ['()', [''], ['a']],
  ])('%s is of the whole value', (text, fit, unfit) => {
    const pattern = new Pattern(text);
    for (const value of fit) expect([value, pattern.matches(value)]).toEqual([value, true]);
    for (const value of unfit) expect([value, pattern.matches(value)]).toEqual([value, false]);
  });

  it.each([
    '(',
    ')',
    '[a',
    'a**',
    '*',
    '{2}',
    'a{2',
    'a{3,2}',
    'a{1001}',
    '(?=a)',
    '(?<n>a)',
    '\\1',
    '\\p{L}',
    '[b-a]',
    '[a',
    'a$b',
    '[[a]',
    '\\',
  ])('%s is refused with a place', (text) => expect(() => new Pattern(text)).toThrow(PatternFault));

  it('says what JavaScript says, wherever both can say it', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      '.',
      'a*',
      'b+',
      'a?',
      '[ab]',
      '[^a]',
      '(a|b)',
      '(ab)*',
      '(a|)',
      'b{1,2}',
      '|',
      '\\d',
      '(?:a*b)?',
    );
    const value = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), value, (parts, text) => {
        const pattern = parts.join('');
        expect([pattern, text, new Pattern(pattern).matches(text)]).toEqual([
          pattern,
          text,
          new RegExp(`^(?:${pattern})$`, 's').test(text),
        ]);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws anything else, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab()[]{}*+?|\\^$-,1.\u{1f525}'), maxLength: 30 }), (text) => {
        try {
          new Pattern(text).matches('aab');
        } catch (error) {
          expect(error).toBeInstanceOf(PatternFault);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('has so many places, its repetitions written out', () => {
    const { size } = new Pattern('a{1}');
    const each = new Pattern('a{2}').size - size;
    const most = Math.floor((jobLimits.jobPatternStatesMax - size) / each) + 1;
    expect(new Pattern(`a{${most}}`).size).toBeLessThanOrEqual(jobLimits.jobPatternStatesMax);
    expect(() => new Pattern(`a{${most + 1}}`)).toThrow(PatternFault);
    expect(() => new Pattern('((a{1000}){1000}){1000}')).toThrow(PatternFault);
    expect(() => new Pattern('((){1000}){1000}')).toThrow(PatternFault);
  });

  it('takes time that grows with the value, where going back would take for ever', () => {
    const pattern = new Pattern('(a|a)*(a|aa)+b');
    const took = (length: number): number => {
      const beganMs = systemClock.monotonicMs();
      for (let n = 0; n < 20; n++) expect(pattern.matches('a'.repeat(length))).toBe(false);
      return systemClock.monotonicMs() - beganMs;
    };
    took(500);
    expect(Math.min(took(2_000), took(2_000))).toBeLessThan(20 * Math.max(took(500), took(500)));
  });
});
