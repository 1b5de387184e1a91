/**
 * Reads OpenSSH's private key format (PROTOCOL.key). The header is in clear and tells type and public key; the private part of
 * a key without passphrase is compared with it.
 */
import { limits } from '../base/limits.ts';
import { WireFault, WireReader } from './ssh-wire.ts';

/** A sentence for the person who gave the key; never holds any of it. */
export class KeyFault extends Error {}

const MAGIC = 'openssh-key-v1\0';
const TYPES = ['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'];
/** Those that ssh-keygen -Z takes and SSH libraries read. */
const CIPHERS: Readonly<Record<string, true>> = { 'aes128-ctr': true, 'aes192-ctr': true, 'aes256-ctr': true, 'aes128-cbc': true, 'aes192-cbc': true, 'aes256-cbc': true, 'aes128-gcm@openssh.com': true, 'aes256-gcm@openssh.com': true };

export interface OpensshKey { readonly type: string; readonly publicKey: Buffer; readonly isEncrypted: boolean }

export function openOpensshKey(text: string, passphrase: string | undefined): OpensshKey {
  const reader = new WireReader(Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64'));
  if (reader.take(MAGIC.length).toString('latin1') !== MAGIC) throw new WireFault('its first bytes are not those of the format');
  const [cipher, derivation, options] = [reader.text(), reader.text(), reader.string()];
  if (reader.uint32() !== 1) throw new KeyFault('The file holds several keys. Give one.');
  const publicKey = reader.string();
  const secret = reader.string();
  const type = new WireReader(publicKey).text();
  if (type.startsWith('sk-')) throw new KeyFault('The key lives in a hardware token, which nobody can touch for a server. Give a key of its own to Drover.');
  if (!TYPES.includes(type)) throw new KeyFault(`Keys of the type ${type.slice(0, 40)} are not supported. Give one of type Ed25519, RSA or ECDSA.`);
  const isEncrypted = cipher !== 'none';
  if (isEncrypted) {
    if (!Object.hasOwn(CIPHERS, cipher) || derivation !== 'bcrypt') throw new KeyFault(`The key is encrypted with ${cipher.slice(0, 40)}, which is not supported. Change that: ssh-keygen -p -Z aes256-ctr -f KEY.`);
    if (passphrase === undefined) throw new KeyFault('The key is protected by a passphrase. Give it too.');
    const derived = new WireReader(options);
    derived.string();
    if (derived.uint32() > limits.keyDerivationRoundsMax) throw new KeyFault(`The passphrase of the key is derived in more than ${limits.keyDerivationRoundsMax} rounds. Take fewer: ssh-keygen -p -a 24 -f KEY.`);
  } else {
    if (passphrase !== undefined) throw new KeyFault('A passphrase was given, but the key has none. Is it the right file? Leave the passphrase out if it is.');
    assertIntact(secret, type, publicKey);
  }
  return { type, publicKey, isEncrypted };
}

/** The same random number twice, then the key: its public fields are those of the header, and the padding counts up. */
function assertIntact(secret: Buffer, type: string, publicKey: Buffer): void {
  const reader = new WireReader(secret);
  if (!reader.take(4).equals(reader.take(4))) throw new WireFault('its check numbers differ');
  if (reader.text() !== type) throw new WireFault('its two halves are of different types');
  const shown = new WireReader(publicKey);
  shown.string();
  const fields = type === 'ssh-rsa' ? rsaFields(reader, shown) : type === 'ssh-ed25519' ? ed25519Fields(reader, shown) : curveFields(reader, shown);
  if (!fields) throw new WireFault('its private part belongs to another public key');
  reader.string();
  if (!reader.rest().every((byte, i) => byte === ((i + 1) & 0xff))) throw new WireFault('its end is not what it should be');
}

function rsaFields(reader: WireReader, shown: WireReader): boolean {
  const [modulus, exponent] = [reader.string(), reader.string()];
  for (const _ of ['d', 'iqmp', 'p', 'q']) reader.string();
  return shown.string().equals(exponent) && shown.string().equals(modulus);
}

function ed25519Fields(reader: WireReader, shown: WireReader): boolean {
  const point = reader.string();
  return shown.string().equals(point) && reader.string().subarray(32).equals(point);
}

function curveFields(reader: WireReader, shown: WireReader): boolean {
  const same = shown.string().equals(reader.string()) && shown.string().equals(reader.string());
  reader.string();
  return same;
}
