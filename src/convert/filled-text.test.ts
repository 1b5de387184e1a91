import { expect, it } from 'vitest';
import { parseTemplate } from '../domain/job/template.ts';
import { wordOf, type Part } from './filled-text.ts';

const text = (of: string): Part => ({ kind: 'text', text: of });
const param: Part = { kind: 'parameter', name: 'x' };

it('is a word in which values are values and texts are texts', () => {
  const partsOf = (parts: readonly Part[]): unknown =>
    parseTemplate(wordOf(parts)!).parts.map((part) => (typeof part === 'string' ? part : 'x'));
  expect(partsOf([text('a'), param, text('$')])).toEqual(['a', 'x', '$']);
  expect(parseTemplate(wordOf([text('$'), text('{{ params.x }}')])!).parts.join('')).toBe('${{ params.x }}');
  expect(
    parseTemplate(wordOf([text('${{ a }}'), param])!)
      .parts.slice(0, -1)
      .join(''),
  ).toBe('${{ a }}');
});

it('is no word where a value stands right behind a $, which would make a text of it', () => {
  expect(wordOf([text('cost $'), param])).toBeUndefined();
  expect(wordOf([text('$'), text('$'), param])).toBeUndefined();
});
