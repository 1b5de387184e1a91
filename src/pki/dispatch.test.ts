import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSignedByKey, signUnderKey } from './dispatch.ts';

const KEY = Buffer.alloc(32, 7);
const hmac = (key: Uint8Array, head: string, body: Uint8Array): Buffer =>
  createHmac('sha256', key).update(head).update(body).digest();

describe('a mark under a key', () => {
  it('is HMAC-SHA256 of any text and bytes under any key', () => {
    const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength, size: 'max' });
    fc.assert(
      fc.property(bytes(100), fc.string({ unit: 'grapheme', maxLength: 400 }), bytes(6_000), (key, head, body) => {
        expect(signUnderKey(key, { head, body })).toEqual(hmac(key, head, body));
      }),
    );
  });

  it('is the same at and around the lengths where it is made in another way', () => {
    for (const length of [0, 1, 3_900, 4_000, 4_001, 4_019, 4_020, 4_021, 4_032, 4_033, 4_096, 4_097, 70_000]) {
      const body = Buffer.alloc(length, 'body');
      expect(signUnderKey(KEY, { head: 'four\n', body }), `${length}`).toEqual(hmac(KEY, 'four\n', body));
    }
    expect(signUnderKey(KEY, { head: '' })).toEqual(hmac(KEY, '', Buffer.alloc(0)));
    // A short message must not be signed with what a longer one has left behind.
    expect(signUnderKey(KEY, { head: 'a' })).toEqual(hmac(KEY, 'a', Buffer.alloc(0)));
  });

  it('is checked whole: one that is missing, cut, longer, of another key or of other words is a wrong one', () => {
    const message = { head: 'order\n', body: Buffer.from('spec') };
    const mac = signUnderKey(KEY, message);
    expect(isSignedByKey(KEY, message, mac)).toBe(true);
    expect(isSignedByKey(KEY, message, undefined)).toBe(false);
    expect(isSignedByKey(KEY, message, mac.subarray(0, 31))).toBe(false);
    expect(isSignedByKey(KEY, message, Buffer.concat([mac, Buffer.alloc(1)]))).toBe(false);
    expect(isSignedByKey(Buffer.alloc(32, 8), message, mac)).toBe(false);
    expect(isSignedByKey(KEY, { head: 'order\n', body: Buffer.from('spek') }, mac)).toBe(false);
    expect(isSignedByKey(KEY, { head: 'orders', body: Buffer.from('pec') }, mac)).toBe(false);
    expect(isSignedByKey(KEY, message, 'text' as never)).toBe(false);
  });
});
