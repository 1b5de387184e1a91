/** A process's own key and certificate. The key is made where it is used and never leaves; files are 0600 and replaced in one step. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { encodeCsr } from './csr.ts';

/** For what others dial: P-256, which browsers take too. */
export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

/** For an agent: Ed25519, whose signatures are the cheapest to make and need no chance. */
export function newAgentKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** PKCS #10 request for a key; the subject does not matter, the authority decides it. */
export function certificateRequest(privateKeyPem: string): string {
  return encodeCsr(createPrivateKey(privateKeyPem));
}

export function signWith(privateKeyPem: string, message: string): Buffer {
  const key = createPrivateKey(privateKeyPem);
  return sign(digestFor(key), Buffer.from(message), key);
}

/** `publicKey` is SPKI in DER. */
export function isSignedBy(publicKey: Uint8Array, message: string, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    return verify(digestFor(key), Buffer.from(message), key, signature);
  } catch {
    return false;
  }
}

/** Ed25519 hashes by itself. */
function digestFor(key: KeyObject): 'sha256' | null {
  return key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

/** Renewal is due when two thirds of a certificate's life are over: with time left to fail and try again. */
export function renewalTimes(certificatePem: string): { dueMs: number; untilMs: number } {
  const certificate = new X509Certificate(certificatePem);
  const [fromMs, untilMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  return { dueMs: fromMs + ((untilMs - fromMs) * 2) / 3, untilMs };
}

export function readJsonFile<T>(folder: string, name: string): T | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes an identity as it is when called; false, and a line in the log, when the disk does not take it. */
export function identityWriter(folder: string, name: string, log: Log): (identity: unknown) => boolean {
  return (identity) => {
    try {
      writeJsonFile(folder, name, identity);
      return true;
    } catch (error) {
      log.error({ err: error, folder }, 'the identity could not be written; it is tried again');
      return false;
    }
  };
}

export function writeJsonFile(folder: string, name: string, value: unknown): void {
  mkdirSync(folder, { recursive: true });
  const staging = join(folder, `${name}.new`);
  writeFileSync(staging, JSON.stringify(value), { mode: 0o600, flush: true });
  renameSync(staging, join(folder, name));
}
