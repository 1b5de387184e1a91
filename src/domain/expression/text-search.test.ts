import fc from 'fast-check';
import { expect, it } from 'vitest';
import { containsText } from './text-search.ts';

it('finds what the built-in search finds', () => {
  // Of two letters, so that much of a part stands in many places; long enough that both ways are gone.
  const text = (least: number, most: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom('a', 'b'), minLength: least, maxLength: most });
  fc.assert(
    fc.property(text(0, 3_000), text(0, 60), fc.nat(3_000), (all, part, at) => {
      expect(containsText(all, part)).toBe(all.includes(part));
      const piece = all.slice(at, at + 400);
      expect(containsText(all.repeat(2), piece)).toBe(true);
      expect(containsText(all.repeat(2), `${piece}c`)).toBe(false);
    }),
    { numRuns: 300 },
  );
});

it('takes time by the length of both, however alike they are', () => {
  const [text, part] = ['a'.repeat(60_000), `${'a'.repeat(15_000)}b${'a'.repeat(15_000)}`];
  const began = process.threadCpuUsage();
  for (let times = 0; times < 40; times++) expect(containsText(text, part)).toBe(false);
  // The built-in search takes a third of a second for each.
  expect(process.threadCpuUsage(began).user / 1_000).toBeLessThan(1_000);
});
