/**
 * What an agent believes of a new executable: that the release key has signed exactly these bytes for this version, system and
 * processor. The same few lines sign (build), check before serving (server) and check before use (agent).
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';

export interface PackageIdentity {
  readonly version: string;
  readonly os: string;
  /** As Node names it: x64, arm64. */
  readonly arch: string;
  /** Of the executable itself, not of the compressed file that travels. */
  readonly size: number;
  /** SHA-256 of the executable, hex. */
  readonly sha256: string;
}

/** Every field is on a line of its own, so that no two identities have the same text. */
function signedText(identity: PackageIdentity): Buffer {
  const { version, os, arch, size, sha256 } = identity;
  return Buffer.from(['drover-agent-package-1', version, os, arch, String(size), sha256].join('\n'));
}

/** An Ed25519 key pair: the private key as PKCS#8 PEM, the public one as SPKI in Base64. */
export function newReleaseKey(): { privateKey: string; publicKey: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { privateKey: pem, publicKey: releasePublicKey(pem) };
}

export function releasePublicKey(privateKey: string): string {
  return createPublicKey(createPrivateKey(privateKey)).export({ type: 'spki', format: 'der' }).toString('base64');
}

export function signPackage(identity: PackageIdentity, privateKey: string): string {
  return sign(null, signedText(identity), privateKey).toString('base64');
}

/** False for anything that is not a good signature, a broken key included. */
export function isPackageSigned(identity: PackageIdentity, signature: string, publicKey: string): boolean {
  try {
    return verify(
      null,
      signedText(identity),
      createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' }),
      Buffer.from(signature, 'base64'),
    );
  } catch {
    return false;
  }
}
