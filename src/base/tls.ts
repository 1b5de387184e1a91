/** TLS as both ports speak it. */
import { constants } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

/** TLS 1.3 by preference, and of 1.2 the suites that encrypt and authenticate in one step, with forward secrecy. */
const TLS_SUITES = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/**
 * Of the server's port. Nobody is asked for a certificate: what a stranger shows would be checked before anybody may say no, and peers
 * prove theirs in a request (`pki/peer-proof.ts`). Keys are exchanged on curves alone, which cost a fraction of a millisecond; with
 * groups of finite fields an older OpenSSL takes a quarter of a second. One handshake for each connection: none is begun anew on it.
 */
export const PORT_TLS = {
  minVersion: 'TLSv1.2',
  ciphers: TLS_SUITES,
  honorCipherOrder: true,
  ecdhCurve: 'X25519:P-256:P-384',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const satisfies TlsOptions;

/**
 * Of a port that links come in on: as on the server's port, so that a probe or a proxy that knows 1.2 alone hears an
 * answer; our own ends dial with 1.3 only. Links live for days: no session tickets, which cost memory for the life of
 * each. X25519 alone, because the public part of a hybrid exchange stays with each connection too (5 KiB of OpenSSL
 * 3.5's ML-KEM); see ADR 0010.
 */
export const LINK_TLS = {
  ...PORT_TLS,
  ecdhCurve: 'X25519',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
} as const satisfies TlsOptions;
