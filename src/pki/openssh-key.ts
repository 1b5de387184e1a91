/**
 * Reads OpenSSH's private key format (PROTOCOL.key). The header is in clear and tells type and public key; the private part, opened
 * with the passphrase where there is one, must belong to it.
 */
import { createDecipheriv, createECDH, createPrivateKey, createPublicKey, type CipherGCMTypes } from 'node:crypto';
import { limits } from '../base/limits.ts';
import { bcryptKey } from './bcrypt-key.ts';
import { WireFault, WireReader } from './ssh-wire.ts';

/** A sentence for the person who gave the key; never holds any of it. */
export class KeyFault extends Error {}

const MAGIC = 'openssh-key-v1\0';
const TYPES = ['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'];
interface Cipher {
  readonly name: string;
  readonly keyBytes: number;
  readonly ivBytes: number;
  readonly isGcm: boolean;
}
/** Those that ssh-keygen -Z takes and SSH libraries read; aes256-ctr is its default. */
const CIPHERS: Readonly<Record<string, Cipher>> = Object.fromEntries(
  [128, 192, 256].flatMap((bits) => [
    ...['ctr', 'cbc'].map(
      (mode) =>
        [`aes${bits}-${mode}`, { name: `aes-${bits}-${mode}`, keyBytes: bits / 8, ivBytes: 16, isGcm: false }] as const,
    ),
    ...(bits === 192
      ? []
      : [
          [
            `aes${bits}-gcm@openssh.com`,
            { name: `aes-${bits}-gcm`, keyBytes: bits / 8, ivBytes: 12, isGcm: true },
          ] as const,
        ]),
  ]),
);

export interface OpensshKey {
  readonly type: string;
  readonly publicKey: Buffer;
  readonly isEncrypted: boolean;
}

