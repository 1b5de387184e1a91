/**
 * The fleet's own certificate authority: it signs with ECDSA P-256; a holder's key may be Ed25519. A certificate says
 * who its holder is (CN) and what (OU); nothing else about a peer is believed.
 */
import 'reflect-metadata';
import { createHash, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { isPeerSpki } from './peer-proof.ts';

export type CertificateRole = 'server' | 'worker' | 'agent';
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const CA_LIFETIME_MS = 10 * 365 * 86_400_000;
/** Clocks of hosts may lag a little behind ours; never more than a life, or renewal would be due at birth. */
const BACKDATE_MS = 5 * 60_000;

x509.cryptoProvider.set(webcrypto as never);

export interface CaMaterial {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface SignRequest {
  readonly csr: string;
  readonly id: string;
  readonly role: CertificateRole;
  readonly lifetimeMs: number;
  /** The host that an agent is for: it may link for no other. */
  readonly hostId?: string;
  /** Names and addresses that others dial it by. */
  readonly names?: readonly string[];
}

export class CertificateAuthority {
  readonly certificate: string;
  readonly #issuer: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(certificate: string, issuer: x509.X509Certificate, key: webcrypto.CryptoKey) {
    this.certificate = certificate;
    this.#issuer = issuer;
    this.#key = key;
  }

  static async create(nowMs: number): Promise<CaMaterial> {
    const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Drover CA',
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + CA_LIFETIME_MS),
      signingAlgorithm: ALGORITHM,
      keys: keys as never,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    return { certificate: certificate.toString('pem'), privateKey: pkcs8.toString('base64') };
  }

  static async load(material: CaMaterial): Promise<CertificateAuthority> {
    const key = await webcrypto.subtle.importKey(
      'pkcs8',
      Buffer.from(material.privateKey, 'base64'),
      ALGORITHM,
      false,
      ['sign'],
    );
    return new CertificateAuthority(material.certificate, new x509.X509Certificate(material.certificate), key);
  }

  /** The key that the request is for, as SPKI in DER; undefined when it is malformed. */
  keyOf(csr: string): Buffer | undefined {
    try {
      return Buffer.from(new x509.Pkcs10CertificateRequest(csr).publicKey.rawData);
    } catch {
      return undefined;
    }
  }

  /** Undefined when the request is malformed, for a key that is neither P-256 nor Ed25519, or not signed by its own key. */
  async sign(
    request: SignRequest,
    nowMs: number,
  ): Promise<{ certificate: string; publicKey: Buffer; expiresAtMs: number } | undefined> {
    let csr: x509.Pkcs10CertificateRequest;
    try {
      csr = new x509.Pkcs10CertificateRequest(request.csr);
      // Keys of other kinds are refused before anything is computed with them.
      if (!isPeerSpki(Buffer.from(csr.publicKey.rawData)) || !(await csr.verify())) return undefined;
    } catch {
      return undefined;
    }
    const expiresAtMs = nowMs + request.lifetimeMs;
    const names = (request.names ?? []).map((name) => ({
      type: /^[\d.]+$|:/.test(name) ? ('ip' as const) : ('dns' as const),
      value: name,
    }));
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${request.id},OU=${request.role}${request.hostId === undefined ? '' : `,O=${request.hostId}`}`,
      issuer: this.#issuer.subject,
      notBefore: new Date(nowMs - Math.min(BACKDATE_MS, request.lifetimeMs)),
      notAfter: new Date(expiresAtMs),
      signingAlgorithm: ALGORITHM,
      publicKey: csr.publicKey,
      signingKey: this.#key as never,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    return { certificate: certificate.toString('pem'), publicKey: Buffer.from(csr.publicKey.rawData), expiresAtMs };
  }
}

export function fingerprint(certificatePem: string): string {
  return createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('base64url');
}
