import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { testOf, typeExpression, refsOf, type Known, type Value, type ValueOf } from './expression.ts';
import { formatSyntax, parseSyntax } from './syntax.ts';

const KNOWN: Readonly<Record<string, Omit<Known<string>, 'ref'>>> = {
  text: { type: 'text' },
  missing: { type: 'text' },
  gone: { type: 'bool' },
  number: { type: 'number' },
  bool: { type: 'bool' },
  day: { type: 'day' },
  list: { type: 'texts' },
  state: { type: 'text', words: ['succeeded', 'failed'] },
};
const VALUES: Readonly<Record<string, Value>> = {
  text: 'v1.2',
  number: 3,
  bool: true,
  day: '2026-03-01',
  list: ['a', 'b'],
  state: 'failed',
};

const valueOf: ValueOf<string> = (ref) => VALUES[ref];

function typed(text: string): ReturnType<typeof typeExpression<string>> {
  const parsed = parseSyntax(text);
  if (!parsed.ok) throw new Error(`${parsed.fault.at}: ${parsed.fault.detail}`);
  return typeExpression(parsed.syntax, (name) =>
    Object.hasOwn(KNOWN, name)
      ? { ok: true, ...KNOWN[name]!, ref: name }
      : { ok: false, code: 'job-reference-unknown', detail: () => `There is no ${name}.` },
  );
}

function isMet(text: string): boolean {
  const { expression, faults } = typed(text);
  expect(faults).toEqual([]);
  return testOf(expression)(valueOf);
}

function faultsOf(text: string): readonly string[] {
  const parsed = parseSyntax(text);
  if (!parsed.ok) return [`${parsed.fault.at}: ${parsed.fault.detail}`];
  return typed(text).faults.map(({ at, detail }) => `${at}: ${typeof detail === 'string' ? detail : detail()}`);
}

