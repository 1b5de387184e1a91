/**
 * What a kind of channel is: where its messages go, how one is said there, and what of the answer means that it was
 * taken. A new kind is a file beside this one and a line in `kinds.ts`.
 */
import type { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { Lang, Message } from '../domain/notice/message.ts';
import type { Outbound, OutboundAnswer, OutboundRequest } from '../outbound/outbound.ts';
import { withoutSecrets, type Secretive } from './without-secrets.ts';

/** How a try to say something ended. A far end that refuses is an answer, not an error. */
export type Told =
  | { readonly kind: 'taken'; readonly answer: string }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly detail: string;
      /** Of the far end, as far as it said something. */
      readonly answer?: string;
      /** It asks to be left alone for so long. */
      readonly retryAfterMs?: number;
    };

export interface ChannelKind<S extends z.ZodObject> {
  /** Where it goes, whole: its secrets are in it. */
  readonly shape: S;
  /** What may be shown of that. */
  shown(endpoint: z.infer<S>): Readonly<Record<string, unknown>>;
  /** Throws as `Outbound` does. */
  tell(outbound: Outbound, endpoint: z.infer<S>, message: Message, how: Telling): Promise<Told>;
}

export interface Telling {
  readonly lang: Lang;
  readonly clock: Clock;
}

/** For kinds that ask by HTTP: they decide what to send, and read what comes back. */
export interface HttpWords<E> {
  request(endpoint: E, message: Message, how: { readonly lang: Lang; readonly nowMs: number }): OutboundRequest;
  /** The code by which the far end refuses; undefined where it has taken the message. */
  refusalOf(answer: OutboundAnswer): Refusal | undefined;
}

export interface Refusal {
  readonly detail: string;
  readonly retryAfterMs?: number;
}

export function byHttp<E extends Secretive>({
  request,
  refusalOf,
}: HttpWords<E>): (outbound: Outbound, endpoint: E, message: Message, how: Telling) => Promise<Told> {
  return async (outbound, endpoint, message, { lang, clock }) => {
    const heard = await outbound.request(request(endpoint, message, { lang, nowMs: clock.nowMs() }));
    // Before anything of it is cut: half of a secret is no mask's business any more.
    const said = answerText(heard.status, withoutSecrets(heard.body.toString(), endpoint));
    const refusal = statusRefusal(heard) ?? refusalOf(heard);
    if (refusal === undefined) return { kind: 'taken', answer: said };
    const detail = withoutSecrets(refusal.detail, endpoint);
    return { kind: 'failed', code: 'channel-refused', answer: said, ...refusal, detail };
  };
}

const ANSWER_CHARACTERS_MAX = 500;
/** Controls, and what turns the direction of a text. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu;

/** The status and the beginning of what was said, on one line. */
function answerText(status: number, body: string): string {
  return oneLine(`${status} ${body.slice(0, 2 * ANSWER_CHARACTERS_MAX)}`);
}

export function oneLine(text: string): string {
  const plain = text.toWellFormed().replace(UNSEEN, ' ').trim();
  const signs = [...plain];
  return signs.length <= ANSWER_CHARACTERS_MAX ? plain : `${signs.slice(0, ANSWER_CHARACTERS_MAX).join('')}…`;
}

/** An hour at most: whoever asks for more is asked again all the same. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** What every kind refuses alike: another status than 2xx. */
function statusRefusal({ status, headers }: OutboundAnswer): Refusal | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400)
    return {
      detail: `The far end answers ${status} and leads elsewhere; that is not followed. Give the URL where it ends.`,
    };
  const seconds = Number(headers['retry-after']);
  const retryAfterMs =
    Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MS_MAX) : undefined;
  const detail = `The far end answers ${status}.`;
  return retryAfterMs === undefined ? { detail } : { detail, retryAfterMs };
}

/** A field of a JSON object that was answered; undefined for anything else. */
export function answered(answer: OutboundAnswer, field: string): unknown {
  try {
    const value: unknown = JSON.parse(answer.body.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  } catch {
    return undefined;
  }
}

/** Where a URL leads, without its path, which may be what it is known by. */
export function originOf(url: string): string {
  return new URL(url).origin;
}
