/**
 * A client as users are told to write one: every mutation has an Idempotency-Key and is repeated under it, on any server, until there
 * is an answer. Faults of the way (no connection, 503, 429, a request still under way) are waited out; refusals are answers.
 */
import { pause, systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const REQUEST_MS = 10_000;
const PAUSE_MS = 300;

export class ChaosApi {
  readonly #urls: readonly string[];
  readonly #token: string;
  #turn = 0;
  /** How often the way failed: chaos that never disturbs anybody proves nothing. */
  repeats = 0;

  constructor(urls: readonly string[], token: string) {
    this.#urls = urls;
    this.#token = token;
  }

  get(path: string, timeoutMs = 180_000): Promise<ApiAnswer> {
    return this.#request('GET', path, undefined, undefined, timeoutMs);
  }

  post(path: string, body: object, timeoutMs = 180_000): Promise<ApiAnswer> {
    return this.#request('POST', path, body, newId(), timeoutMs);
  }

  async #request(
    method: string,
    path: string,
    body: object | undefined,
    key: string | undefined,
    timeoutMs: number,
  ): Promise<ApiAnswer> {
    const deadlineMs = systemClock.monotonicMs() + timeoutMs;
    let last = '';
    while (systemClock.monotonicMs() < deadlineMs) {
      const url = this.#urls[this.#turn++ % this.#urls.length]!;
      try {
        const response = await fetch(`${url}${path}`, {
          method,
          signal: AbortSignal.timeout(REQUEST_MS),
          ...given({ body: body === undefined ? undefined : JSON.stringify(body) }),
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...given({ 'content-type': body === undefined ? undefined : 'application/json', 'idempotency-key': key }),
          },
        });
        const answer = (await response.json()) as Record<string, unknown>;
        if (!isOfTheWay(response.status, answer)) return { status: response.status, body: answer };
        last = `${response.status} ${String(answer.code)}`;
      } catch (error) {
        last = (error as Error).message;
      }
      this.repeats++;
      await pause(systemClock, PAUSE_MS);
    }
    throw new Error(`${method} ${path} had no answer within ${timeoutMs} ms; last: ${last}`);
  }
}

function isOfTheWay(status: number, answer: Record<string, unknown>): boolean {
  return (
    status === 503 ||
    status === 429 ||
    status === 502 ||
    answer.code === 'idempotency-in-progress' ||
    answer.code === 'not-owner'
  );
}
