/**
 * What a worker asks of the servers and waits for: access to a host, what to make of a key that a host has shown, what to mask. Any server
 * can answer; when the one that was asked goes away, another is asked.
 */
import type { Clock } from '../base/clock.ts';
import { DroverError, isErrorCode } from '../base/errors.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import { isFittingFrame } from './fitting-frames.ts';
import type { ServerLink } from './output-relay.ts';

type Question = Extract<WorkerToServerFrame, { t: 'access' | 'secrets' | 'host-key' }>;
type Answer<T extends Question['t']> = Extract<ServerToWorkerFrame, { t: T }>;
interface Pending {
  readonly frame: Question;
  link: ServerLink | undefined;
  readonly settle: (answer: ServerToWorkerFrame | DroverError) => void;
}

/** Long enough for a server that takes over from another. */
const ANSWER_MS = 20_000;

export class ServerRequests {
  readonly #clock: Clock;
  readonly #servers: () => Iterable<ServerLink>;
  readonly #pending = new Map<number, Pending>();
  #seq = 0;

  constructor(clock: Clock, servers: () => Iterable<ServerLink>) {
    this.#clock = clock;
    this.#servers = servers;
  }

  /** Rejects with what the server says, and `server-unreachable` when none answers in time. */
  async ask<T extends Question['t']>(question: Omit<Extract<Question, { t: T }>, 'id'>): Promise<Answer<T>> {
    const id = ++this.#seq;
    const frame = { ...question, id } as unknown as Question;
    if (!isFittingFrame(frame))
      throw new DroverError('frame-invalid', { detail: 'What was said by a host cannot be told to a server.' });
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(ANSWER_MS, () =>
        pending.settle(new DroverError('server-unreachable', { detail: 'No server has answered the worker in time.' })),
      );
      const pending: Pending = {
        frame,
        link: undefined,
        settle: (answer) => {
          this.#pending.delete(id);
          cancel();
          if (answer instanceof DroverError) reject(answer);
          else resolve(answer as Answer<T>);
        },
      };
      this.#pending.set(id, pending);
      this.#send(pending);
    });
  }

  onAnswer(frame: Answer<Question['t']>): void {
    const pending = this.#pending.get(frame.id);
    if (pending?.frame.t !== frame.t) return;
    const { error } = frame;
    pending.settle(
      error
        ? new DroverError(isErrorCode(error.code) ? error.code : 'internal', { detail: String(error.detail) })
        : frame,
    );
  }

  /** A server is there (again): what could not be asked before is asked now. */
  onLinked(): void {
    for (const pending of this.#pending.values()) if (!pending.link) this.#send(pending);
  }

  onUnlinked(link: ServerLink): void {
    for (const pending of this.#pending.values()) {
      if (pending.link !== link) continue;
      pending.link = undefined;
      this.#send(pending);
    }
  }

  #send(pending: Pending): void {
    for (const link of this.#servers()) {
      if (!link.send(pending.frame)) continue;
      pending.link = link;
      return;
    }
  }
}
