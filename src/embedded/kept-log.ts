/**
 * What PostgreSQL says, and its ends, for whoever looks for the reason later. On a disk that is full the words wait
 * here, the oldest and the newest of them, and are written as soon as there is space: just then they are what somebody
 * will want to read.
 */
import { appendFileSync, renameSync, statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';

/** One older log of the same size is kept beside it. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;
const WAITING_LENGTH_MAX = 64 * 1024;
const AGAIN_MS = 1_000;

export class KeptLog {
  readonly #file: string;
  readonly #clock: Clock;
  #waiting = '';
  #left = 0;
  #cancel: (() => void) | undefined;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  add(text: string): void {
    if (this.#waiting.length + text.length <= WAITING_LENGTH_MAX) this.#waiting += text;
    else this.#left += text.length;
    this.#write();
  }

  /** What still waits is tried once more. */
  close(): void {
    this.#write();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #write(): void {
    if (this.#waiting === '') return;
    try {
      const size = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
      if (size > LOG_BYTES_MAX) renameSync(this.#file, `${this.#file}.1`);
      const note = this.#left > 0 ? `(${this.#left} more characters did not fit while the disk was full)\n` : '';
      appendFileSync(this.#file, `${this.#waiting}${note}`, { mode: 0o600 });
      [this.#waiting, this.#left] = ['', 0];
    } catch {
      // In lines that repeat the file may have a part of it already: better twice than not at all.
      this.#cancel ??= this.#clock.after(
        AGAIN_MS,
        () => {
          this.#cancel = undefined;
          this.#write();
        },
        { unref: true },
      );
    }
  }
}
