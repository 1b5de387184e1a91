/**
 * Who calls: by a bearer token, whose row is believed for a moment. Streams outlive that moment, so the tokens of those that are open are
 * looked at by time: one that was revoked or has expired ends its streams, on whichever server, and so does one that nobody could confirm
 * for long.
 */
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { TokenId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { isRole, roleAllows, type Role } from '../domain/access/permission.ts';
import { hashSecret } from '../pki/join-token.ts';
import type { Caller } from '../app/caller.ts';
import type { ApiToken } from '../store/contract/api-token.ts';
import type { Store } from '../store/contract/store.ts';
import { networkOf } from '../base/network.ts';
import type { Admission } from './admission.ts';

/** A revocation takes effect within this. */
const TOKEN_BELIEVED_MS = 500;
const TOKENS_KNOWN_MAX = 10_000;
/** Between two looks at the tokens of open streams. */
const STREAM_LOOK_MS = 400;
/** Without an answer of the database for so long, a stream is ended: its token may be gone. */
const STREAM_UNCONFIRMED_MS = 10_000;

export type Authenticated = Caller & { readonly role: Role; readonly expiresAtMs: number };

interface OpenStream {
  readonly id: TokenId;
  readonly expiresAtMs: number;
  readonly onEnd: (why: DroverError) => void;
}

/** A question that is under way, and who waits for its answer. */
interface Asked {
  readonly token: Promise<ApiToken | undefined>;
  readonly sockets: Socket[];
}

export class Authentication {
  readonly #store: Pick<Store, 'apiTokenFetch' | 'apiTokenRevokedOf'>;
  readonly #clock: Clock;
  readonly #admission: Admission;
  /** Tokens that were found, with until when they are believed without a question; the one asked longest ago first. */
  readonly #known = new Map<string, { readonly token: ApiToken; readonly untilMs: number }>();
  readonly #asked = new Map<string, Asked>();
  /** By network: how many tokens are looked up that nobody knew here. */
  readonly #unknownOf = new Map<string, number>();
  readonly #mayAsk: (address: string) => boolean;
  readonly #streams = new Set<OpenStream>();
  #confirmedAtMs = 0;
  #looking = false;

  /** `mayAsk`: whether the address has some of its rate of requests without a token left. */
  constructor(
    store: Pick<Store, 'apiTokenFetch' | 'apiTokenRevokedOf'>,
    clock: Clock,
    admission: Admission,
    mayAsk: (address: string) => boolean,
  ) {
    this.#mayAsk = mayAsk;
    this.#store = store;
    this.#clock = clock;
    this.#admission = admission;
  }

  async authenticate(request: FastifyRequest): Promise<Authenticated> {
    const match = /^Bearer ([\x21-\x7e]{1,500})$/i.exec(request.headers.authorization ?? '');
    if (!match)
      throw new DroverError('unauthenticated', {
        detail: 'Send a token: Authorization: Bearer drt_… (make one with `drover tokens create`).',
      });
    const token = await this.#lookUp(match[1]!, request);
    if (!token || token.revokedAtMs !== undefined || !isRole(token.role)) throw revoked();
    if (token.expiresAtMs <= this.#clock.nowMs()) throw expired(token.name, token.expiresAtMs);
    return {
      actor: { kind: 'token', id: token.id, name: token.name },
      requestId: request.id,
      role: token.role,
      // Roles are given at the root.
      can: (permission) => roleAllows(token.role as Role, permission),
      expiresAtMs: token.expiresAtMs,
    };
  }

  /** Calls back once when the caller's token is not valid any more. The answer ends the watch. */
  whileValid(caller: Authenticated, onEnd: (why: DroverError) => void): () => void {
    const stream: OpenStream = { id: caller.actor.id as TokenId, expiresAtMs: caller.expiresAtMs, onEnd };
    if (this.#streams.size === 0) this.#confirmedAtMs = this.#clock.monotonicMs();
    this.#streams.add(stream);
    this.#lookLater();
    return () => void this.#streams.delete(stream);
  }

  /**
   * Many requests with one token ask once. A token that was good waits for the database under its own name. One that nobody knows here is
   * anybody's: it waits with those of its address, which has no more of them under way than it may send requests without a token.
   */
  async #lookUp(text: string, request: FastifyRequest): Promise<ApiToken | undefined> {
    const hash = hashSecret(text);
    const key = hash.toString('latin1');
    const known = this.#known.get(key);
    if (known && known.untilMs > this.#clock.monotonicMs()) return known.token;
    const asked = this.#asked.get(key);
    if (!asked) return this.#ask(key, hash, known?.token, request);
    asked.sockets.push(request.raw.socket);
    return asked.token;
  }

  #ask(
    key: string,
    hash: Buffer,
    known: ApiToken | undefined,
    { ip, raw }: FastifyRequest,
  ): Promise<ApiToken | undefined> {
    const leave = known ? () => undefined : this.#enterUnknown(ip);
    const sockets = [raw.socket];
    const caller = known ? known.id : `address ${networkOf(ip)}`;
    const ask = async (): Promise<ApiToken | undefined> => {
      if (sockets.every((socket) => socket.destroyed))
        throw new DroverError('overloaded', { detail: 'Whoever asked is gone.' });
      // What is believed is as old as the question.
      const askedAtMs = this.#clock.monotonicMs();
      const token = await this.#store.apiTokenFetch(hash);
      this.#known.delete(key);
      if (token) this.#known.set(key, { token, untilMs: askedAtMs + TOKEN_BELIEVED_MS });
      if (this.#known.size > TOKENS_KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!);
      return token;
    };
    const token = this.#admission.run(caller, 0, ask).finally(() => {
      this.#asked.delete(key);
      leave();
    });
    this.#asked.set(key, { token, sockets });
    return token;
  }

  /** Counts one more of the address that is looked up; throws where it has had its share. */
  #enterUnknown(address: string): () => void {
    const network = networkOf(address);
    const underWay = this.#unknownOf.get(network) ?? 0;
    if (underWay >= limits.unknownTokensPerAddressMax || !this.#mayAsk(address))
      throw new DroverError('too-many-requests', {
        detail: 'Too many requests from this address with tokens that are not known; come back in a moment.',
        retryAfterS: 1,
      });
    this.#unknownOf.set(network, underWay + 1);
    return () => {
      const left = this.#unknownOf.get(network)! - 1;
      if (left > 0) this.#unknownOf.set(network, left);
      else this.#unknownOf.delete(network);
    };
  }

  #lookLater(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#clock.after(STREAM_LOOK_MS, () => void this.#look(), { unref: true });
  }

  async #look(): Promise<void> {
    const askedAtMs = this.#clock.monotonicMs();
    const gone = await this.#store
      .apiTokenRevokedOf([...new Set([...this.#streams].map(({ id }) => id))])
      .then((ids) => new Set(ids))
      .catch(() => undefined);
    if (gone) this.#confirmedAtMs = askedAtMs;
    const isUnsure = this.#clock.monotonicMs() - this.#confirmedAtMs > STREAM_UNCONFIRMED_MS;
    const nowMs = this.#clock.nowMs();
    for (const stream of this.#streams) {
      const why = gone?.has(stream.id)
        ? revoked()
        : stream.expiresAtMs <= nowMs
          ? expired('of this stream', stream.expiresAtMs)
          : isUnsure
            ? new DroverError('database-unavailable', { detail: 'Nobody could say whether the token is still valid.' })
            : undefined;
      if (!why) continue;
      this.#streams.delete(stream);
      stream.onEnd(why);
    }
    this.#looking = false;
    if (this.#streams.size > 0) this.#lookLater();
  }
}

function revoked(): DroverError {
  return new DroverError('unauthenticated', { detail: 'The token is not known or has been revoked.' });
}

function expired(name: string, atMs: number): DroverError {
  return new DroverError('token-expired', {
    detail: `The token ${name} expired at ${new Date(atMs).toISOString()}. Make a new one with: drover tokens create.`,
  });
}
