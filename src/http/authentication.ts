/**
 * Who calls: by a bearer token, whose row is believed for a moment. Streams outlive that moment, so the tokens of those that are open are
 * looked at by time: one that was revoked or has expired ends its streams, on whichever server, and so does one that nobody could confirm
 * for long.
 */
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { TokenId } from '../base/ids.ts';
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

export class Authentication {
  readonly #store: Pick<Store, 'apiTokenFetch' | 'apiTokenRevokedOf'>;
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #known = new Map<string, { token: Promise<ApiToken | undefined>; untilMs: number }>();
  readonly #streams = new Set<OpenStream>();
  #confirmedAtMs = 0;
  #looking = false;

  constructor(store: Pick<Store, 'apiTokenFetch' | 'apiTokenRevokedOf'>, clock: Clock, admission: Admission) {
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
    const token = await this.#lookUp(match[1]!, request.ip);
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

  /** Many requests with one token ask once. */
  async #lookUp(text: string, address: string): Promise<ApiToken | undefined> {
    const now = this.#clock.monotonicMs();
    const hash = hashSecret(text);
    const key = hash.toString('latin1');
    const known = this.#known.get(key);
    if (known && known.untilMs > now) return known.token;
    const token = this.#admission.run(`address ${networkOf(address)}`, 0, () => this.#store.apiTokenFetch(hash));
    if (this.#known.size >= TOKENS_KNOWN_MAX) this.#known.clear();
    const entry = { token, untilMs: Number.POSITIVE_INFINITY };
    this.#known.set(key, entry);
    try {
      await token;
      // What is believed is as old as the question.
      entry.untilMs = now + TOKEN_BELIEVED_MS;
    } catch (error) {
      if (this.#known.get(key) === entry) this.#known.delete(key);
      throw error;
    }
    return token;
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
