/** What is wrong with the text of a job, each fault with its place. All of them are told at once, as far as anybody would read them. */
import type { ErrorCode } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';

export interface JobFault {
  /** Counted from 1, as editors do; columns in UTF-16 units. */
  readonly line: number;
  readonly column: number;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Where a text has its lines. */
export class LinePlaces {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  get count(): number {
    return this.#starts.length;
  }

  of(offset: number): { readonly line: number; readonly column: number } {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#starts[low]! + 1 };
  }
}

interface Noted {
  readonly at: number;
  readonly code: ErrorCode;
  readonly detail: string | (() => string);
}

/** Of a text that means harm there may be one for every few bytes: beyond so many they are only counted. */
const NOTED_MAX = 10_000;
const DETAIL_LENGTH_MAX = 600;

/** Faults of one text in the order in which they are found. What costs something to say is said only of those that are told. */
export class JobFaults {
  readonly #noted: Noted[] = [];
  #count = 0;

  /** `at`: offset into the text. A detail may bring its own code before it: `bad-duration: …`. */
  add(at: number, code: ErrorCode, detail: string | (() => string)): void {
    if (++this.#count <= NOTED_MAX) this.#noted.push({ at, code, detail });
  }

  get count(): number {
    return this.#count;
  }

  /** By their places, the first hundred. */
  told(places: LinePlaces): JobFault[] {
    return this.#noted
      .toSorted((a, b) => a.at - b.at)
      .slice(0, limits.faultsToldMax)
      .map(({ at, code, detail }) => {
        const text = typeof detail === 'string' ? detail : detail();
        return {
          ...places.of(at),
          code,
          detail: text.length > DETAIL_LENGTH_MAX ? `${text.slice(0, DETAIL_LENGTH_MAX)}…` : text,
        };
      });
  }
}

/** A word of somebody else's in a sentence. */
export function quoted(word: string): string {
  return JSON.stringify(word.length > 80 ? `${word.slice(0, 80)}…` : word);
}