describe('an expression', () => {
  it.each([
    ['bool', true],
    ['not bool', false],
    ['text == "v1.2"', true],
    ["text != 'v1.2'", false],
    ['number > 2 and number < 4', true],
    ['number > 3 or number >= 3', true],
    ['number == 3.0', true],
    ['number == -3', false],
    ['text in ["v1.1", "v1.2"]', true],
    ['text not in ["v1.1", "v1.2"]', false],
    ['number in [1, 2]', false],
    ['number in []', false],
    ['"a" in list', true],
    ['list contains "c"', false],
    ['text contains "1."', true],
    ['text matches "v\\d+(\\.\\d+)*"', true],
    ['text matches "v"', false],
    ['day < "2026-03-02"', true],
    ['"2026-03-02" <= day', false],
    ['state == "failed"', true],
    ['bool == true', true],
    ['false', false],
    ['text == "say ""v1.2"""', false],
    ['has text', true],
    ['has missing', false],
    ['not bool and false or bool', true],
    ['not (bool and false) and not not bool', true],
  ])('%s is %s', (text, is) => {
    expect(isMet(text)).toBe(is);
  });

  it.each([
    'missing == "a"',
    'missing != "a"',
    'missing in ["a"]',
    'missing not in ["a"]',
    'missing contains "a"',
    'missing matches ".*"',
    'missing == text',
    'gone',
    'not gone',
    'not not gone',
    'not (missing == "a")',
    'not (missing matches "a")',
    'not (gone and bool)',
    'not (gone or false)',
    'bool and not gone',
    'false or not gone',
  ])('%s is not met, as nobody knows', (text) => {
    expect(isMet(text)).toBe(false);
  });

  it.each(['bool or not gone', 'not (gone and false)', 'has gone or not has gone', 'not has gone', 'gone or bool'])(
    '%s is met, whatever is missing',
    (text) => {
      expect(isMet(text)).toBe(true);
    },
  );

  it.each([
    ['numbr == 1', '0: There is no numbr.'],
    [
      'text == 3',
      '5: This compares a text with a number: text with 3. Put 3 in quotes, or declare the other as type: number.',
    ],
    ['number == "3"', '7: This compares a number with a text: number with "3".'],
    ['text', '0: text is a text, which is no yes or no: compare it.'],
    ['bool and number', '9: number is a number, which is no yes or no: compare it.'],
    [
      'text < "v2"',
      '5: Texts have no order here, as 1.10 would come before 1.9: numbers have one (type: number of ' +
        'an output or a parameter), and so have days.',
    ],
    ['bool < true', '5: Of true and false neither is more.'],
    ['day < "tomorrow"', '6: "tomorrow" is no day, such as "2026-03-01".'],
    ['list == ["a"]', '5: Lists are not compared: ask with in or contains.'],
    ['text in number', '8: Behind in stands a list, as in ["a", "b"]; this is a number.'],
    ['number in ["a"]', '7: number is a number, and the list has texts.'],
    ['text in ["a", 1]', '8: A list has texts or numbers, not both.'],
    ['number contains 1', '0: A list or a text contains something; this is a number.'],
    ['text contains 1', '14: A text contains texts; this is a number.'],
    ['text matches "("', '13: At character 2 of the pattern a ) is missing.'],
    ['text matches state', '13: Behind matches stands a pattern in quotes, as in "v\\d+".'],
    ['number matches "3"', '0: A text matches a pattern; this is a number.'],
    ['state == "faild"', '9: state is never "faild". Did you mean failed? It is one of succeeded, failed.'],
    ['state in ["succeeded", "done"]', '9: state is never "done". It is one of succeeded, failed.'],
    ['', '0: The expression is empty.'],
    ['bool and', '8: The expression ends where a value is expected.'],
    ['(bool', '5: A ) is missing for the ( at character 1.'],
    ['bool bool', '5: Expected is and, or, or the end, not "bool".'],
    ['bool && bool', '5: && is written and.'],
    ['bool || bool', '5: || is written or.'],
    ['!bool', '0: ! is written not.'],
    ['text = "a"', '5: = is written ==.'],
    ['${{ bool }}', '0: All of it is an expression: leave out ${{ and }}.'],
    ['text == "a', '8: This text is not closed: another " is missing.'],
    ['text == a b', '10: Expected is and, or, or the end, not "b".'],
    ['1 < number < 4', '11: Two comparisons are joined by and, as in 1 < params.n and params.n < 5.'],
    ['(bool) == true', '7: What is compared are two values; brackets stand around whole comparisons.'],
    ['text in ["a" "b"]', '13: Expected is a comma or ] in a list, not "b".'],
    ['text in ["a", bool]', '14: Expected is a text in quotes, or a number, in a list, not "bool".'],
    ['has "a"', '4: Behind has stands a name, as in params.NAME.'],
    ['text == ;', '8: ";" has no place in an expression; texts stand in quotes, as in "a text".'],
  ])('%s is refused with its place and what was meant', (text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  it('tells all that is wrong with its names and types at once', () => {
    expect(faultsOf('nope == 1 and text == 1 and not number')).toHaveLength(3);
  });

  it('is bounded in length, depth, parts, and places of patterns', () => {
    const long = `text == "${'x'.repeat(jobLimits.conditionLengthMax - 10)}"`;
    expect(faultsOf(long)).toEqual([]);
    expect(faultsOf(`${long} `)).toEqual([
      `0: The expression has ${jobLimits.conditionLengthMax + 1} characters; ` +
        `${jobLimits.conditionLengthMax} are allowed.`,
    ]);
    const deep = (levels: number): string => `${'('.repeat(levels)}bool${')'.repeat(levels)}`;
    expect(faultsOf(deep(jobLimits.conditionDepthMax))).toEqual([]);
    expect(faultsOf(deep(jobLimits.conditionDepthMax + 1))).toEqual([
      `${jobLimits.conditionDepthMax}: Brackets and not are nested deeper than ${jobLimits.conditionDepthMax}.`,
    ]);
    const many = (parts: number): string =>
      `number in [${Array(parts - 3)
        .fill('1')
        .join(',')}]`;
    expect(faultsOf(many(jobLimits.conditionPartsMax))).toEqual([]);
    expect(faultsOf(many(jobLimits.conditionPartsMax + 1))[0]).toContain('has more than 200 parts');
    // A repetition of one character takes a place each, and a few besides.
    const places = (count: number): string => `text matches "x{${count}}"`;
    expect(faultsOf(places(jobLimits.conditionPatternPlacesMax / 4))).toEqual([]);
    expect(faultsOf(places(jobLimits.conditionPatternPlacesMax))[0]).toContain('more than 200 places');
  });

  it('holds no value against a pattern that is longer than may be', () => {
    const { expression } = typed('text matches "x*"');
    const of = (length: number): boolean => testOf(expression)(() => 'x'.repeat(length));
    expect([of(jobLimits.conditionMatchLengthMax), of(jobLimits.conditionMatchLengthMax + 1)]).toEqual([true, false]);
  });

  it('knows the names that it speaks of, each once', () => {
    const { expression } = typed('text == "a" or has missing and text != state');
    expect(refsOf(expression).map(({ name }) => name)).toEqual(['text', 'missing', 'state']);
  });

  it('is written as it was read', () => {
    const parsed = parseSyntax(`bool and (text not in ['it''s', "a"] or not number<3)`);
    expect(parsed.ok && formatSyntax(parsed.syntax)).toBe(`bool and (not text in ["it's", "a"] or not number < 3)`);
  });
});
