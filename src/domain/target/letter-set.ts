/**
 * Letters and signs of one bracket, such as `[a-cx]`, made ready to be asked again and again: each question costs the logarithm of the
 * ranges.
 */

/** Both ends included; one that runs downwards has nothing. */
export type LetterRange = readonly [from: string, to: string];

export class LetterSet {
  /** Disjoint and in order. */
  readonly #ranges: [from: string, to: string][] = [];

  constructor(ranges: readonly LetterRange[]) {
    const upwards = ranges.filter(([from, to]) => from <= to);
    for (const [from, to] of upwards.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      const last = this.#ranges.at(-1);
      if (last && from <= last[1]) last[1] = to > last[1] ? to : last[1];
      else this.#ranges.push([from, to]);
    }
  }

  has(char: string): boolean {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]![0] <= char) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#ranges[low - 1]![1] >= char;
  }
}
