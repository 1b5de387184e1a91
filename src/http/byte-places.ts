/**
 * How many bytes a server holds at once for callers: of all of them, and for each. A body has its place before a byte
 * of it is read and until its answer is sent, an answer until it is taken, so that no number of connections makes more
 * of either than there is room for.
 */
import type { IncomingMessage } from 'node:http';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

export interface ByteLimits {
  /** Bytes, of all callers together and of one. */
  readonly allMax: number;
  readonly perCallerMax: number;
}
export const bodyLimits: ByteLimits = {
  allMax: limits.requestBodiesBytesMax,
  perCallerMax: limits.requestBodiesPerCallerBytesMax,
};
export const answerLimits: ByteLimits = {
  allMax: limits.answersBytesMax,
  perCallerMax: limits.answersPerCallerBytesMax,
};
const RETRY_AFTER_S = 2;

/** Bytes that a request will send at most; one that does not say how many may send as many as its operation takes. */
export function bodyBytesOf({ headers }: IncomingMessage, bodyLimit: number): number {
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  return Math.min(Number(headers['content-length'] ?? 0), bodyLimit);
}

export class BytePlaces {
  readonly #limits: ByteLimits;
  readonly #detail: string;
  readonly #of = new Map<string, number>();
  #all = 0;

  /** `detail`: what whoever finds no place is told. */
  constructor(placeLimits: ByteLimits, detail: string) {
    this.#limits = placeLimits;
    this.#detail = detail;
  }

  /** Throws `overloaded` where there is no room for so many bytes; the answer gives them back, once. */
  take(caller: string, bytes: number): () => void {
    const theirs = this.#of.get(caller) ?? 0;
    if (theirs + bytes > this.#limits.perCallerMax || this.#all + bytes > this.#limits.allMax)
      throw new DroverError('overloaded', { detail: this.#detail, retryAfterS: RETRY_AFTER_S });
    return this.hold(caller, bytes);
  }

  /** The same where nobody can be refused any more. */
  hold(caller: string, bytes: number): () => void {
    this.#add(caller, bytes);
    let isTaken = true;
    return () => {
      if (isTaken) this.#add(caller, -bytes);
      isTaken = false;
    };
  }

  #add(caller: string, bytes: number): void {
    this.#all += bytes;
    const left = (this.#of.get(caller) ?? 0) + bytes;
    if (left > 0) this.#of.set(caller, left);
    else this.#of.delete(caller);
  }
}
