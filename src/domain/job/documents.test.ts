import { expect, it } from 'vitest';
import { jobTexts } from './documents.ts';
import { parseTemplate } from './template.ts';

it.each<[string, [string, number][]]>([
  ['', []],
  ['# nothing\n---\n# here\n...\n', []],
  ['job: a\n', [['job: a\n', 0]]],
  [
    '# of a\njob: a\n---\njob: b\n',
    [
      ['# of a\njob: a\n', 0],
      ['---\njob: b\n', 2],
    ],
  ],
  [
    '# of both\n---\njob: a\n--- # next\njob: b',
    [
      ['# of both\n---\njob: a\n', 0],
      ['--- # next\njob: b', 3],
    ],
  ],
  ['job: a\nx: |\n  ---\n  b\n----\n', [['job: a\nx: |\n  ---\n  b\n----\n', 0]]],
])('%j is %j', (text, jobs) => {
  expect(jobTexts(text).map((one) => [one.text, one.linesBefore])).toEqual(jobs);
});

it('is quick for comments without end', () => {
  expect(jobTexts(`${'#'.repeat(50_000)}\n${'# a # b '.repeat(5_000)}\n---\nx`)).toHaveLength(1);
});

it.each<[string, unknown[], number]>([
  ['a', ['a'], 0],
  ['a${{ params.b }}c', ['a', 'b', 'c'], 0],
  ['${{params.b}}${{  params.c_1  }}', ['b', 'c_1'], 0],
  ['$${{ params.b }}', ['${{', ' params.b }}'], 0],
  ['$$${{ x }}', ['$', '${{', ' x }}'], 0],
  ['${{ params.b', ['${{ params.b'], 1],
  ['${{ params.b.c }}${{}}${{ a + b }}', [], 3],
  ['$ {{ }} ${ }', ['$ {{ }} ${ }'], 0],
  ['a${{ steps.one.two.outputs.v }}b', ['a', 'one.two>v', 'b'], 0],
  ['${{steps.a.outputs.b.outputs.c_1}}', ['a.outputs.b>c_1'], 0],
  ['${{ steps.one.two.outputs }}${{ steps.one.two.v }}${{ steps.one.two.outputs.a-b }}', [], 3],
])('%j is parsed', (text, parts, faults) => {
  const template = parseTemplate(text);
  expect(
    template.parts.map((part) =>
      typeof part === 'string' ? part : 'param' in part ? part.param : `${part.step}>${part.output}`,
    ),
  ).toEqual(parts);
  expect(template.faults).toHaveLength(faults);
});
