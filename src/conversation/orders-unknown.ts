/**
 * What an agent has said that it does not know of, or does not take now. A server may have settled it on that word, so an order that was
 * signed before must not be carried out when it comes after all: of the server that was told only a later order by its own count, of every
 * other only one that was signed after the word. So what somebody has kept back stays void, in whatever order it is played, and however
 * often. Remembered for as long as an order may be valid; of what is too much to remember, the last word to each server, which then holds
 * for every attempt.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { OrderMark } from '../protocol/link/session.ts';

const FORGOTTEN_AT_ONCE = limits.ordersUnknownMax / 100;

interface Word {
  /** The highest of this server's orders that was answered so. */
  readonly order: number;
  /** By our monotonic clock: when that was. */
  readonly at: number;
}
/** A start: `signedAt` is by our monotonic clock; undefined where no server's time is told, as inside one process. */
export interface SignedStart extends OrderMark {
  readonly signedAt: number | undefined;
}

export class OrdersUnknown {
  readonly #clock: Clock;
  /** By attempt, by server; in the order of the last words. */
  readonly #said = new Map<string, Map<string, Word>>();
  readonly #floors = new Map<string, Word>();
  #forgotAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Said in answer to this order. Said again of the same or an earlier one, it is no new word: played again and again,
   * an order holds up nothing.
   */
  note(a: string, { server, order }: OrderMark): void {
    const words = this.#said.get(a) ?? new Map<string, Word>();
    // Two refusals at a time may come in any order: the later of the orders counts.
    if (order <= (words.get(server)?.order ?? -1)) return;
    const at = this.#clock.monotonicMs();
    this.#said.delete(a);
    this.#said.set(a, words);
    setBounded(words, server, { order, at });
    if (this.#said.size > limits.ordersUnknownMax || at - this.#forgotAt > limits.dispatchValidMs) this.#forget(at);
  }

  /** The oldest, many at once: the first of a map is dear to find after each that was taken out of it. */
  #forget(at: number): void {
    this.#forgotAt = at;
    const room = this.#said.size > limits.ordersUnknownMax ? FORGOTTEN_AT_ONCE : 0;
    for (const [oldest, said] of this.#said) {
      const isOver = at - lastOf(said) > 2 * limits.dispatchValidMs;
      if (!isOver && this.#said.size <= limits.ordersUnknownMax - room) break;
      this.#said.delete(oldest);
      if (!isOver) for (const [of, word] of said) this.#raise(of, word);
    }
  }

  #raise(server: string, { order, at }: Word): void {
    const floor = this.#floors.get(server);
    setBounded(this.#floors, server, { order: Math.max(order, floor?.order ?? 0), at: Math.max(at, floor?.at ?? 0) });
  }

  isVoid(a: string, start: SignedStart): boolean {
    const { server, signedAt } = start;
    const said = this.#said.get(a);
    // Without a time the server's own last word has to be the last of all. Floors are of other attempts: nobody has had to answer for them.
    if (said && isBefore(start, said, signedAt ?? said.get(server)?.at ?? Number.NEGATIVE_INFINITY)) return true;
    return isBefore(start, this.#floors, signedAt ?? Number.POSITIVE_INFINITY);
  }
}

function isBefore({ server, order }: OrderMark, words: ReadonlyMap<string, Word>, signedAt: number): boolean {
  if (order <= (words.get(server)?.order ?? -1)) return true;
  for (const [of, { at }] of words) if (of !== server && signedAt <= at) return true;
  return false;
}

/** The last word is the last entry; of too many servers the first is left out. */
function setBounded(words: Map<string, Word>, server: string, word: Word): void {
  words.delete(server);
  words.set(server, word);
  if (words.size > limits.serversKnownMax) words.delete(words.keys().next().value!);
}

function lastOf(words: ReadonlyMap<string, Word>): number {
  let last = 0;
  for (const { at } of words.values()) last = at;
  return last;
}
