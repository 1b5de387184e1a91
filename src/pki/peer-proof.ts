/**
 * How an agent or a worker says who it is: its certificate stands in the head of its request, with a signature of its key over the very TLS
 * connection (the exporter of RFC 9266), so that nobody who hears it can say it on another one.
 *
 * The handshake asks nobody for a certificate. There OpenSSL would check whatever chain a stranger sends, 100 KB of the slowest keys
 * that it knows, in one turn and before anybody may say no. Here it is one certificate of bounded length; nothing of it is parsed
 * unless our authority has signed it, and no key is used that our own programs do not make.
 */
import { createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { isSignedBy, signWith } from './identity.ts';

/** `<certificate, DER in base64>.<signature, base64url>` */
export const PEER_HEADER = 'drover-peer';
const FORM = /^([A-Za-z0-9+/]{1,}={0,2})\.([A-Za-z0-9_-]{1,200})$/;
const EXPORTER_LABEL = 'EXPORTER-drover-peer';
const EXPORTED_BYTES = 32;

export interface PeerKeys {
  readonly privateKey: string;
  readonly certificate: string;
}

/** What our authority says of whoever has proved that a certificate is its own. */
export interface ProvedPeer {
  readonly id: string;
  readonly role: string;
  /** The host that an agent is for. */
  readonly hostId?: string;
}

export type PeerCheck =
  | { readonly kind: 'proved'; readonly peer: ProvedPeer }
  | { readonly kind: 'nothing-shown' }
  /** `why`: for whoever shows it, in half a sentence. */
  | { readonly kind: 'not-believed'; readonly why: string }
  | { readonly kind: 'ended' | 'not-begun'; readonly at: string };

/** The value of the head. Throws while the handshake is not over, and below TLS 1.3. */
export function provePeer(socket: TLSSocket, { privateKey, certificate }: PeerKeys): string {
  const shown = certificate.replace(/-----[^-]+-----|\s/g, '');
  return `${shown}.${signWith(privateKey, messageOf(socket)).toString('base64url')}`;
}

/**
 * Sends a request over a TLS connection of its own with the proof in its head, when the handshake is over: who we are is said when it is
 * known whom we speak to.
 */
export function endProved(request: ClientRequest, keys: PeerKeys): void {
  request.once('socket', (socket: Socket) =>
    socket.once('secureConnect', () => {
      try {
        request.setHeader(PEER_HEADER, provePeer(socket as TLSSocket, keys));
        request.end();
      } catch (error) {
        request.destroy(error as Error);
      }
    }),
  );
}

/** Checks proofs against one authority. */
export class PeerProofs {
  readonly #authority: KeyObject;

  /** `authority`: its certificate as PEM. */
  constructor(authority: string) {
    this.#authority = new X509Certificate(authority).publicKey;
  }

  /** A stranger has us check one signature of the authority's own kind and no more. */
  check(socket: TLSSocket, value: string | readonly string[] | undefined, nowMs: number): PeerCheck {
    if (value === undefined) return { kind: 'nothing-shown' };
    if (typeof value !== 'string' || value.length > limits.peerProofBytesMax) return notBelieved('it is too long');
    const [, shown, signature] = FORM.exec(value) ?? [];
    if (shown === undefined || signature === undefined) return notBelieved('it cannot be read');
    if (socket.getProtocol() !== 'TLSv1.3') return notBelieved('it is shown below TLS 1.3');
    const certificate = this.#ours(Buffer.from(shown, 'base64'));
    if (!certificate) return notBelieved('another authority has signed it');
    const key = certificate.publicKey;
    if (!isPeerKey(key)) return notBelieved('its key is of no kind that is used here');
    const spki = key.export({ type: 'spki', format: 'der' });
    if (!isSignedBy(spki, messageOf(socket), Buffer.from(signature, 'base64url')))
      return notBelieved('its key has not signed this connection');
    const { validFrom, validTo } = certificate;
    if (nowMs > Date.parse(validTo)) return { kind: 'ended', at: validTo };
    if (nowMs < Date.parse(validFrom)) return { kind: 'not-begun', at: validFrom };
    const { CN: id, OU: role, O: hostId } = certificate.toLegacyObject().subject as Record<string, unknown>;
    if (typeof id !== 'string' || typeof role !== 'string') return notBelieved('it says of nobody who it is');
    return {
      kind: 'proved',
      peer: { id, role, ...given({ hostId: typeof hostId === 'string' ? hostId : undefined }) },
    };
  }

  #ours(der: Buffer): X509Certificate | undefined {
    const parts = signedParts(der);
    try {
      if (!parts || !verify('sha256', parts.body, this.#authority, parts.signature)) return undefined;
      return new X509Certificate(der);
    } catch {
      return undefined;
    }
  }
}

/** Those of `newKey` and `newAgentKey`: checking a signature of theirs costs a fraction of a millisecond. */
function isPeerKey(key: KeyObject): boolean {
  if (key.asymmetricKeyType === 'ed25519') return true;
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

/** The same for a key as SPKI in DER, which may be anybody's bytes. */
export function isPeerSpki(spki: Uint8Array): boolean {
  // Those of our kinds have 44 and 91 bytes. Others are slow to parse already.
  if (spki.length > 91) return false;
  try {
    return isPeerKey(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  } catch {
    return false;
  }
}

function notBelieved(why: string): PeerCheck {
  return { kind: 'not-believed', why };
}

function messageOf(socket: TLSSocket): string {
  if (socket.getProtocol() !== 'TLSv1.3') throw new Error('a peer is proved over TLS 1.3 alone');
  // Two connections have the same at no time, neither has one that is taken up again.
  const exported = socket.exportKeyingMaterial(EXPORTED_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
  return `drover-peer/1\n${exported.toString('base64url')}`;
}

/** What an authority has signed in a certificate, and its signature, by the outermost lengths alone. */
function signedParts(der: Buffer): { body: Buffer; signature: Buffer } | undefined {
  const whole = elementAt(der, 0);
  if (!whole || whole.tag !== SEQUENCE || whole.end !== der.length) return undefined;
  const body = elementAt(der, whole.contentAt);
  const algorithm = body && elementAt(der, body.end);
  const signature = algorithm && elementAt(der, algorithm.end);
  if (!signature || body.tag !== SEQUENCE || signature.tag !== BIT_STRING || signature.end !== der.length)
    return undefined;
  // The first byte of a bit string says how many bits of its last byte do not count.
  return {
    body: der.subarray(whole.contentAt, body.end),
    signature: der.subarray(signature.contentAt + 1, signature.end),
  };
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;

/** Of at most 64 KiB, as everything here is. */
function elementAt(der: Buffer, at: number): { tag: number; contentAt: number; end: number } | undefined {
  if (at + 2 > der.length) return undefined;
  const first = der[at + 1]!;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const contentAt = at + 2 + lengthBytes;
  if (lengthBytes > 2 || contentAt > der.length) return undefined;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  const end = contentAt + length;
  return end > der.length ? undefined : { tag: der[at]!, contentAt, end };
}
