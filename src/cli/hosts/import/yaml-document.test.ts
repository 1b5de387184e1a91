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
