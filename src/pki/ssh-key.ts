/**
 * Private keys for SSH, looked at when they are stored, so that a wrong file or passphrase is told to the person who
 * has it at hand and not to whoever runs something at night.
 *
 * Checked: the format (OpenSSH, PEM of RSA and EC, PKCS #8), the type (Ed25519, RSA, ECDSA), that it is not damaged, and that
 * the passphrase opens it. What SSH libraries do not read (PKCS #8) comes back in a form that they do.
 */
import { createHash, createPrivateKey, createPublicKey, randomBytes, type KeyObject } from 'node:crypto';
import { given } from '../base/given.ts';
import { KeyFault, openOpensshKey } from './openssh-key.ts';
import { WireFault, WireReader, wireNumber, wireString } from './ssh-wire.ts';

export interface InspectedKey {
  readonly type: string;
  /** SHA-256 of the public key, as ssh-keygen -l prints it. */
  readonly fingerprint: string;
  readonly publicKey: Buffer;
  /** To be stored: the text given, or the same key in another format, then without its passphrase. */
  readonly text: string;
  readonly isPassphraseNeeded: boolean;
}

const RSA_BITS_MIN = 1_024;
const CURVES: Readonly<Record<string, string>> = { 'P-256': 'nistp256', 'P-384': 'nistp384', 'P-521': 'nistp521' };
const SUPPORTED = 'Give an OpenSSH or PEM private key of type Ed25519, RSA or ECDSA (ssh-keygen -t ed25519 makes one).';

export async function inspectPrivateKey(given: string, passphrase: string | undefined): Promise<InspectedKey> {
  const text = `${given.replaceAll('\r\n', '\n').trim()}\n`;
  const label = /^-----BEGIN ([A-Z0-9 ]+)-----\n[\s\S]*\n-----END \1-----\n$/.exec(text)?.[1];
  if (label === undefined) throw new KeyFault(strangerText(text));
  if (label === 'OPENSSH PRIVATE KEY') return inspectOpenssh(text, passphrase);
  if (label === 'DSA PRIVATE KEY') throw new KeyFault(`DSA keys are refused by every current SSH server. ${SUPPORTED}`);
  if (!/^((RSA|EC|ENCRYPTED) )?PRIVATE KEY$/.test(label))
    throw new KeyFault(`This is a ${label.toLowerCase()}, not a private key. ${SUPPORTED}`);
  return inspectPem(text, label, passphrase);
}

function fingerprintOf(publicKey: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')}`;
}

function strangerText(text: string): string {
  if (text.startsWith('PuTTY-User-Key-File'))
    return 'This is a PuTTY key. Convert it first: puttygen KEY.ppk -O private-openssh -o KEY.';
  if (/^(ssh-|ecdsa-|sk-)[\w@.-]+ AAAA/.test(text))
    return 'This is a public key. Give the private key: the file of the same name without .pub.';
  if (text.includes('-----BEGIN ')) return `The key is cut off, or has something before or after it. ${SUPPORTED}`;
  return `The format of the key is not known. ${SUPPORTED}`;
}

// — OpenSSH's own format —

async function inspectOpenssh(text: string, passphrase: string | undefined): Promise<InspectedKey> {
  try {
    const { type, publicKey, isEncrypted } = await openOpensshKey(text, passphrase);
    if (type === 'ssh-rsa') assertRsaBits(rsaBits(publicKey));
    return { type, publicKey, fingerprint: fingerprintOf(publicKey), text, isPassphraseNeeded: isEncrypted };
  } catch (error) {
    if (error instanceof WireFault) throw new KeyFault(`The key is damaged: ${error.message}.`);
    throw error;
  }
}

function rsaBits(publicKey: Uint8Array): number {
  const reader = new WireReader(publicKey);
  reader.string();
  reader.string();
  const modulus = reader.string();
  const at = modulus.findIndex((byte) => byte !== 0);
  return at < 0 ? 0 : (modulus.length - at) * 8 - Math.clz32(modulus[at]!) + 24;
}

function assertRsaBits(bits: number): void {
  if (bits < RSA_BITS_MIN)
    throw new KeyFault(
      `The RSA key has ${bits} bits; SSH takes no less than ${RSA_BITS_MIN}. Make a new one: ssh-keygen -t ed25519.`,
    );
}

// — PEM —

function inspectPem(text: string, label: string, passphrase: string | undefined): InspectedKey {
  const isEncrypted = label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type: 4,ENCRYPTED$/m.test(text);
  if (isEncrypted && passphrase === undefined) throw new KeyFault('The key is protected by a passphrase. Give it too.');
  if (!isEncrypted && passphrase !== undefined)
    throw new KeyFault(
      'A passphrase was given, but the key has none. Is it the right file? Leave the passphrase out if it is.',
    );
  const key = openPem(text, isEncrypted, passphrase);
  const { type, publicKey } = publicKeyOf(key);
  const isPkcs8 = label === 'PRIVATE KEY' || label === 'ENCRYPTED PRIVATE KEY';
  return {
    type,
    publicKey,
    fingerprint: fingerprintOf(publicKey),
    text: isPkcs8 ? portableText(key, publicKey) : text,
    isPassphraseNeeded: isEncrypted && !isPkcs8,
  };
}