export async function openOpensshKey(text: string, passphrase: string | undefined): Promise<OpensshKey> {
  const reader = new WireReader(Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64'));
  if (reader.take(MAGIC.length).toString('latin1') !== MAGIC)
    throw new WireFault('its first bytes are not those of the format');
  const [cipher, derivation, options] = [reader.text(), reader.text(), reader.string()];
  if (reader.uint32() !== 1) throw new KeyFault('The file holds several keys. Give one.');
  const publicKey = reader.string();
  const secret = reader.string();
  const tag = reader.rest();
  const type = new WireReader(publicKey).text();
  if (type.startsWith('sk-'))
    throw new KeyFault(
      'The key lives in a hardware token, which nobody can touch for a server. Give a key of its own to Drover.',
    );
  if (!TYPES.includes(type))
    throw new KeyFault(
      `Keys of the type ${type.slice(0, 40)} are not supported. Give one of type Ed25519, RSA or ECDSA.`,
    );
  const isEncrypted = cipher !== 'none';
  if (!isEncrypted && passphrase !== undefined)
    throw new KeyFault(
      'A passphrase was given, but the key has none. Is it the right file? Leave the passphrase out if it is.',
    );
  assertIntact(
    isEncrypted ? await decrypt(secret, tag, { cipher, derivation, options }, passphrase) : secret,
    type,
    publicKey,
  );
  return { type, publicKey, isEncrypted };
}

interface Protection {
  readonly cipher: string;
  readonly derivation: string;
  readonly options: Buffer;
}

async function decrypt(
  secret: Buffer,
  tag: Buffer,
  { cipher: name, derivation, options }: Protection,
  passphrase: string | undefined,
): Promise<Buffer> {
  const cipher = Object.hasOwn(CIPHERS, name) ? CIPHERS[name] : undefined;
  if (!cipher || derivation !== 'bcrypt')
    throw new KeyFault(
      `The key is encrypted with ${name.slice(0, 40)}, which is not supported. Change that: ssh-keygen -p -Z aes256-ctr -f KEY.`,
    );
  if (passphrase === undefined) throw new KeyFault('The key is protected by a passphrase. Give it too.');
  if (passphrase === '') throw new KeyFault('The passphrase is empty.');
  const reader = new WireReader(options);
  const [salt, rounds] = [reader.string(), reader.uint32()];
  if (rounds > limits.keyDerivationRoundsMax)
    throw new KeyFault(
      `The passphrase of the key is derived in more than ${limits.keyDerivationRoundsMax} rounds. Take fewer: ssh-keygen -p -a 24 -f KEY.`,
    );
  const derived = await bcryptKey(Buffer.from(passphrase), salt, rounds, cipher.keyBytes + cipher.ivBytes);
  const [key, iv] = [derived.subarray(0, cipher.keyBytes), derived.subarray(cipher.keyBytes)];
  try {
    const opened = cipher.isGcm
      ? createDecipheriv(cipher.name as CipherGCMTypes, key, iv, { authTagLength: 16 }).setAuthTag(tag)
      : createDecipheriv(cipher.name, key, iv).setAutoPadding(false);
    const plain = Buffer.concat([opened.update(secret), opened.final()]);
    if (plain.length >= 8 && plain.subarray(0, 4).equals(plain.subarray(4, 8))) return plain;
  } catch {
    // A tag that does not fit, or a length that is no multiple of the block: as below.
  }
  throw new KeyFault('The passphrase is wrong, or the key is damaged.');
}

/** The same random number twice, then the key: its public fields are those of the header, and the padding counts up. */
function assertIntact(secret: Buffer, type: string, publicKey: Buffer): void {
  const reader = new WireReader(secret);
  if (!reader.take(4).equals(reader.take(4))) throw new WireFault('its check numbers differ');
  if (reader.text() !== type) throw new WireFault('its two halves are of different types');
  const shown = new WireReader(publicKey);
  shown.string();
  const fields =
    type === 'ssh-rsa'
      ? rsaFields(reader, shown)
      : type === 'ssh-ed25519'
        ? ed25519Fields(reader, shown)
        : curveFields(reader, shown);
  if (!fields) throw new WireFault('its private part belongs to another public key');
  reader.string();
  if (!reader.rest().every((byte, i) => byte === ((i + 1) & 0xff)))
    throw new WireFault('its end is not what it should be');
}

function rsaFields(reader: WireReader, shown: WireReader): boolean {
  const [modulus, exponent, , , p, q] = [
    reader.string(),
    reader.string(),
    reader.string(),
    reader.string(),
    reader.string(),
    reader.string(),
  ];
  return (
    shown.string().equals(exponent) && shown.string().equals(modulus) && numberOf(p) * numberOf(q) === numberOf(modulus)
  );
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex') || '0'}`);
}

/** RFC 8410: what stands before the seed in a PKCS #8 key. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

function ed25519Fields(reader: WireReader, shown: WireReader): boolean {
  const [point, both] = [reader.string(), reader.string()];
  if (!shown.string().equals(point) || point.length !== 32 || both.length !== 64 || !both.subarray(32).equals(point))
    return false;
  const derived = createPublicKey(
    createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, both.subarray(0, 32)]), format: 'der', type: 'pkcs8' }),
  ).export({ format: 'jwk' }).x;
  return Buffer.from(String(derived), 'base64url').equals(point);
}

const CURVES: Readonly<Record<string, string>> = {
  nistp256: 'prime256v1',
  nistp384: 'secp384r1',
  nistp521: 'secp521r1',
};

function curveFields(reader: WireReader, shown: WireReader): boolean {
  const [curve, point, secret] = [reader.string(), reader.string(), reader.string()];
  if (!shown.string().equals(curve) || !shown.string().equals(point) || !Object.hasOwn(CURVES, curve.toString()))
    return false;
  const pair = createECDH(CURVES[curve.toString()]!);
  try {
    pair.setPrivateKey(secret[0] === 0 ? secret.subarray(1) : secret);
  } catch {
    return false;
  }
  return pair.getPublicKey().equals(point);
}
