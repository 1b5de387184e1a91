/**
 * Numbers of one bracket, such as `[08-11,20]`, made ready to be asked again and again: each question costs the
 * logarithm of the ranges, however many somebody has written. A number with a leading zero is another one than without,
 * as in ClusterShell's node sets.
 */

/** Numbers of one range, both ends included; `width` 0 is "as short as may be". */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly width: number;
}

interface Spread {
  /** Disjoint and in order, both ends included. */
  readonly froms: readonly number[];
  readonly tos: readonly number[];
  /** With a step of more than one: looked at one by one, so there may be few. */
  readonly stepped: readonly NumberRange[];
}

/** Longer numbers are not exact as doubles, and no fleet counts so far. */
export const DIGITS_MAX = 15;

export class NumberSet {
  /** Numbers as they are written without a zero in front. */
  readonly #plain: Spread;
  /** By their length, numbers that are filled up with zeros. */
  readonly #filled: ReadonlyMap<number, Spread>;

  constructor(ranges: readonly NumberRange[]) {
    this.#plain = spreadOf(ranges.flatMap((range) => between(range, leastOf(range.width), Number.POSITIVE_INFINITY)));
    this.#filled = new Map(
      [...new Set(ranges.map(({ width }) => width))]
        .filter((width) => width > 1)
        .map((width) => [
          width,
          spreadOf(
            ranges.filter((range) => range.width === width).flatMap((range) => between(range, 0, leastOf(width) - 1)),
          ),
        ]),
    );
  }

  /** `number` as it is read from so many digits, of which the first may be a zero. */
  has(number: number, digits: number, isFilled: boolean): boolean {
    const spread = isFilled ? this.#filled.get(digits) : this.#plain;
    if (!spread) return false;
    const { froms, tos, stepped } = spread;
    let [low, high] = [0, froms.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (froms[middle]! <= number) low = middle + 1;
      else high = middle;
    }
    return (
      (low > 0 && tos[low - 1]! >= number) ||
      stepped.some(({ from, to, step }) => number >= from && number <= to && (number - from) % step === 0)
    );
  }
}

/** The least number that needs so many digits by itself. */
function leastOf(width: number): number {
  return width <= 1 ? 0 : 10 ** (width - 1);
}

function between({ from, to, step, width }: NumberRange, least: number, most: number): NumberRange[] {
  const first = from >= least ? from : from + Math.ceil((least - from) / step) * step;
  const end = Math.min(to, most);
  // The last that a step comes to: what is between two of them is none of it.
  return first <= end ? [{ from: first, to: first + Math.floor((end - first) / step) * step, step, width }] : [];
}

function spreadOf(ranges: readonly NumberRange[]): Spread {
  const froms: number[] = [];
  const tos: number[] = [];
  for (const { from, to } of ranges.filter(isWhole).toSorted((a, b) => a.from - b.from)) {
    const end = tos.length - 1;
    if (end >= 0 && from <= tos[end]! + 1) tos[end] = Math.max(tos[end]!, to);
    else {
      froms.push(from);
      tos.push(to);
    }
  }
  return { froms, tos, stepped: ranges.filter((range) => !isWhole(range)) };
}

/** Without a gap. */
export function isWhole({ from, to, step }: NumberRange): boolean {
  return step === 1 || from + step > to;
}
