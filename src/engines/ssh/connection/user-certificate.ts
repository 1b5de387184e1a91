/**
 * OpenSSH user certificates (PROTOCOL.certkeys) on top of `ssh2`, which knows keys only: a key whose public half is the
 * certificate. The server wants the certificate's algorithm outside and the plain key's inside the signature, and ssh2 writes
 * one name in both places, so for such keys, and for no others, the request is written here.
 */
import type { Client, ParsedKey } from 'ssh2';

const CERTIFICATE =
  /^((?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521))-cert-v01@openssh\.com)\s+([A-Za-z0-9+/=]+)/;
const USERAUTH_REQUEST = 50;

/** What the plain key signs with, and how the server is told. */
interface CertificateKey {
  readonly blob: Buffer;
  readonly algorithm: string;
  readonly signature: string;
  sign(data: Buffer): Buffer | Error;
}

interface Protocol {
  authPK(
    user: string,
    key: unknown,
    algorithm: string | undefined,
    sign?: (data: Buffer, done: (signature: Buffer) => void) => void,
  ): void;
  readonly _kex: { readonly sessionID: Buffer };
  readonly _authsQueue: string[];
  readonly _packetRW: {
    readonly write: { readonly allocStart: number; alloc(bytes: number): Buffer; finalize(packet: Buffer): Buffer };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
}

/** A key of `ssh2` that carries its certificate. */
interface CertifiedKey extends ParsedKey {
  readonly certificate: CertificateKey;
}

function isCertified(key: unknown): key is CertifiedKey {
  return typeof key === 'object' && key !== null && 'certificate' in key;
}

/** The key with the certificate as its public half, or what is wrong with the certificate. */
export function withCertificate(key: ParsedKey, certificate: string): ParsedKey | string {
  const [, name, base64] = CERTIFICATE.exec(certificate.trim()) ?? [];
  if (name === undefined || base64 === undefined)
    return 'the certificate is not an OpenSSH user certificate (the text of a -cert.pub file)';
  const plain = name.replace('-cert-v01@openssh.com', '');
  if (plain !== key.type) return `the certificate is for a key of type ${plain}, the key is ${key.type}`;
  const blob = Buffer.from(base64, 'base64');
  const fields = readFields(key.getPublicSSH());
  // Behind the name and the nonce the certificate repeats the fields of the public key.
  const certified = readFields(blob);
  if (!fields.slice(1).every((field, i) => certified[i + 2]?.equals(field)))
    return 'the certificate is for another key';
  const isRsa = key.type === 'ssh-rsa';
  const signed = Object.create(key) as ParsedKey;
  const certificateKey: CertificateKey = {
    blob,
    algorithm: isRsa ? 'rsa-sha2-256-cert-v01@openssh.com' : name,
    signature: isRsa ? 'rsa-sha2-256' : plain,
    sign(data) {
      const signature = key.sign(data, isRsa ? 'sha256' : undefined) as Buffer | Error;
      return plain.startsWith('ecdsa-') && !(signature instanceof Error) ? sshEcdsa(signature) : signature;
    },
  };
  Object.defineProperty(signed, 'certificate', { value: certificateKey });
  // ssh2 chooses among RSA's algorithms by this name; the choice is made above.
  Object.defineProperty(signed, 'type', { value: name });
  return signed;
}

/** To be called once per client, before authentication begins. */
export function allowCertificates(client: Client): void {
  const protocol = (client as unknown as { _protocol: Protocol })._protocol;
  const plain = protocol.authPK.bind(protocol);
  protocol.authPK = (user, key, algorithm, sign) => {
    if (!isCertified(key)) return plain(user, key, algorithm, sign);
    const certified = key.certificate;
    if (!sign) return send(protocol, request(user, certified, false));
    const body = request(user, certified, true);
    const signature = certified.sign(Buffer.concat([string(protocol._kex.sessionID), body]));
    if (signature instanceof Error) throw signature;
    send(protocol, Buffer.concat([body, string(Buffer.concat([string(certified.signature), string(signature)]))]));
  };
}

/** From DER (SEQUENCE of two INTEGERs, 131 bytes of content at most and so one or two bytes of length) to two mpints. */
function sshEcdsa(der: Buffer): Buffer {
  let at = der[1]! > 0x80 ? 3 : 2;
  const numbers: Buffer[] = [];
  while (numbers.length < 2) {
    const length = der[at + 1]!;
    numbers.push(der.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return Buffer.concat(numbers.map(string));
}

function request(user: string, key: CertificateKey, signed: boolean): Buffer {
  return Buffer.concat([
    Buffer.of(USERAUTH_REQUEST),
    string(user),
    string('ssh-connection'),
    string('publickey'),
    Buffer.of(signed ? 1 : 0),
    string(key.algorithm),
    string(key.blob),
  ]);
}

function send(protocol: Protocol, payload: Buffer): void {
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  protocol._authsQueue.push('publickey');
  protocol._cipher.encrypt(write.finalize(packet));
}

function string(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function readFields(blob: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at + 4 <= blob.length && fields.length < 8; ) {
    const length = blob.readUInt32BE(at);
    if (at + 4 + length > blob.length) break;
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}
