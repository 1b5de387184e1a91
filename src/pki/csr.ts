/**
 * A PKCS #10 certificate request (RFC 2986) for an Ed25519 or ECDSA P-256 key, written out by hand: the agent makes one in its life and
 * one a month, and a whole X.509 library for it would cost it ten megabytes of memory.
 */
import { createPublicKey, sign, type KeyObject } from 'node:crypto';

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 128
      ? Buffer.from([body.length])
      : body.length < 256
        ? Buffer.from([0x81, body.length])
        : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

const SEQUENCE = 0x30;
const SET = 0x31;
/** 2.5.4.3 commonName; 1.2.840.10045.4.3.2 ecdsa-with-SHA256; 1.3.101.112 Ed25519. */
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const ECDSA_WITH_SHA256 = der(SEQUENCE, Buffer.from('06082a8648ce3d040302', 'hex'));
const ED25519 = der(SEQUENCE, Buffer.from('06032b6570', 'hex'));

export function encodeCsr(privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const subject = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from('drover')))));
  const info = der(SEQUENCE, Buffer.from([0x02, 0x01, 0x00]), subject, publicKey, der(0xa0));
  const isEd25519 = privateKey.asymmetricKeyType === 'ed25519';
  const signature = sign(isEd25519 ? null : 'sha256', info, privateKey);
  const request = der(SEQUENCE, info, isEd25519 ? ED25519 : ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  return (
    `-----BEGIN CERTIFICATE REQUEST-----\n${request.toString('base64').replace(/.{64}/g, '$&\n').trim()}\n-----END ` +
    'CERTIFICATE REQUEST-----\n'
  );
}
