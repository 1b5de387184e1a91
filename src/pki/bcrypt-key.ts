/**
 * bcrypt_pbkdf, with which OpenSSH makes the key of a private key from its passphrase. Node has no Blowfish; this is all of
 * it that is needed, and it is used for nothing else. Slow on purpose, so it lets others go on after each round.
 */
import { once } from '../base/once.ts';
import { createHash } from 'node:crypto';

const BOXES = 4 * 256;
const SUBKEYS = 18;
const WORDS = SUBKEYS + BOXES;
const BLOCK_BYTES = 32;
const MAGIC = Buffer.from('OxychromaticBlowfishSwatDynamite');

export async function bcryptKey(
  passphrase: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Promise<Buffer> {
  const pass = wordsOf(sha512(passphrase));
  const key = Buffer.alloc(length);
  const blocks = Math.ceil(length / BLOCK_BYTES);
  for (let block = 0; block < blocks; block++) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(block + 1);
    let last = bcryptHash(pass, wordsOf(sha512(Buffer.concat([salt, count]))));
    const sum = Buffer.from(last);
    for (let round = 1; round < rounds; round++) {
      await new Promise(setImmediate);
      last = bcryptHash(pass, wordsOf(sha512(last)));
      for (let i = 0; i < BLOCK_BYTES; i++) sum[i]! ^= last[i]!;
    }
    // Bytes of the blocks are dealt out in turn, so that no part of the key comes of one block alone.
    for (let i = 0; i * blocks + block < length; i++) key[i * blocks + block] = sum[i]!;
  }
  return key;
}

function sha512(bytes: Uint8Array): Buffer {
  return createHash('sha512').update(bytes).digest();
}

function wordsOf(bytes: Buffer): Uint32Array {
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32BE(i * 4));
}

function bcryptHash(pass: Uint32Array, salt: Uint32Array): Buffer {
  const state = initialState().slice();
  expand(state, pass, salt);
  for (let i = 0; i < 64; i++) {
    expand(state, salt, undefined);
    expand(state, pass, undefined);
  }
  const data = wordsOf(MAGIC);
  for (let i = 0; i < 64; i++) for (let at = 0; at < data.length; at += 2) encipher(state, data, at);
  const out = Buffer.alloc(BLOCK_BYTES);
  data.forEach((word, i) => out.writeUInt32LE(word, i * 4));
  return out;
}

/** Mixes the key into the subkeys, then replaces subkeys and boxes by a chain of encryptions, salted where there is a salt. */
function expand(state: Uint32Array, key: Uint32Array, salt: Uint32Array | undefined): void {
  for (let i = 0; i < SUBKEYS; i++) state[i]! ^= key[i % key.length]!;
  const pair = new Uint32Array(2);
  for (let i = 0; i < WORDS; i += 2) {
    if (salt) {
      pair[0]! ^= salt[i % salt.length]!;
      pair[1]! ^= salt[(i + 1) % salt.length]!;
    }
    encipher(state, pair, 0);
    state[i] = pair[0]!;
    state[i + 1] = pair[1]!;
  }
}

/** One block of Blowfish, in place. */
function encipher(state: Uint32Array, data: Uint32Array, at: number): void {
  let left = data[at]! ^ state[0]!;
  let right = data[at + 1]!;
  for (let i = 1; i < 17; i += 2) {
    right ^=
      (((state[SUBKEYS + (left >>> 24)]! + state[SUBKEYS + 256 + ((left >>> 16) & 255)]!) ^
        state[SUBKEYS + 512 + ((left >>> 8) & 255)]!) +
        state[SUBKEYS + 768 + (left & 255)]!) ^
      state[i]!;
    left ^=
      (((state[SUBKEYS + (right >>> 24)]! + state[SUBKEYS + 256 + ((right >>> 16) & 255)]!) ^
        state[SUBKEYS + 512 + ((right >>> 8) & 255)]!) +
        state[SUBKEYS + 768 + (right & 255)]!) ^
      state[i + 1]!;
  }
  data[at] = right ^ state[17]!;
  data[at + 1] = left;
}

/** Blowfish begins with the binary digits of pi behind the point; worked out once (Machin), rather than written out. */
const initialState = once((): Uint32Array => {
  const guardBits = 64n;
  const one = 1n << (BigInt(WORDS) * 32n + guardBits);
  const fraction = (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one) - 3n * one) >> guardBits;
  const hex = fraction.toString(16).padStart(WORDS * 8, '0');
  return wordsOf(Buffer.from(hex, 'hex'));
});

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x;
  let sum = power;
  for (let n = 3n, negative = true; power > 0n; n += 2n, negative = !negative) {
    power /= x * x;
    sum += negative ? -(power / n) : power / n;
  }
  return sum;
}
