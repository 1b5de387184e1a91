/**
 * Client certificates for thousands of simulated agents in seconds. All share one key; a certificate made the ordinary
 * way is the form, in which the agent's id is replaced (all ids are equally long) and the whole is signed again.
 */
import { createPrivateKey, createSign, X509Certificate, type KeyObject } from 'node:crypto';
import { limits } from '../../src/base/limits.ts';
import { CertificateAuthority, type CaMaterial } from '../../src/pki/ca.ts';
import { certificateRequest, newAgentKey } from '../../src/pki/identity.ts';

export interface AgentCertificates {
  readonly privateKey: string;
  readonly publicKey: Buffer;
  readonly ca: string;
  certificateFor(agentId: string): string;
}

const FORM_ID = '00000000-0000-4000-8000-000000000000';
/** INTEGER of the serial number; 1.2.840.10045.4.3.2 ecdsa-with-SHA256. */
const ECDSA_WITH_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex');

export async function agentCertificates(ca: CaMaterial, nowMs: number): Promise<AgentCertificates> {
  const privateKey = newAgentKey();
  const authority = await CertificateAuthority.load(ca);
  const signed = await authority.sign(
    { csr: certificateRequest(privateKey), id: FORM_ID, role: 'agent', lifetimeMs: limits.agentCertificateMs },
    nowMs,
  );
  if (!signed) throw new Error('the form certificate was refused');
  const body = toBeSigned(new X509Certificate(signed.certificate).raw);
  const at = body.indexOf(FORM_ID);
  const issuer = createPrivateKey({ key: Buffer.from(ca.privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  return {
    privateKey,
    publicKey: signed.publicKey,
    ca: ca.certificate,
    certificateFor: (agentId) => fillForm(body, at, agentId, issuer),
  };
}

function fillForm(form: Buffer, at: number, agentId: string, issuer: KeyObject): string {
  const body = Buffer.from(form);
  body.write(agentId, at, 'latin1');
  const signature = createSign('sha256').update(body).sign(issuer);
  const certificate = sequence(
    Buffer.concat([body, ECDSA_WITH_SHA256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature]))]),
  );
  return `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END CERTIFICATE-----\n`;
}

/** The first element of the outer sequence, header included. */
function toBeSigned(certificate: Buffer): Buffer {
  const start = headerLength(certificate, 0);
  return certificate.subarray(start, start + headerLength(certificate, start) + contentLength(certificate, start));
}

function headerLength(der: Buffer, at: number): number {
  return der[at + 1]! < 0x80 ? 2 : 2 + (der[at + 1]! & 0x7f);
}

function contentLength(der: Buffer, at: number): number {
  return der[at + 1]! < 0x80 ? der[at + 1]! : der.readUIntBE(at + 2, der[at + 1]! & 0x7f);
}

function tagged(tag: number, content: Buffer): Buffer {
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length < 0x100
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(content: Buffer): Buffer {
  return tagged(0x30, content);
}
