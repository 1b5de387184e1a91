/**
 * Certificates that are cheap to make and slow to check: a chain of RSA keys of 3,072 bits whose public exponents are as long as their
 * modulus. OpenSSL takes them, and checks each signature with three thousand multiplications instead of seventeen.
 */
import { createHash, generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto';

const BITS = 3_072;
const BYTES = BITS / 8;

export interface SlowChain {
  /** P-256, of the first certificate. */
  readonly key: string;
  /** The first certificate and all above it, as PEM. */
  readonly certificates: string;
  /** One in the middle, for a slow key: DER. */
  readonly slow: Buffer;
  /** Of all. */
  readonly bytes: number;
}

/** `length` certificates, about 1.3 KB each; OpenSSL takes 100 KB of a peer. */
export function slowChain(length: number): SlowChain {
  const { n, d, spki } = slowKey();
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signed = (serial: number, subject: string, issuer: string, key: Buffer, extensions: Buffer[]): Buffer => {
    const body = sequence(
      der(0xa0, integer(2n)),
      integer(BigInt(serial)),
      RSA_SHA256,
      nameOf(issuer),
      sequence(der(0x17, Buffer.from('250101000000Z')), der(0x17, Buffer.from('350101000000Z'))),
      nameOf(subject),
      key,
      ...extensions,
    );
    return sequence(body, RSA_SHA256, bitString(signature(body, n, d)));
  };
  const chain = [
    signed(1, 'leaf', 'c1', leaf.publicKey.export({ type: 'spki', format: 'der' }), []),
    ...Array.from({ length: length - 1 }, (_, i) =>
      signed(i + 2, `c${i + 1}`, `c${Math.min(i + 2, length - 1)}`, spki, [IS_AUTHORITY]),
    ),
  ];
  return {
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificates: chain.map(pem).join(''),
    slow: chain[1]!,
    bytes: chain.reduce((sum, one) => sum + one.length, 0),
  };
}

/** The private exponent is short, so that signing is quick, and the public one therefore long. */
function slowKey(): { n: bigint; d: bigint; spki: Buffer } {
  const [p, q] = [prime(), prime()];
  const [n, phi] = [p * q, (p - 1n) * (q - 1n)];
  for (;;) {
    const d = BigInt(`0x${randomBytes(64).toString('hex')}`) | 1n;
    const e = inverse(d, phi);
    // OpenSSL takes an exponent that is smaller than the modulus, up to 3,072 bits.
    if (e !== undefined) return { n, d, spki: sequence(RSA, bitString(sequence(integer(n), integer(e)))) };
  }
}

function prime(): bigint {
  return generatePrimeSync(BITS / 2, { bigint: true });
}

function inverse(of: bigint, modulus: bigint): bigint | undefined {
  let [r, next, s, after] = [of % modulus, modulus, 1n, 0n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [s, after] = [after, s - quotient * after];
  }
  return r === 1n ? ((s % modulus) + modulus) % modulus : undefined;
}

/** PKCS #1 v1.5 over SHA-256. */
function signature(body: Buffer, n: bigint, d: bigint): Buffer {
  const digest = Buffer.concat([
    Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    createHash('sha256').update(body).digest(),
  ]);
  const padded = Buffer.concat([
    Buffer.from([0, 1]),
    Buffer.alloc(BYTES - digest.length - 3, 0xff),
    Buffer.from([0]),
    digest,
  ]);
  let [result, base] = [1n, BigInt(`0x${padded.toString('hex')}`)];
  for (let left = d; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * base) % n;
    base = (base * base) % n;
  }
  return Buffer.from(result.toString(16).padStart(BYTES * 2, '0'), 'hex');
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

function sequence(...parts: Uint8Array[]): Buffer {
  return der(0x30, ...parts);
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  return der(0x02, Buffer.from(`00${hex.length % 2 ? '0' : ''}${hex}`.replace(/^00(?=[0-7])/, ''), 'hex'));
}

function bitString(bytes: Uint8Array): Buffer {
  return der(0x03, Buffer.from([0]), bytes);
}

function nameOf(text: string): Buffer {
  return sequence(der(0x31, sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(text)))));
}

const NULL = Buffer.from([0x05, 0]);
/** 1.2.840.113549.1.1.11 sha256WithRSAEncryption; 1.2.840.113549.1.1.1 rsaEncryption; 2.5.29.19 basicConstraints, critical, CA. */
const RSA_SHA256 = sequence(Buffer.from('06092a864886f70d01010b', 'hex'), NULL);
const RSA = sequence(Buffer.from('06092a864886f70d010101', 'hex'), NULL);
const IS_AUTHORITY = der(0xa3, sequence(sequence(Buffer.from('0603551d130101ff040530030101ff', 'hex'))));

function pem(certificate: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END CERTIFICATE-----\n`;
}
