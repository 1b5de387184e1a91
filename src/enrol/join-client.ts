/**
 * The joining side: asks the server that the join token names for a certificate. The server is known by the fingerprint of
 * its CA in the token, also where it is of this very machine: another user may listen there in its place.
 */
import { request as httpsRequest } from 'node:https';
import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { pause, systemClock, type Clock } from '../base/clock.ts';
import { networkWords } from '../base/network-words.ts';
import { DroverError, isErrorCode, type ErrorCode } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { silentLog, type Log } from '../base/log.ts';
import { systemRandom, type Random } from '../base/random.ts';
import type { JoinTokenText } from '../pki/join-token.ts';

const TIMEOUT_MS = 20_000;
/** Certificates, an authority and some addresses are a few KiB. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** Of the server, to come back later; nothing of the request was done. */
const COME_BACK: readonly ErrorCode[] = ['too-many-requests', 'overloaded'];
/** Where it does not say when. */
const COME_BACK_S = 2;

/**
 * The server's answer. A rack that joins at once is more than a server takes at once: whoever is told to come back does so when told, a
 * little later than others by chance, for at most `joinPatienceMs`. `body` is made anew for each try: it holds the clock.
 */
export async function postJoin<T>(
  token: JoinTokenText,
  path: string,
  body: () => object,
  { clock = systemClock, random = systemRandom, log = silentLog }: JoinOptions = {},
): Promise<T> {
  const untilMs = clock.monotonicMs() + limits.joinPatienceMs;
  for (;;) {
    try {
      return await postOnce<T>(token, path, body());
    } catch (error) {
      const { code, retryAfterS = COME_BACK_S } = error as DroverError;
      const waitMs = retryAfterS * 1_000 * (1 + random.next());
      if (!COME_BACK.includes(code) || clock.monotonicMs() + waitMs > untilMs) throw error;
      log.info({ code, waitMs: Math.round(waitMs) }, 'the server has much to do; joining is tried again');
      await pause(clock, waitMs);
    }
  }
}

export interface JoinOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
}

async function postOnce<T>(token: JoinTokenText, path: string, body: object): Promise<T> {
  const url = new URL(path, token.url);
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    // The chain is judged by the pinned fingerprint, in the handler below, before a byte of the secret is sent.
    const request = httpsRequest(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      timeout: TIMEOUT_MS,
      rejectUnauthorized: false,
      agent: false,
    });
    const unreachable = (why: string): void =>
      reject(new DroverError('host-not-linked', { detail: `The server ${token.url} was not reached: ${why}` }));
    request.on('error', (error) =>
      error instanceof DroverError ? reject(error) : unreachable(networkWords(error) ?? error.message),
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) return void request.destroy(new Error('its answer is longer than any'));
        chunks.push(chunk);
      });
      response.on('end', () => {
        const answer = parse(Buffer.concat(chunks).toString());
        if ((response.statusCode ?? 500) < 300) resolve(answer as T);
        else
          reject(
            new DroverError(typeof answer.code === 'string' && isErrorCode(answer.code) ? answer.code : 'internal', {
              detail: String(answer.detail ?? `the server answered ${response.statusCode}`),
              ...retryAfter(response.headers['retry-after']),
            }),
          );
      });
    });
    request.on('socket', (socket) => {
      (socket as TLSSocket).once('secureConnect', () => {
        if (isPinnedServer(socket as TLSSocket, token.fingerprint)) request.end(text);
        else
          request.destroy(
            new DroverError('certificate-invalid', {
              detail: `${token.url} is not the server that made this join token: its certificate is not one of that server's authority.`,
            }),
          );
      });
    });
  });
}

/**
 * The authority in the chain must be the one of the token, and must really have signed what the server holds the key of: the
 * authority's certificate is public, anybody can show it beside another. And it must have been signed for a server.
 */
function isPinnedServer(socket: TLSSocket, fingerprint: string): boolean {
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  if (!certificate.raw || String(certificate.subject.OU) !== 'server') return false;
  const own = new X509Certificate(certificate.raw);
  for (let depth = 0; certificate?.raw && depth < 5; depth++) {
    if (createHash('sha256').update(certificate.raw).digest('base64url') === fingerprint)
      return own.verify(new X509Certificate(certificate.raw).publicKey);
    if (certificate.issuerCertificate === certificate) return false;
    certificate = certificate.issuerCertificate;
  }
  return false;
}

function retryAfter(header: string | undefined): { retryAfterS?: number } {
  return /^\d{1,5}$/.test(header ?? '') ? { retryAfterS: Number(header) } : {};
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { detail: text.slice(0, 200) };
  }
}
