/**
 * Reads again and again what others may have changed: at once after a hint, and by time where no hint came through. One reading at a
 * time, or an older answer could come after a newer one; what fails is read again in the next look.
 */
import type { Clock } from '../base/clock.ts';

/** How long a change goes unseen at most, where no hint of it comes through. */
const LOOK_MS = 2_000;

export class RepeatedLook {
  readonly #clock: Clock;
  readonly #read: () => Promise<void>;
  /** Something has changed since it was read. */
  #isStale = false;
  #isReading = false;
  #isStopped = false;
  #cancelNext = (): void => undefined;

  constructor(clock: Clock, read: () => Promise<void>) {
    this.#clock = clock;
    this.#read = read;
  }

  /** From now on by time. */
  start(): void {
    this.#cancelNext = this.#clock.after(
      LOOK_MS,
      () => {
        this.now();
        this.start();
      },
      { unref: true },
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelNext();
  }

  readonly now = (): void => {
    this.#isStale = true;
    void this.#refresh();
  };

  async #refresh(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isStale && !this.#isStopped) {
        this.#isStale = false;
        await this.#read();
      }
    } catch {
      this.#isStale = true;
    } finally {
      this.#isReading = false;
    }
  }
}
