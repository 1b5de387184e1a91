/**
 * What the value of a parameter has to look like: the usual regular expressions, held against the whole value, in time that grows with the
 * value and the pattern and never faster. JavaScript's own may take for ever for a value of thirty letters; so there is nothing here that
 * needs going back: no references to groups, no looking ahead or behind. A pattern becomes a list of places (Thompson), and a value is read
 * once, with all places at once that it may be at.
 */
import { jobLimits } from '../../base/job-limits.ts';

export class PatternFault extends Error {}

type Matcher = (char: number) => boolean;
type Ranges = readonly (readonly [number, number])[];

type Piece =
  | { readonly kind: 'one'; readonly matches: Matcher }
  | { readonly kind: 'all' | 'any'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'times'; readonly piece: Piece; readonly least: number; readonly most: number };

/** A place: a character to go on with, one or two places that it is at as well, or the end. */
interface Place {
  matches?: Matcher;
  next: number;
  other?: number;
}

const END = -1;
const TIMES_MAX = 1_000;
const SIGNS = '\\^$.|?*+()[]{}/-';

/** That is held against a character, or reached by it. */
const WORK_OF_PLACE = 16;

export class Pattern {
  readonly #places: readonly Place[];
  readonly #start: number;

  /** Throws PatternFault, with what is wrong as a sentence. */
  constructor(text: string) {
    if (text.length > jobLimits.jobPatternLengthMax)
      throw new PatternFault(
        `The pattern has ${text.length} characters; ${jobLimits.jobPatternLengthMax} are allowed.`,
      );
    const compiler = new Compiler();
    this.#start = compiler.add(new Reader(text).whole(), END);
    this.#places = compiler.places;
  }

  get size(): number {
    return this.#places.length;
  }

  /** Of the whole value. `spend` is told what each character costs (`comparison-work.ts`); what it throws is let through. */
  matches(value: string, spend?: (units: number) => void): boolean {
    const seen = new Int32Array(this.#places.length).fill(-1);
    let at = this.#reached([this.#start], seen, 0);
    let step = 0;
    for (const char of value) {
      const code = char.codePointAt(0)!;
      const next: number[] = [];
      for (const place of at)
        if (place !== END && this.#places[place]!.matches?.(code)) next.push(this.#places[place]!.next);
      if (next.length === 0) return false;
      at = this.#reached(next, seen, ++step);
      spend?.(WORK_OF_PLACE * (1 + next.length + at.length));
    }
    return at.includes(END);
  }

  /** The places that these stand for, each once. */
  #reached(from: readonly number[], seen: Int32Array, step: number): number[] {
    const found: number[] = [];
    let hasEnded = false;
    for (const open = [...from]; open.length > 0; ) {
      const place = open.pop()!;
      if (place === END) {
        if (!hasEnded) found.push(END);
        hasEnded = true;
        continue;
      }
      if (seen[place] === step) continue;
      seen[place] = step;
      const { matches, next, other } = this.#places[place]!;
      if (matches) found.push(place);
      else {
        open.push(next);
        if (other !== undefined) open.push(other);
      }
    }
    return found;
  }
}

/** From the end to the beginning: a place knows what comes after it. */
class Compiler {
  readonly places: Place[] = [];

  #place(place: Place): number {
    if (this.places.length >= jobLimits.jobPatternStatesMax)
      throw new PatternFault(
        `The pattern stands for more than ${jobLimits.jobPatternStatesMax} places, its repetitions written out. Use max for the length.`,
      );
    return this.places.push(place) - 1;
  }

