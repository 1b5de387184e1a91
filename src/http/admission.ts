/**
 * Who is served now. So many requests are carried out at once; the others wait in a bounded queue, by turns between callers, so that one
 * with a thousand requests delays another's single one by one place. What does not fit, or has waited too long, is refused as
 * `overloaded` before anything of it was done.
 */
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

const RETRY_AFTER_S = 2;

export interface AdmissionLimits {
  readonly atOnceMax: number;
  /** Of them for one caller. */
  readonly perCallerMax?: number;
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  readonly waitMsMax: number;
}

export const requestAdmission: AdmissionLimits = {
  atOnceMax: limits.requestsAtOnceMax,
  waitingMax: limits.requestsWaitingMax,
  waitingBytesMax: limits.requestsWaitingBytesMax,
  waitMsMax: limits.requestWaitMsMax,
};

/** Of requests that wait for hosts or for readers, and not for the database. */
export const longRequestAdmission: AdmissionLimits = {
  ...requestAdmission,
  atOnceMax: limits.longRequestsAtOnceMax,
  perCallerMax: limits.longRequestsPerTokenMax,
};

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
  readonly refuse: () => void;
}

export class Admission {
  readonly #clock: Clock;
  readonly #limits: AdmissionLimits;
  /** By caller, in the order of their turns. */
  readonly #queues = new Map<string, Waiter[]>();
  readonly #insideOf = new Map<string, number>();
  #inside = 0;
  #waiting = 0;
  #waitingBytes = 0;

  constructor(clock: Clock, admissionLimits: AdmissionLimits = requestAdmission) {
    this.#clock = clock;
    this.#limits = admissionLimits;
  }

  get figures(): { readonly inside: number; readonly waiting: number; readonly waitingBytes: number } {
    return { inside: this.#inside, waiting: this.#waiting, waitingBytes: this.#waitingBytes };
  }

  /** Carries the work out when it is the caller's turn. `bytes`: what the request holds meanwhile. Throws `overloaded`. */
  async run<T>(caller: string, bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#mayEnter(caller)) this.#enter(caller, 1);
    else await this.#turn(caller, bytes);
    try {
      return await work();
    } finally {
      this.#enter(caller, -1);
      this.#next();
    }
  }

  #mayEnter(caller: string): boolean {
    const { atOnceMax, perCallerMax = atOnceMax } = this.#limits;
    return this.#inside < atOnceMax && (this.#insideOf.get(caller) ?? 0) < perCallerMax;
  }

  #enter(caller: string, count: 1 | -1): void {
    this.#inside += count;
    const theirs = (this.#insideOf.get(caller) ?? 0) + count;
    if (theirs > 0) this.#insideOf.set(caller, theirs);
    else this.#insideOf.delete(caller);
  }

  #turn(caller: string, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (): void => {
        cancel();
        reject(overloaded());
      };
      const waiter: Waiter = {
        bytes,
        refuse,
        admit: () => {
          cancel();
          resolve();
        },
      };
      const cancel = this.#clock.after(this.#limits.waitMsMax, () => {
        this.#leave(caller, waiter);
        refuse();
      });
      const queue = this.#queues.get(caller);
      if (queue) queue.push(waiter);
      else this.#queues.set(caller, [waiter]);
      this.#waiting++;
      this.#waitingBytes += bytes;
      while (this.#waiting > this.#limits.waitingMax || this.#waitingBytes > this.#limits.waitingBytesMax)
        this.#refuseOne(this.#waiting > this.#limits.waitingMax ? 'places' : 'bytes');
    });
  }

  /** The newest of whoever takes most: others keep what they have. */
  #refuseOne(of: 'places' | 'bytes'): void {
    let most: { caller: string; queue: Waiter[]; size: number } | undefined;
    for (const [caller, queue] of this.#queues) {
      const size = of === 'places' ? queue.length : queue.reduce((sum, { bytes }) => sum + bytes, 0);
      if (!most || size >= most.size) most = { caller, queue, size };
    }
    const last = most!.queue.at(-1)!;
    this.#leave(most!.caller, last);
    last.refuse();
  }

  #leave(caller: string, waiter: Waiter): void {
    const queue = this.#queues.get(caller);
    const at = queue?.lastIndexOf(waiter) ?? -1;
    if (!queue || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(caller);
    this.#waiting--;
    this.#waitingBytes -= waiter.bytes;
  }

  #next(): void {
    if (this.#inside >= this.#limits.atOnceMax) return;
    for (const [caller, queue] of this.#queues) {
      if (!this.#mayEnter(caller)) continue;
      const waiter = queue[0]!;
      this.#leave(caller, waiter);
      // Whoever has had a turn goes behind the others.
      if (this.#queues.delete(caller)) this.#queues.set(caller, queue);
      this.#enter(caller, 1);
      return waiter.admit();
    }
  }
}

function overloaded(): DroverError {
  return new DroverError('overloaded', {
    detail: 'The server has more to do than it can; nothing of this request was done. Send it again in a moment.',
    retryAfterS: RETRY_AFTER_S,
  });
}
