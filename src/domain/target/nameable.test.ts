import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import { matchTarget, parseTarget } from './expression.ts';
import {
  hostNameFault,
  labelFault,
  labelKeyFault,
  labelsInOneForm,
  labelTwice,
  oneForm,
  workerNameFault,
  zoneFault,
} from './nameable.ts';

const E_IN_TWO = 'e\u0301';
const E_IN_ONE = '\u00e9';

describe('what can be named', () => {
  it.each([
    'web-1',
    '数据库-1',
    '_x.y:2@z',
    'bücher',
    'Ωμέγα',
    'сервер',
    'خادم',
    'सर्वर',
    'ตำรา',
    '서버',
    '𠮷野',
    '第三〇二',
    '٣',
  ])('%s is a name for a host, a worker and a zone, and a key and a value for a label', (name) => {
    expect(hostNameFault(name)).toBeUndefined();
    expect(workerNameFault(name)).toBeUndefined();
    expect(zoneFault(name)).toBeUndefined();
    expect(labelFault(name.replace('@', ''), name)).toBeUndefined();
  });

  it.each([
    [
      'bad label',
      /^"bad label" is not .*: " " \(U\+0020\) is not allowed; letters, marks and digits of any script and .* are$/,
    ],
    ['a,b', /"," \(U\+002C\)/],
    ['(a', /"\(" \(U\+0028\)/],
    ['a*', /"\*" \(U\+002A\)/],
    ['a[1]', /"\[" \(U\+005B\)/],
    ['a;b', /";" \(U\+003B\)/],
    ['数\u3000据', /^"数\\u\{3000\}据" is not .*: U\+3000 is not allowed: it cannot be seen/],
    ['a\u200bb', /U\+200B is not allowed: it cannot be seen/],
    ['a\u202eb', /U\+202E is not allowed: it cannot be seen/],
    ['数\ufe00', /U\+FE00 is not allowed: it cannot be seen/],
    ['a\u3164', /U\+3164 is not allowed: it cannot be seen/],
    ['a\x07', /U\+0007 is not allowed: it cannot be seen/],
    ['a\ud800', /U\+D800 is not allowed/],
    ['a\u{e000}', /U\+E000 is not allowed/],
    ['web１', /"１" \(U\+FF11\) is not allowed: it is another form of "1", so write that/],
    ['Ｗeb', /another form of "W"/],
    ['web－1', /"－" \(U\+FF0D\).*another form of "-"/],
    ['ﾃﾞ', /another form of "テ"/],
    ['oﬃce', /another form of "ffi"/],
    ['①', /another form of "1"/],
    ['、', /"、" \(U\+3001\) is not allowed;/],
    ['🦊', /"🦊" \(U\+1F98A\) is not allowed;/],
    ['\u0301a', /\(U\+0301\) is not allowed: it is a mark without a letter before it/],
    ['a-\u0301', /a mark without a letter before it/],
    [`a${'\u0301'.repeat(31)}`, /more than 30 marks/],
    ['a\u037e', /";" \(U\+003B\)/],
  ])('%j is not, wherever it is said', (text, why) => {
    expect(hostNameFault(text)).toMatch(why);
    expect(workerNameFault(text)).toMatch(why);
    expect(zoneFault(text)).toMatch(why);
    expect(labelKeyFault(text)).toMatch(why);
    expect(labelFault('role', text)).toMatch(why);
  });

  it('has the signs of its kind', () => {
    expect(hostNameFault('a/b')).toMatch(/"\/" .* and \. _ : @ - are$/);
    expect(labelKeyFault('a@b')).toMatch(/"@" .* and \. _ : \/ - are$/);
    expect(labelFault('group/web', 'https://x:1/?a')).toMatch(/a value for the label "group\/web": "\?" /);
    expect(labelFault('group/web', 'a_b.c:d/e@f+g!h=i%j~k^l-m')).toBeUndefined();
    for (const fault of [hostNameFault, workerNameFault])
      expect(fault('-x')).toMatch(/begins with "-", and a letter, a digit or _ comes first/);
    expect([labelFault('role', ''), labelKeyFault(''), zoneFault(''), hostNameFault('')]).toEqual([
      undefined,
      'the key of a label is empty',
      'the name of a zone is empty',
      'the name of a host is empty',
    ]);
  });

  it('is as long as it may be, in characters and in bytes, and not longer', () => {
    for (const fault of [hostNameFault, workerNameFault, zoneFault]) {
      expect(fault('x'.repeat(limits.nameLengthMax))).toBeUndefined();
      expect(fault('x'.repeat(limits.nameLengthMax + 1))).toMatch(/201 characters; 200 are allowed/);
      expect(fault('库'.repeat(limits.nameBytesMax / 3))).toBeUndefined();
      expect(fault(`${'库'.repeat(limits.nameBytesMax / 3)}x`)).toMatch(/256 bytes in UTF-8; 255 are allowed/);
    }
    const most = `${'库'.repeat(Math.floor(limits.labelBytesMax / 3))}x`;
    for (const fault of [labelKeyFault, (text: string) => labelFault('role', text)]) {
      expect(fault('x'.repeat(limits.labelLengthMax))).toBeUndefined();
      expect(fault('x'.repeat(limits.labelLengthMax + 1))).toMatch(/129 characters; 128 are allowed/);
      expect(fault(most)).toBeUndefined();
      expect(fault(`${most}x`)).toMatch(/257 bytes in UTF-8; 256 are allowed/);
    }
    // Counted as it is kept, not as it was sent.
    expect(hostNameFault(E_IN_TWO.repeat(120))).toBeUndefined();
  });

  it('says what is wrong of a long text in few words', () =>
    expect(labelFault('k'.repeat(128), `${'v'.repeat(127)} `)!.length).toBeLessThan(300));

  it('has one form, whatever it was typed in', () => {
    expect([oneForm(E_IN_TWO), oneForm('\uf900'), oneForm('\u212a')]).toEqual([E_IN_ONE, '豈', 'K']);
    expect(labelsInOneForm({ [E_IN_TWO]: E_IN_TWO })).toEqual({ [E_IN_ONE]: E_IN_ONE });
    expect(labelTwice({ [E_IN_TWO]: '1', [E_IN_ONE]: '2' })).toBe(E_IN_ONE);
    expect(labelTwice({ e: '1', [E_IN_ONE]: '2' })).toBeUndefined();
  });

  it('costs as much for each key, however many there are', () => {
    const costUs = (count: number): number => {
      const labels = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, '']));
      const begun = process.cpuUsage().user;
      expect(labelTwice(labels)).toBeUndefined();
      return process.cpuUsage().user - begun;
    };
    // Ten times as many; the square would be a hundred times, half a minute. Below some ticks of the clock nothing can be compared.
    expect(costUs(200_000)).toBeLessThan(40 * Math.max(25_000, costUs(20_000)));
  });

  /** Everything that keyboards, files and attackers bring: letters of many scripts, marks, signs, what cannot be seen. */
  const char = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...'az09_.:/@+!=%~^-AND数据库主架ñé한𠮷٣ตำ') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\u0301', '\u0338', '\u200b', ' ', ',', '(', '*', '?', '[', ']', '１', '\u3000'),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  );
  const text = fc.array(char, { maxLength: 8 }).map((chars) => chars.join(''));
  const chosen = (expression: string, host: { name: string; labels: Record<string, string> }): boolean => {
    const parsed = parseTarget(expression);
    if (!parsed.ok) throw new Error(`${expression}: ${parsed.fault.detail}`);
    return matchTarget(parsed.expression, [host, { name: 'other', labels: {} }]).hosts.includes(host);
  };

  it('can be set exactly where an expression chooses it', () => {
    let names = 0;
    fc.assert(
      fc.property(text, text, text, (name, key, value) => {
        const labels = { [oneForm(key)]: oneForm(value) };
        if (labelFault(key, value) === undefined) {
          names++;
          for (const expression of [`${key}=${value}`, `(not x=y and ${oneForm(key)}=${oneForm(value)})`])
            expect(chosen(expression, { name: 'host', labels })).toBe(true);
          expect(chosen(`${key}!=${value}`, { name: 'host', labels })).toBe(false);
        }
        if (hostNameFault(name) === undefined) {
          names++;
          for (const expression of [name, `${name},other`, `not(other)and ${oneForm(name)}`])
            expect(chosen(expression, { name: oneForm(name), labels: {} })).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(names).toBeGreaterThan(300);
  });

  it('costs no more than its length to be refused', () => {
    const marks = `a${'\u0301\u0323'.repeat(100_000)}`;
    expect(oneForm(marks)).toBe(marks);
    expect(hostNameFault(marks)).toMatch(/characters/);
    expect(parseTarget(marks.slice(0, limits.targetExpressionLengthMax))).toMatchObject({
      fault: { detail: 'more than 30 marks stand on one letter' },
    });
  });
});
