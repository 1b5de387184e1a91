/**
 * Private keys as users have them: OpenSSH, PEM of PKCS#1, SEC1 and PKCS#8, with or without passphrase. Decrypting costs a tenth of
 * a second by design, so what was parsed is remembered for as long as it is in use, in memory only.
 */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import ssh2, { type ParsedKey } from 'ssh2';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import { fingerprintOf } from './host-key.ts';
import { withCertificate } from './user-certificate.ts';

export type KeyFault = { readonly code: 'ssh-key-passphrase' | 'ssh-key-unreadable'; readonly detail: string };
export interface UsableKey {
  readonly key: ParsedKey;
  readonly fingerprint: string;
}

export interface KeyText {
  readonly name: string;
  readonly privateKey: string;
  readonly passphrase?: string;
  readonly certificate?: string;
}

export function isKeyFault(key: UsableKey | KeyFault): key is KeyFault {
  return 'code' in key;
}

/** Keys that were parsed already, those used last: at most `sshKeysParsedMax`. */
export class UsableKeys {
  /** By the digest of their text, the longest unused first. */
  readonly #parsed = new Map<string, UsableKey | KeyFault>();

  of(text: KeyText): UsableKey | KeyFault {
    const digest = createHash('sha256')
      .update(JSON.stringify([text.privateKey, text.passphrase ?? null, text.certificate ?? null, text.name]))
      .digest('base64');
    const key = this.#parsed.get(digest) ?? usableKey(text);
    this.#parsed.delete(digest);
    this.#parsed.set(digest, key);
    if (this.#parsed.size > limits.sshKeysParsedMax) this.#parsed.delete(this.#parsed.keys().next().value!);
    return key;
  }
}

export function usableKey(text: KeyText): UsableKey | KeyFault {
  const pem = text.privateKey.trimEnd() + '\n';
  const pkcs8 = /^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/m.test(pem);
  const key = pkcs8 ? parsePkcs8(pem, text) : ssh2.utils.parseKey(pem, text.passphrase);
  const single = Array.isArray(key) ? (key as ParsedKey[])[0] : key;
  if (single === undefined || single instanceof Error) return faultOf(text, single?.message ?? 'it holds no key');
  if (isFault(single)) return single;
  if (!single.isPrivateKey()) return unreadable(text, 'it is a public key; the private one is needed');
  const fingerprint = fingerprintOf(single.getPublicSSH());
  if (text.certificate === undefined) return { key: single, fingerprint };
  const certified = withCertificate(single, text.certificate);
  return typeof certified === 'string' ? unreadable(text, certified) : { key: certified, fingerprint };
}

function isFault(key: ParsedKey | KeyFault): key is KeyFault {
  return 'code' in key;
}

function parsePkcs8(pem: string, text: KeyText): ParsedKey | Error | KeyFault {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, ...given({ passphrase: text.passphrase }) });
  } catch (error) {
    if (!pem.includes('ENCRYPTED')) return error as Error;
    return passphraseFault(text);
  }
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return ssh2.utils.parseKey(key.export({ type: 'pkcs1', format: 'pem' }) as string);
    case 'ec':
      return ssh2.utils.parseKey(key.export({ type: 'sec1', format: 'pem' }) as string);
    case 'ed25519':
      return ssh2.utils.parseKey(openSshEd25519(key));
    default:
      return new Error(`keys of type ${key.asymmetricKeyType} are not used for SSH`);
  }
}

/** ssh2 reads Ed25519 keys in OpenSSH's own form only (PROTOCOL.key). */
function openSshEd25519(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const [secret, open] = [Buffer.from(jwk.d!, 'base64url'), Buffer.from(jwk.x!, 'base64url')];
  const string = (value: string | Buffer): Buffer => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const pair = Buffer.concat([string('ssh-ed25519'), string(open)]);
  const check = Buffer.alloc(8);
  const inner = Buffer.concat([check, pair, string(Buffer.concat([secret, open])), string('')]);
  const padding = Buffer.from(Array.from({ length: (8 - (inner.length % 8)) % 8 }, (_, i) => i + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const blob = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    one,
    string(pair),
    string(Buffer.concat([inner, padding])),
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${blob.toString('base64').replace(/(.{70})/g, '$1\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function faultOf(text: KeyText, message: string): KeyFault {
  if (/no passphrase given/i.test(message))
    return {
      code: 'ssh-key-passphrase',
      detail: `The key "${text.name}" is encrypted and no passphrase is given. Store it with its passphrase.`,
    };
  if (/bad passphrase|integrity check/i.test(message)) return passphraseFault(text);
  if (/^-----BEGIN .*(DSA|DSS)/m.test(text.privateKey))
    return unreadable(text, 'DSA keys are no longer accepted anywhere; make an Ed25519 key');
  if (/^PuTTY-User-Key-File-3/m.test(text.privateKey))
    return unreadable(text, 'it is a PuTTY key of version 3; export it with puttygen -O private-openssh');
  return unreadable(
    text,
    `${message.toLowerCase().replace(/\.$/, '')}. OpenSSH and PEM keys are taken (Ed25519, RSA, ECDSA); convert ` +
      'it with ssh-keygen -p -f FILE',
  );
}

function passphraseFault(text: KeyText): KeyFault {
  const what =
    text.passphrase === undefined
      ? 'is encrypted and no passphrase is given'
      : 'cannot be decrypted with its passphrase';
  return {
    code: 'ssh-key-passphrase',
    detail: `The key "${text.name}" ${what}. Store it again with the right passphrase.`,
  };
}

function unreadable(text: KeyText, why: string): KeyFault {
  return { code: 'ssh-key-unreadable', detail: `The key "${text.name}" cannot be used: ${why}.` };
}
