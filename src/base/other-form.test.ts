import { expect, it } from 'vitest';
import { insteadOf, otherFormOf } from './other-form.ts';

it.each([
  ['=', '角色＝主库', '"＝" (U+FF1D)'],
  ['=', 'a﹦b', '"﹦" (U+FE66)'],
  [':', 'label：role', '"：" (U+FF1A)'],
  [',', '名，址', '"，" (U+FF0C)'],
])('finds the other form of %s in %s', (sign, text, said) => {
  expect(otherFormOf(sign, text)).toBe(said);
  expect(insteadOf(sign, text)).toBe(`, with "${sign}" and not with ${said}`);
});

it.each([
  ['=', 'a=b'],
  ['=', 'role：db'],
  ['=', '≠ 主库 é'],
  [':', ''],
])('finds none of %s in %j', (sign, text) => {
  expect([otherFormOf(sign, text), insteadOf(sign, text)]).toEqual([undefined, '']);
});
