/**
 * Who watches the live output of which attempts here: executors are asked for it while somebody does, and what they
 * send goes to each of them.
 */
import type { AttemptPlace, LiveOutput } from './fleet.ts';

interface Watch {
  readonly attempts: ReadonlyMap<string, AttemptPlace>;
  readonly onOutput: (output: LiveOutput) => void;
}

export class LiveWatches {
  readonly #ask: (attempts: readonly AttemptPlace[], on: boolean) => void;
  readonly #watches = new Set<Watch>();

  /** `ask`: has executors send the output of attempts, or no longer. */
  constructor(ask: (attempts: readonly AttemptPlace[], on: boolean) => void) {
    this.#ask = ask;
  }

  /** The answer ends it: what nobody else watches is asked for no more. */
  add(attempts: readonly AttemptPlace[], onOutput: (output: LiveOutput) => void): () => void {
    const watch: Watch = { attempts: new Map(attempts.map((place) => [place.attempt, place])), onOutput };
    this.#watches.add(watch);
    this.#ask(attempts, true);
    return () => {
      this.#watches.delete(watch);
      this.#ask(
        attempts.filter(({ attempt }) => ![...this.#watches].some((other) => other.attempts.has(attempt))),
        false,
      );
    };
  }

  /** `isTheirs`: whether the sender is the executor of the attempt. */
  heard(output: LiveOutput, isTheirs: (place: AttemptPlace) => boolean): void {
    for (const watch of this.#watches) {
      const place = watch.attempts.get(output.attempt);
      if (place && isTheirs(place)) watch.onOutput(output);
    }
  }

  /** An agent is here (again): it has not heard what it is to send. */
  askAgain(isWith: (place: AttemptPlace) => boolean): void {
    for (const watch of this.#watches) {
      const theirs = [...watch.attempts.values()].filter(isWith);
      if (theirs.length > 0) this.#ask(theirs, true);
    }
  }
}
