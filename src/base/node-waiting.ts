/**
 * Tells whoever waits that something goes on: a line with the seconds that it has taken, drawn anew each second on a terminal, with a dot
 * every two seconds elsewhere. So nothing is silent for longer than that, and a log gets one line for each step.
 */
import type { Clock } from './clock.ts';

const REDRAW_MS = 1_000;
const DOT_MS = 2_000;

export interface WaitingOptions {
  readonly clock: Clock;
  readonly isWatched: boolean;
  readonly write: (text: string) => void;
}

export class Waiting {
  readonly #options: WaitingOptions;
  #cancel: (() => void) | undefined;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** The step that begins now; the one before it is over. */
  step(text: string): void {
    this.end();
    const { clock, isWatched, write } = this.#options;
    const begunMs = clock.monotonicMs();
    write(text);
    const again = (): void => {
      const seconds = Math.round((clock.monotonicMs() - begunMs) / 1_000);
      write(isWatched ? `\r\u001b[K${text} ${seconds} s` : '.');
      this.#cancel = clock.after(isWatched ? REDRAW_MS : DOT_MS, again);
    };
    this.#cancel = clock.after(isWatched ? REDRAW_MS : DOT_MS, again);
  }

  /** Whatever is written next begins a line. */
  end(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#options.write('\n');
  }
}