  add(piece: Piece, next: number): number {
    switch (piece.kind) {
      case 'one':
        return this.#place({ matches: piece.matches, next });
      case 'all':
        return piece.pieces.reduceRight((after, one) => this.add(one, after), this.#place({ next }));
      case 'any':
        return piece.pieces
          .map((one) => this.add(one, next))
          .reduce((before, one) => this.#place({ next: before, other: one }));
      case 'times':
        return this.#times(piece.piece, piece.least, piece.most, next);
    }
  }

  #times(piece: Piece, least: number, most: number, next: number): number {
    let after = this.#place({ next });
    if (most === Infinity) {
      const loop = this.#place({ next: after });
      this.places[loop]!.other = this.add(piece, loop);
      after = loop;
    } else
      for (let n = least; n < most; n++) {
        const maybe = this.#place({ next: after });
        this.places[maybe]!.other = this.add(piece, after);
        after = maybe;
      }
    for (let n = 0; n < least; n++) after = this.add(piece, this.#place({ next: after }));
    return after;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Piece {
    // Patterns are of the whole value: who says so says nothing new.
    if (this.#text[0] === '^') this.#at = 1;
    const piece = this.#choice();
    if (this.#at < this.#text.length) throw this.#fault('a ) closes nothing');
    return piece;
  }

  #fault(what: string): PatternFault {
    return new PatternFault(`At character ${this.#at + 1} of the pattern ${what}.`);
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Piece {
    const pieces = [this.#row()];
    while (this.#take('|')) pieces.push(this.#row());
    return pieces.length === 1 ? pieces[0]! : { kind: 'any', pieces };
  }

  #row(): Piece {
    const pieces: Piece[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at]!)) {
      if (this.#text[this.#at] === '$' && this.#at === this.#text.length - 1) this.#at++;
      else pieces.push(this.#repeated(this.#atom()));
    }
    return { kind: 'all', pieces };
  }

  #repeated(piece: Piece): Piece {
    const char = this.#text[this.#at];
    const times = char === '*' ? [0, Infinity] : char === '+' ? [1, Infinity] : char === '?' ? [0, 1] : undefined;
    if (times) this.#at++;
    const [least, most] = times ?? this.#counts() ?? [];
    if (least === undefined || most === undefined) return piece;
    if (/^[*+?{]/.test(this.#text.slice(this.#at, this.#at + 1)))
      throw this.#fault('a repetition is repeated; put the first into ( )');
    return { kind: 'times', piece, least, most };
  }

  #counts(): [number, number] | undefined {
    if (this.#text[this.#at] !== '{') return undefined;
    const found = /^\{(\d{1,5})(,(\d{0,5}))?\}/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (!found) throw this.#fault('a { begins no repetition such as {3} or {1,8}; for the sign itself write \\{');
    const least = Number(found[1]);
    const most = found[2] === undefined ? least : found[3] === '' ? Infinity : Number(found[3]);
    if (most < least || least > TIMES_MAX || (most > TIMES_MAX && most !== Infinity))
      throw this.#fault(`a repetition is out of order, or of more than ${TIMES_MAX}`);
    this.#at += found[0].length;
    return [least, most];
  }

  #atom(): Piece {
    if (this.#take('(')) {
      if (this.#text[this.#at] === '?' && !this.#take('?:'))
        throw this.#fault('a group begins with (?, which only (?: may: nothing looks ahead or behind here');
      const piece = this.#choice();
      if (!this.#take(')')) throw this.#fault('a ) is missing');
      return piece;
    }
    if (this.#take('[')) return { kind: 'one', matches: this.#class() };
    if (this.#take('.')) return { kind: 'one', matches: (char) => char !== 0x0a };
    if (this.#take('\\')) return { kind: 'one', matches: within(this.#escape()) };
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    if ('*+?{}]^$'.includes(char)) throw this.#fault(`${char} stands for itself only as \\${char}`);
    this.#at += char.length;
    return { kind: 'one', matches: within([[char.codePointAt(0)!, char.codePointAt(0)!]]) };
  }

  /** Behind the [. */
  #class(): Matcher {
    const isNot = this.#take('^');
    const ranges: (readonly [number, number])[] = [];
    for (let isFirst = true; !this.#take(']'); isFirst = false) {
      if (this.#at >= this.#text.length) throw this.#fault('a ] is missing');
      const from = this.#member(isFirst);
      const isRange = this.#text[this.#at] === '-' && ![']', undefined].includes(this.#text[this.#at + 1]);
      if (!isRange || from.length > 1) {
        ranges.push(...from);
        continue;
      }
      this.#at++;
      const to = this.#member(false);
      if (to.length > 1 || to[0]![0] < from[0]![0]) throw this.#fault('a range goes backwards');
      ranges.push([from[0]![0], to[0]![1]]);
    }
    const isIn = within(ranges);
    return isNot ? (char) => !isIn(char) : isIn;
  }

  #member(isFirst: boolean): Ranges {
    if (this.#take('\\')) return this.#escape();
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    if (char === '[' || (char === ']' && !isFirst))
      throw this.#fault(`${char} stands for itself within [ ] only as \\${char}`);
    this.#at += char.length;
    return [[char.codePointAt(0)!, char.codePointAt(0)!]];
  }

  /** Behind the \. */
  #escape(): Ranges {
    const char = this.#text[this.#at] ?? '';
    const known = Object.hasOwn(CLASSES, char)
      ? CLASSES[char]
      : SIGNS.includes(char) && char !== ''
        ? [[char.charCodeAt(0), char.charCodeAt(0)] as const]
        : undefined;
    if (!known)
      throw this.#fault(
        `\\${char} is not known; known are \\d \\w \\s and their opposites, \\n, \\t, and \\ before a sign`,
      );
    this.#at++;
    return known;
  }
}

const DIGITS: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: Ranges = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x2028, 0x2029],
  [0x3000, 0x3000],
];
const CLASSES: Readonly<Record<string, Ranges>> = {
  d: DIGITS,
  D: others(DIGITS),
  w: WORD,
  W: others(WORD),
  s: SPACE,
  S: others(SPACE),
  n: [[0x0a, 0x0a]],
  t: [[0x09, 0x09]],
};

function others(ranges: Ranges): Ranges {
  const found: (readonly [number, number])[] = [];
  let from = 0;
  for (const [low, high] of ranges) {
    if (low > from) found.push([from, low - 1]);
    from = high + 1;
  }
  return [...found, [from, 0x10ffff]];
}

/** Ranges in order and apart, so that a character is found among them by halving. */
function within(given: Ranges): Matcher {
  const ranges: [number, number][] = [];
  for (const [low, high] of given.toSorted((a, b) => a[0] - b[0])) {
    const last = ranges.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else ranges.push([low, high]);
  }
  return (char) => {
    let [from, to] = [0, ranges.length - 1];
    while (from <= to) {
      const middle = (from + to) >> 1;
      const [low, high] = ranges[middle]!;
      if (char < low) to = middle - 1;
      else if (char > high) from = middle + 1;
      else return true;
    }
    return false;
  };
}
