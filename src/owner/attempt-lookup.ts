/**
 * What the database knows of attempts that are not held here, asked for because somebody tells of them. Anybody may
 * tell of anything, so it costs little: by key alone, many in one question and one question at a time, so much of each
 * sender, and what was found is remembered for a while.
 */
import type { Clock } from '../base/clock.ts';
import { attemptId, type AttemptId, type AttemptKey } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { executorKey, type NamedExecutor } from '../domain/run/executor.ts';
import type { AttemptStanding } from '../store/contract/owner-commit.ts';
import type { Store } from '../store/contract/store.ts';
import { SenderRoom } from './sender-room.ts';

const KEYS_PER_LOOK = 64;
/** Shorter than an attempt takes to be of another kind of interest: opened, given to somebody, told. */
const REMEMBERED_MS = 5_000;
/** Some 300 bytes each; the oldest go first. */
const REMEMBERED_MAX = 10_000;

/** Undefined: there is no such attempt. */
export type OnStanding = (standing: AttemptStanding | undefined) => void;

interface Question {
  readonly key: AttemptKey;
  readonly asked: { readonly sender: string; readonly answered: OnStanding }[];
}

export interface AttemptLookupOptions {
  readonly store: Pick<Store, 'attemptsLook'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Log;
}

export class AttemptLookup {
  readonly #options: AttemptLookupOptions;
  readonly #remembered = new Map<
    AttemptId,
    { readonly standing: AttemptStanding | undefined; readonly untilAt: number }
  >();
  readonly #room = new SenderRoom(limits.attemptLooksPerSenderMax);
  readonly #waiting = new Map<AttemptId, Question>();
  #isLooking = false;

  constructor(options: AttemptLookupOptions) {
    this.#options = options;
  }

  /**
   * `answered` is called at once with what is remembered, else once it is read; never where the sender has no room, or
   * it cannot be read: what was told comes again. `isDecisive`: that there is no such attempt is read after this call,
   * because something is let go of for it.
   */
  ask(key: AttemptKey, sender: NamedExecutor, isDecisive: boolean, answered: OnStanding): void {
    const id = attemptId(key);
    const remembered = this.#remembered.get(id);
    const isFresh = remembered !== undefined && remembered.untilAt > this.#options.clock.monotonicMs();
    if (isFresh && (remembered.standing || !isDecisive)) return answered(remembered.standing);
    const by = executorKey(sender);
    if (!this.#room.enter(by)) return;
    const question = this.#waiting.get(id) ?? { key, asked: [] };
    question.asked.push({ sender: by, answered });
    this.#waiting.set(id, question);
    if (!this.#isLooking) void this.#look();
  }

  /** Somebody has changed it, or is about to. */
  forget(id: AttemptId): void {
    this.#remembered.delete(id);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    // What is heard in one turn goes together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, KEYS_PER_LOOK);
      for (const [id] of batch) this.#waiting.delete(id);
      try {
        const found = await this.#options.store.attemptsLook(batch.map(([, { key }]) => key));
        for (const [at, [id, question]] of batch.entries()) {
          this.#remember(id, found[at]);
          this.#answer(question, found[at]);
        }
      } catch (error) {
        this.#options.log.warn({ err: error }, 'attempts could not be looked for; what was told of them comes again');
      } finally {
        for (const [, { asked }] of batch) for (const { sender } of asked) this.#room.leave(sender);
      }
    }
    this.#isLooking = false;
  }

  /** A fault of ours with one costs the others nothing. */
  #answer({ key, asked }: Question, standing: AttemptStanding | undefined): void {
    for (const { answered } of asked) {
      try {
        answered(standing);
      } catch (error) {
        this.#options.log.error({ attempt: attemptId(key), err: error }, 'what was told could not be carried out');
      }
    }
  }

  #remember(id: AttemptId, standing: AttemptStanding | undefined): void {
    this.#remembered.delete(id);
    this.#remembered.set(id, { standing, untilAt: this.#options.clock.monotonicMs() + REMEMBERED_MS });
    if (this.#remembered.size > REMEMBERED_MAX) this.#remembered.delete(this.#remembered.keys().next().value!);
  }
}
