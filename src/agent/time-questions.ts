/**
 * An agent's questions for the servers' time: not too often, waited for where an order depends on it, and told apart
 * from what says that a server is there.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';

export interface TimeQuestionsOptions {
  readonly clock: Clock;
  /** Sends a question and answers with its nonce. */
  readonly send: () => Uint8Array;
}

export class TimeQuestions {
  readonly #options: TimeQuestionsOptions;
  readonly #waits = new Set<() => void>();
  #askedAt = Number.NEGATIVE_INFINITY;
  #routine: Uint8Array | undefined;

  constructor(options: TimeQuestionsOptions) {
    this.#options = options;
  }

  /** `isRoutine`: by the clock alone, so that the time stays good. */
  ask(isRoutine = false): void {
    const { clock, send } = this.#options;
    if (clock.monotonicMs() - this.#askedAt < limits.timeAskEveryMsMin) return;
    const nonce = send();
    this.#askedAt = clock.monotonicMs();
    if (isRoutine) this.#routine = nonce;
  }

  /** Asks, and waits until a server has answered, but not for long. */
  async anew(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#waits.delete(done);
        cancel();
        resolve();
      };
      const cancel = this.#options.clock.after(limits.timeWaitMsMax, done, { unref: true });
      this.#waits.add(done);
      this.ask();
    });
  }

  /** A server has answered. False where it was asked by the clock alone: then it is no news that the server is there. */
  heard(nonce: Uint8Array): boolean {
    for (const wake of this.#waits) wake();
    return this.#routine === undefined || Buffer.compare(this.#routine, nonce) !== 0;
  }
}
