import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { jsonText } from './form-text.ts';
import { yamlText } from './yaml-text.ts';

const NASTY = 'a\x1b]0;t\x07\x9b31m\u202eb\u2028c\x7f';
const commanding = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe.each([
  ['JSON', jsonText, (text: string): unknown => JSON.parse(text)],
  ['YAML', yamlText, (text: string): unknown => parse(text)],
] as const)('an answer as %s', (_form, write, read) => {
  it('commands no terminal, in values or keys', () => {
    const text = write({ name: NASTY, [NASTY]: [NASTY], plain: 'as it is' });
    expect(text).not.toMatch(commanding);
    expect(read(text)).toEqual({ name: NASTY, [NASTY]: [NASTY], plain: 'as it is' });
  });

  it('is the same document, whatever is in it', () => {
    const texts = fc.string({ unit: fc.oneof(fc.constantFrom(...NASTY), fc.string({ minLength: 1, maxLength: 1 })) });
    fc.assert(
      fc.property(
        fc.dictionary(
          texts.filter((key) => key !== '__proto__'),
          fc.array(texts),
        ),
        (value) => {
          const text = write(value);
          expect(text).not.toMatch(commanding);
          expect(read(text)).toEqual({ ...value });
        },
      ),
    );
  });
});

it('YAML without such characters is written as people write it', () =>
  expect(yamlText({ name: 'web-1' })).toBe('name: web-1\n'));
