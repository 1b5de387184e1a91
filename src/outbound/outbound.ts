/**
 * What servers ask of strange machines: webhooks, chats, mail; by connections of `dialer.ts`, to what is public and to
 * what the installation has named. Redirects are not followed: whoever is told of one gives the other URL. No proxy is asked, whatever the
 * environment says. Everything has one deadline, from the name to the last byte, and an answer is read up to a bound.
 */
import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestSecure } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { NameLookups } from '../base/node-names.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import type { AllowList } from './allow-list.ts';
import { dial, secured, unreachedText, type Dialer, type OutboundConnection, type OutboundPlace } from './dialer.ts';
import { PLACE_WORDS } from './place-words.ts';

export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** http or https. Without TLS only to what the installation has named itself. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Certificates in PEM of who vouches for the far end, in place of the public authorities. */
  readonly authorities?: string;
}

export interface OutboundAnswer {
  readonly status: number;
  /** Small letters; of one that came several times the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** More came than is read. */
  readonly isCut: boolean;
}

/**
 * All throw `address-not-allowed`, `outbound-unreachable` or `outbound-timeout`, whose details name what was asked for and
 * never where its name leads: who may not go there is not told what is there.
 */
export interface Outbound {
  request(wanted: OutboundRequest): Promise<OutboundAnswer>;
  /** For what speaks no HTTP: a connection that is made, and ends by itself when the time for all of it is over. */
  dial(place: OutboundPlace): Promise<OutboundConnection>;
  /** Encrypts a connection that speaks in clear until now. The certificate is that of `host`, and is checked. */
  secure(connection: OutboundConnection, host: string, authorities?: string): Promise<OutboundConnection>;
}

export interface OutboundOptions {
  readonly allowed: AllowList;
  readonly clock: Clock;
  readonly names?: Pick<NameLookups, 'lookup'>;
  readonly withinMs?: number;
}

export function createOutbound({ allowed, clock, names, withinMs }: OutboundOptions): Outbound {
  const lookups = names ?? new NameLookups({ clock, atOnceMax: noticeLimits.outboundNamesMax });
  const within = withinMs ?? noticeLimits.outboundMsMax;
  const dialer: Dialer = { allowed, lookup: lookups.lookup, clock, words: { notAllowed, unreachable } };
  const limited = async <T>(what: string, work: (deadline: AbortSignal) => Promise<T>): Promise<T> => {
    const ending = new AbortController();
    const cancel = clock.after(within, () => ending.abort(), { unref: true });
    try {
      return await orEnd(work(ending.signal), ending.signal);
    } catch (error) {
      throw ending.signal.aborted ? tooLate(what, within) : error;
    } finally {
      cancel();
    }
  };
  return {
    request: (wanted) => {
      const url = parseUrl(wanted.url);
      return limited(url.host, (deadline) => ask(dialer, wanted, url, deadline));
    },
    async dial(place) {
      const ending = new AbortController();
      const cancel = clock.after(within, () => ending.abort(), { unref: true });
      try {
        const connection = await orEnd(dial(dialer, place, ending.signal), ending.signal);
        connection.socket.once('close', cancel);
        ending.signal.addEventListener('abort', () => connection.socket.destroy(tooLate(place.host, within)));
        return connection;
      } catch (error) {
        cancel();
        throw ending.signal.aborted ? tooLate(place.host, within) : error;
      }
    },
    secure: (connection, host, authorities) => secured(dialer, connection, host, { authorities }),
  };
}

function tooLate(what: string, withinMs: number): DroverError {
  return new DroverError('outbound-timeout', { detail: `${what} did not answer within ${withinMs / 1_000} s.` });
}

/** Rejects when the signal ends, though what is waited for goes on. */
function orEnd<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('too late')), { once: true });
    work.then(resolve, reject);
  });
}

/** Throws `bad-input`. User and password have no place in a URL: they would be in logs of whoever passes it on. */
function parseUrl(text: string): URL {
  const fault = urlFault(text);
  if (fault !== undefined) throw new DroverError('bad-input', { detail: `The URL ${fault}.` });
  return new URL(text);
}