function openPem(text: string, isEncrypted: boolean, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: text, format: 'pem', ...given({ passphrase }) });
  } catch (error) {
    // The library's own words may quote what it was given; its code says enough.
    const { code = '' } = error as { code?: string };
    if (code.startsWith('ERR_OSSL') && /UNSUPPORTED|UNKNOWN/.test(code) && !isEncrypted)
      throw new KeyFault(`The key is damaged or of a type that is not supported. ${SUPPORTED}`);
    throw new KeyFault(
      isEncrypted ? 'The passphrase is wrong, or the key is damaged.' : `The key is damaged. ${SUPPORTED}`,
    );
  }
}

function publicKeyOf(key: KeyObject): { type: string; publicKey: Buffer } {
  const jwk = createPublicKey(key).export({ format: 'jwk' });
  const part = (name: 'x' | 'y' | 'n' | 'e'): Buffer => Buffer.from(String(jwk[name]), 'base64url');
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519')
    return { type: 'ssh-ed25519', publicKey: Buffer.concat([wireString('ssh-ed25519'), wireString(part('x'))]) };
  if (jwk.kty === 'RSA') {
    assertRsaBits(part('n').length * 8);
    return {
      type: 'ssh-rsa',
      publicKey: Buffer.concat([wireString('ssh-rsa'), wireNumber(part('e')), wireNumber(part('n'))]),
    };
  }
  const curve = CURVES[String(jwk.crv)];
  if (jwk.kty === 'EC' && curve !== undefined) {
    const type = `ecdsa-sha2-${curve}`;
    return {
      type,
      publicKey: Buffer.concat([
        wireString(type),
        wireString(curve),
        wireString(Buffer.concat([Buffer.from([4]), part('x'), part('y')])),
      ]),
    };
  }
  throw new KeyFault(`SSH has no keys of the type ${String(jwk.crv ?? jwk.kty)}. ${SUPPORTED}`);
}

/** PKCS #8 in the form of its own type: PKCS #1, SEC 1, or OpenSSH's for Ed25519, which has no older one. */
function portableText(key: KeyObject, publicKey: Buffer): string {
  if (key.asymmetricKeyType === 'rsa') return String(key.export({ type: 'pkcs1', format: 'pem' }));
  if (key.asymmetricKeyType === 'ec') return String(key.export({ type: 'sec1', format: 'pem' }));
  const jwk = key.export({ format: 'jwk' });
  const [seed, point] = [Buffer.from(String(jwk.d), 'base64url'), Buffer.from(String(jwk.x), 'base64url')];
  const check = randomBytes(4);
  const secret = Buffer.concat([
    check,
    check,
    wireString('ssh-ed25519'),
    wireString(point),
    wireString(Buffer.concat([seed, point])),
    wireString(''),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    wireString('none'),
    wireString('none'),
    wireString(''),
    one,
    wireString(publicKey),
    wireString(Buffer.concat([secret, padding])),
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.toString('base64').replace(/.{1,70}/g, '$&\n')}-----END OPENSSH PRIVATE KEY-----\n`;
}

// — certificates —

export interface InspectedCertificate {
  readonly text: string;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since the epoch; undefined: for ever. */
  readonly validBeforeS: number | undefined;
}

const FOREVER = 0xffff_ffff_ffff_ffffn;
const USER_CERTIFICATE = 1;

/**
 * An OpenSSH user certificate (PROTOCOL.certkeys), for this key and not expired. Whether a server trusts its CA, only
 * that server knows.
 */
export function inspectCertificate(given: string, publicKey: Buffer, nowMs: number): InspectedCertificate {
  const [type = '', base64 = ''] = given.trim().split(/\s+/);
  const base = /^((?:ssh-(?:ed25519|rsa))|ecdsa-sha2-nistp(?:256|384|521))-cert-v01@openssh\.com$/.exec(type)?.[1];
  if (base === undefined)
    throw new KeyFault(
      'This is not an OpenSSH user certificate of a supported type. Give the file that ssh-keygen -s has made: …-cert.pub.',
    );
  try {
    const reader = new WireReader(Buffer.from(base64, 'base64'));
    if (reader.text() !== type) throw new WireFault('its name and its content differ');
    reader.string();
    const fields = Array.from({ length: base === 'ssh-ed25519' ? 1 : 2 }, () => wireString(reader.string()));
    reader.uint64();
    const kind = reader.uint32();
    const keyId = reader.string().toString();
    const principals = principalsOf(reader.string());
    const [, validBefore] = [reader.uint64(), reader.uint64()];
    if (kind !== USER_CERTIFICATE) throw new KeyFault('This certificate is for a host, not for a user.');
    if (!Buffer.concat([wireString(base), ...fields]).equals(publicKey))
      throw new KeyFault('The certificate belongs to another key.');
    if (validBefore !== FOREVER && validBefore * 1_000n <= BigInt(nowMs))
      throw new KeyFault(`The certificate has expired (${instant(validBefore)}). Have the key signed again.`);
    return {
      text: `${type} ${base64}`,
      keyId,
      principals,
      validBeforeS: validBefore === FOREVER ? undefined : Number(validBefore),
    };
  } catch (error) {
    if (error instanceof WireFault) throw new KeyFault(`The certificate is damaged: ${error.message}.`);
    throw error;
  }
}

function principalsOf(bytes: Buffer): string[] {
  const principals: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const name = new WireReader(bytes.subarray(at)).string();
    principals.push(name.toString());
    at += 4 + name.length;
  }
  return principals;
}

function instant(seconds: bigint): string {
  const ms = Number(seconds) * 1_000;
  return ms <= 8.64e15 ? new Date(ms).toISOString() : `${seconds} s`;
}
