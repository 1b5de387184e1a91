import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HeldBytes } from './held-bytes.ts';

it('gives back what was put in, in order, whatever becomes of the pieces', () => {
  const step = fc.oneof(
    fc.uint8Array({ maxLength: 40_000 }).map((bytes) => ({ put: Buffer.from(bytes) })),
    fc.nat(50_000).map((count) => ({ take: count })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const held = new HeldBytes();
      let all = Buffer.alloc(0);
      const given: { readonly parts: readonly Buffer[]; readonly bytes: Buffer }[] = [];
      for (const one of steps) {
        if ('put' in one) {
          all = Buffer.concat([all, one.put]);
          held.put(one.put);
          // Whoever reads a file puts the next piece into the same memory.
          one.put.fill(0xee);
        } else {
          given.push({ parts: held.take(one.take), bytes: all.subarray(0, one.take) });
          all = all.subarray(one.take);
        }
        expect(held.length).toBe(all.length);
      }
      given.push({ parts: held.take(Infinity), bytes: all });
      // At the end: nothing that came later was written over what had been given.
      for (const { parts, bytes } of given) expect(Buffer.concat(parts).equals(bytes)).toBe(true);
      expect(held.length).toBe(0);
    }),
    { numRuns: 200 },
  );
});

it('keeps small pieces together', () => {
  const held = new HeldBytes();
  for (let n = 0; n < 60_000; n++) held.put(Buffer.of(n & 0xff));
  expect(held.take(60_000).length).toBeLessThan(20);
});
