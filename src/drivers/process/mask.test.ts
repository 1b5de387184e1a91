import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMask } from './mask.ts';

function maskInPieces(secrets: string[], pieces: Buffer[]): Buffer {
  const mask = createMask(secrets);
  const out: Buffer[] = [];
  let held = Buffer.alloc(0);
  for (const piece of pieces) {
    const input = Buffer.concat([held, piece]);
    const { masked, consumed } = mask.apply(input, false);
    out.push(masked);
    held = input.subarray(consumed);
  }
  out.push(mask.apply(held, true).masked);
  return Buffer.concat(out);
}

describe('masking', () => {
  const secret = fc.string({ minLength: 4, maxLength: 8, unit: fc.constantFrom('a', 'b', 'é') });
  const filler = fc.string({ maxLength: 6, unit: fc.constantFrom('a', 'b', 'c', '\n') });

  it('is the same however the stream was cut, and lets no secret through', () => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(filler, fc.nat(2))),
        fc.array(fc.nat(20)),
        (secrets, parts, cuts) => {
          const whole = Buffer.from(parts.map(([text, n]) => text + (secrets[n] ?? '')).join(''));
          const pieces: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) pieces.push(whole.subarray(at, (at = Math.min(whole.length, at + cut))));
          pieces.push(whole.subarray(at));
          const masked = maskInPieces(secrets, pieces);
          expect(masked.toString()).toBe(createMask(secrets).apply(whole, true).masked.toString());
          for (const value of secrets) expect(masked.includes(Buffer.from(value))).toBe(false);
        },
      ),
    );
  });

  it('masks each line of a secret of several lines, and its Base64', () => {
    const key = '-----BEGIN-----\nabcdefgh\n-----END-----';
    const text = maskInPieces(
      [key],
      [Buffer.from(`x abcdefgh y ${Buffer.from(key).toString('base64')} z\n${key}`)],
    ).toString();
    expect(text).toBe('x ****** y ****** z\n******');
  });

  it('leaves everything else as it is, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(createMask(['zzzzzzzz']).apply(Buffer.from(bytes), true).masked).toEqual(Buffer.from(bytes));
      }),
    );
  });
});
