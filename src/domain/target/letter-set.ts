/**
 * Letters and signs of one bracket, such as `[a-cx]`, made ready to be asked again and again: each question costs the logarithm of the
 * ranges. Letters are in the order of their code points, which is not that of UTF-16 units.
 */

/** Both ends included; one that runs downwards has nothing. */
export type LetterRange = readonly [from: string, to: string];

export class LetterSet {
  /** Disjoint and in order, by code points. */
  readonly #ranges: [from: number, to: number][] = [];

  constructor(ranges: readonly LetterRange[]) {
    const upwards = ranges
      .map(([from, to]): [number, number] => [from.codePointAt(0)!, to.codePointAt(0)!])
      .filter(([from, to]) => from <= to);
    for (const [from, to] of upwards.toSorted(([a], [b]) => a - b)) {
      const last = this.#ranges.at(-1);
      if (last && from <= last[1]) last[1] = Math.max(to, last[1]);
      else this.#ranges.push([from, to]);
    }
  }

  has(char: string): boolean {
    const code = char.codePointAt(0)!;
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ranges[middle]![0] <= code) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#ranges[low - 1]![1] >= code;
  }
}
