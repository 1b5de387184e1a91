/**
 * Words on their way inside one process: each is handed over in a turn of its own, as it would be had it come by a
 * network, so that nobody is answered in the middle of what he says. It can be held, and what comes meanwhile waits.
 */
import type { Clock } from '../base/clock.ts';

export interface MailboxOptions<Word> {
  readonly clock: Clock;
  readonly hear: (word: Word) => void | Promise<void>;
  /** Told what `hear` throws, at once or later: that word is lost, as over a network, and what matters comes again. */
  readonly onFault: (error: unknown) => void;
}

export class Mailbox<Word> {
  readonly #options: MailboxOptions<Word>;
  #waiting: Word[] = [];
  #isHeld = false;
  #isClosed = false;
  #isScheduled = false;

  constructor(options: MailboxOptions<Word>) {
    this.#options = options;
  }

  /** False once it is closed. */
  post(word: Word): boolean {
    if (this.#isClosed) return false;
    this.#waiting.push(word);
    this.#schedule();
    return true;
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isHeld || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      const words = this.#waiting;
      this.#waiting = [];
      for (const [i, word] of words.entries()) {
        if (this.#isClosed) return;
        if (this.#isHeld) {
          this.#waiting = [...words.slice(i), ...this.#waiting];
          return;
        }
        this.#hand(word);
      }
      this.#schedule();
    });
  }

  #hand(word: Word): void {
    const { hear, onFault } = this.#options;
    try {
      hear(word)?.catch(onFault);
    } catch (error) {
      onFault(error);
    }
  }
}
