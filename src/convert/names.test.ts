import { expect, it } from 'vitest';
import { Names } from './names.ts';

it('gives each its own name, the same for the same, also where many come to one', () => {
  const names = Names.plain();
  expect(['任', '务', '任', 'a', '-4'].map((name) => names.of(name))).toEqual(['n-', 'n--2', 'n-', 'a', '4']);
  expect(names.of('another', 'n--3')).toBe('n--3');
  expect(names.of('里')).toBe('n--4');
  // Counted from 2 for each, this would be a few thousand million looks.
  const own = new Set(Array.from({ length: 100_000 }, (_, n) => names.of(`key ${n}`, '名')));
  expect(own.size).toBe(100_000);
});
