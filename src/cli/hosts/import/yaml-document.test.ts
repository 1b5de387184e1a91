import { expect, it } from 'vitest';
import { limits } from '../../../base/limits.ts';
import { parseYaml } from './yaml-document.ts';

it('takes the last anchor of a name before the alias, wherever it stands', () => {
  const read = parseYaml('a.yaml', 'a: &x 1\nb: *x\nc: &x 2\nd: [*x, *x]\n');
  const { document } = read as Extract<typeof read, { document: unknown }>;
  const root = document.value as ReadonlyMap<string, { value: unknown }>;
  expect(root.get('b')?.value).toBe('1');
  expect((root.get('d')?.value as { value: unknown }[]).map(({ value }) => value)).toEqual(['2', '2']);
});

it('has so many parts because of aliases and no more, however they grow', () => {
  const max = limits.importAliasedPartsMax;
  const faultsOf = (text: string): unknown => {
    const read = parseYaml('a.yaml', text);
    return 'faults' in read ? read.faults : [];
  };
  // An alias of a list of 99 is a hundred parts.
  const list = `a: &x [${Array(99).fill('1').join(',')}]\n`;
  const aliases = (count: number): string => `b: [${Array(count).fill('*x').join(',')}]\n`;
  const tooMany = [{ file: 'a.yaml', detail: expect.stringMatching(/aliases make more than/) }];
  expect(faultsOf(list + aliases(max / 100))).toEqual([]);
  expect(faultsOf(`${list}${aliases(max / 100)}c: &y 1\nd: *y\n`)).toMatchObject(tooMany);
  const bomb = Array.from(
    { length: 12 },
    (_, n) =>
      `l${n}: &l${n} [${Array(10)
        .fill(n === 0 ? '1' : `*l${n - 1}`)
        .join(',')}]`,
  );
  expect(faultsOf(bomb.join('\n'))).toMatchObject(tooMany);
});

it.each([
  ['- name: a\n- name: b\n port: 1\n', 3, /stands in a list and does not begin with "- "/],
  ['a:\n  b: 1\n c: 2\n', 3, /indented otherwise/],
  ['a: b: c\n', 1, /two keys stand on one line/],
  ['a\nb: 1\n', 1, /a key goes over several lines/],
  ['a: 1\na: 2\n', 2, /this key is there twice/],
  ['a:\n\t- b\n', 2, /indented by a tab/],
  ['a: "x\nb: 1\n', 3, /a quote is not closed/],
  ['a: @x\n', 1, /a value that begins with @ has to be quoted/],
  ['a: [1, 2\nb: 3\n', 2, /is not closed, or not indented/],
  ['a: "\\q"\n', 1, /in double quotes \\q means nothing/],
  ['a: *b\n', 1, /the alias \*b is of no anchor/],
  ['a: "x" y\n', 1, /behind the end of this value/],
])('tells the fault of %j by its line, in words', (text, line, words) => {
  const read = parseYaml('a.yaml', text);
  expect('faults' in read && read.faults[0]).toMatchObject({ line, detail: expect.stringMatching(words) as string });
});
