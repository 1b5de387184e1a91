/** A process's own key and certificate. The key is made where it is used and never leaves; files are 0600 and replaced in one step. */
import { createPrivateKey, createPublicKey, createSign, createVerify, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeCsr } from './csr.ts';

export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** PKCS #10 request for a key; the subject does not matter, the authority decides it. */
export function certificateRequest(privateKeyPem: string): string {
  return encodeCsr(createPrivateKey(privateKeyPem));
}

export function signWith(privateKeyPem: string, message: string): Buffer {
  return createSign('sha256').update(message).sign(privateKeyPem);
}

/** `publicKey` is SPKI in DER. */
export function isSignedBy(publicKey: Uint8Array, message: string, signature: Uint8Array): boolean {
  try {
    return createVerify('sha256').update(message).verify(createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' }), signature);
  } catch {
    return false;
  }
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

export function writeJsonFile(folder: string, name: string, value: unknown): void {
  mkdirSync(folder, { recursive: true });
  const staging = join(folder, `${name}.new`);
  writeFileSync(staging, JSON.stringify(value), { mode: 0o600, flush: true });
  renameSync(staging, join(folder, name));
}
