/**
 * A join token is all that a new agent or worker needs: where the server is, how to know that it is the server (the CA's
 * fingerprint), and a secret that is good for so many uses until it expires. The server keeps the secret's hash.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { DroverError } from '../base/errors.ts';
import type { HostId } from '../base/ids.ts';

export interface JoinTokenText {
  readonly url: string;
  readonly fingerprint: string;
  readonly secret: string;
}
const PREFIX = 'drj_';

export function newSecret(): string {
  return randomBytes(24).toString('base64url');
}

export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/**
 * What one host of an installation joins with: from the secret of the whole, which no host is ever told. The same for a host however often
 * it is asked for; from one host's nobody comes to another's.
 */
export function hostJoinSecret(ofAll: string, hostId: HostId): string {
  return createHmac('sha256', ofAll).update(`drover-join-host-1\n${hostId}`).digest('base64url');
}

/**
 * What an agent that joins again signs with the key that it had. It names the token, for a renewal is signed too and
 * passes through workers: what one of them has seen of it must not join.
 */
export function joinProofMessage(secret: string, csr: string): string {
  return `drover-join-1\n${hashSecret(secret).toString('base64url')}\n${csr}`;
}

export function formatJoinToken(token: JoinTokenText): string {
  return PREFIX + Buffer.from(JSON.stringify([token.url, token.fingerprint, token.secret])).toString('base64url');
}

/** Throws `join-token-invalid`. */
export function parseJoinToken(text: string): JoinTokenText {
  try {
    const parts: unknown = text.startsWith(PREFIX)
      ? JSON.parse(Buffer.from(text.slice(PREFIX.length).trim(), 'base64url').toString())
      : undefined;
    if (Array.isArray(parts) && parts.length === 3 && parts.every((part) => typeof part === 'string')) {
      const [url, fingerprint, secret] = parts as [string, string, string];
      if (new URL(url).protocol === 'https:') return { url, fingerprint, secret };
    }
  } catch {
    // Said below.
  }
  throw new DroverError('join-token-invalid', {
    detail:
      'This is not a join token. Make one with `drover agents join-token create`, and copy it whole: it begins with drj_.',
  });
}