/** The end of a sentence about it; undefined for one that can be asked. Never repeats it, for it may hold a token. */
export function urlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is none: it has to begin with https:// and to name a host';
  const { protocol, username, password, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'has to begin with https://';
  if (username !== '' || password !== '') return 'holds no user and no password';
  return hash === '' ? undefined : 'has no part behind #';
}

// — HTTP —

async function ask(dialer: Dialer, wanted: OutboundRequest, url: URL, deadline: AbortSignal): Promise<OutboundAnswer> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isSecure = url.protocol === 'https:';
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  const plain = await dial(dialer, { host, port }, deadline);
  const ended = (): void => void plain.socket.destroy();
  deadline.addEventListener('abort', ended, { once: true });
  try {
    if (!isSecure && !plain.isNamed)
      throw new DroverError('address-not-allowed', {
        detail: `${host} would be spoken to in clear. Give an https:// URL, or have the installation name it in DROVER_OUTBOUND_ALLOW.`,
      });
    const { socket } = isSecure ? await secured(dialer, plain, host, { authorities: wanted.authorities }) : plain;
    return await exchanged(wanted, { url, host, socket, isSecure });
  } finally {
    deadline.removeEventListener('abort', ended);
    plain.socket.destroy();
  }
}

interface Exchange {
  readonly url: URL;
  readonly host: string;
  readonly socket: Socket;
  readonly isSecure: boolean;
}

function exchanged(wanted: OutboundRequest, { url, host, socket, isSecure }: Exchange): Promise<OutboundAnswer> {
  const options: RequestOptions = {
    method: wanted.method,
    host,
    path: `${url.pathname}${url.search}`,
    headers: {
      // Kept for the name, for the connection knows an address only.
      host: url.host,
      'user-agent': 'drover',
      'accept-encoding': 'identity',
      connection: 'close',
      ...wanted.headers,
      ...given({ 'content-length': wanted.body === undefined ? undefined : Buffer.byteLength(wanted.body) }),
    },
    createConnection: () => socket,
    maxHeaderSize: 16_384,
  };
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? requestSecure : requestPlain)(options, (answer) => {
      bodyOf(answer).then(resolve, (error: unknown) => reject(unreachable(host, error)));
    });
    sent.once('error', (error) => reject(unreachable(host, error)));
    sent.end(wanted.body);
  });
}

/** As much of it as is read; whoever sends more finds the connection ended. */
function bodyOf(answer: IncomingMessage): Promise<OutboundAnswer> {
  const { statusCode: status = 0, headers } = answer;
  const parts: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const done = (isCut: boolean): void =>
      resolve({
        status,
        headers: Object.fromEntries(
          Object.entries(headers).flatMap(([name, value]) =>
            value === undefined ? [] : [[name, typeof value === 'string' ? value : value[0]!]],
          ),
        ),
        body: Buffer.concat(parts).subarray(0, noticeLimits.outboundAnswerBytesMax),
        isCut,
      });
    answer.on('data', (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
      if (bytes <= noticeLimits.outboundAnswerBytesMax) return;
      done(true);
      answer.destroy();
    });
    answer.once('end', () => done(false));
    answer.once('error', reject);
    answer.once('close', () => reject(Object.assign(new Error('cut'), { code: 'ECONNRESET' })));
  });
}

// — words —

/** Of an address its kind is told, which everybody sees; of a name nothing of where it leads. */
function notAllowed(host: string, place: keyof typeof PLACE_WORDS): DroverError {
  const words = isIP(host) === 0 ? 'leads where' : `${PLACE_WORDS[place]}, where`;
  return new DroverError('address-not-allowed', {
    detail: `${host} ${words} this server speaks to nobody unless the installation names it in DROVER_OUTBOUND_ALLOW.`,
  });
}

function unreachable(host: string, error: unknown): DroverError {
  if (error instanceof DroverError) return error;
  return new DroverError('outbound-unreachable', {
    detail: unreachedText(host, error, 'authorities of the channel'),
    cause: error,
  });
}
