/** Questions to workers and their answers: one number each, an end in time, and nothing left waiting when the server stops. */
import type { Clock } from '../base/clock.ts';
import { DroverError, isErrorCode } from '../base/errors.ts';
import type { ServerToWorkerFrame } from '../protocol/link/worker-v1.ts';

interface Pending<Answer> {
  /** Who was asked: nobody else answers. */
  readonly of: object | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: DroverError) => void;
  readonly cancel: () => void;
}

export class WorkerRequests<Answer> {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #unanswered: DroverError;
  readonly #pending = new Map<number, Pending<Answer>>();
  #seq = 0;

  /** `unanswered` is what a question without an answer ends with, be it that nobody is there to be asked. */
  constructor(clock: Clock, timeoutMs: number, unanswered: DroverError) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#unanswered = unanswered;
  }

  ask(
    link: { send(frame: ServerToWorkerFrame): boolean } | undefined,
    question: (id: number) => ServerToWorkerFrame,
  ): Promise<Answer> {
    const id = ++this.#seq;
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#timeoutMs, () => this.#take(id)?.reject(this.#unanswered));
      this.#pending.set(id, { of: link, resolve, reject, cancel });
      if (!link?.send(question(id))) this.#take(id)?.reject(this.#unanswered);
    });
  }

  /** `from`: the link that it came over; what comes over another than the question went out by is passed over. */
  answer(
    from: object,
    id: number,
    error: { readonly code: string; readonly detail?: string } | undefined,
    answer: Answer,
  ): void {
    if (this.#pending.get(id)?.of !== from) return;
    const pending = this.#take(id);
    if (error)
      pending?.reject(
        new DroverError(
          isErrorCode(error.code) ? error.code : 'internal',
          error.detail === undefined ? {} : { detail: error.detail },
        ),
      );
    else pending?.resolve(answer);
  }

  stop(): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(new DroverError('shutting-down'));
  }

  #take(id: number): Pending<Answer> | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.cancel();
    return pending;
  }
}
