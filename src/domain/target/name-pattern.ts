/**
 * Patterns for names and label values. Globs: `*`, `?`, `[abc]`, `[a-c]`, `[!x]` (single letters and signs of any script,
 * never the digits 0 to 9). Number sets: `[1-12]`, `[01-20,25]`, `[0-100/10]`, any number of them in a name: `rack[1-4]n[1-8]`. A number
 * with a leading zero fixes the width, as in ClusterShell's node sets: `[08-11]` is 08, 09, 10, 11, and `[8-11]` is 8,
 * 9, 10, 11. Patterns match whole names or values.
 *
 * A pattern without a glob names things one by one, and can be expanded to them.
 */
import { limits } from '../../base/limits.ts';
import { LetterSet, type LetterRange } from './letter-set.ts';
import { DIGITS_MAX, isWhole, NumberSet, type NumberRange } from './number-set.ts';

type PatternPart =
  | { readonly kind: 'char'; readonly char: string }
  /** `ranges` counts the letters and ranges of letters in brackets; absent for `?`. */
  | { readonly kind: 'one'; has(char: string): boolean; readonly ranges?: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'numbers'; readonly ranges: readonly NumberRange[] };

export interface NamePattern {
  readonly parts: readonly PatternPart[];
  /** Whether it matches by shape (`*`, `?`, letters in brackets), and so promises no name in particular. */
  readonly isGlob: boolean;
}

export type ParsedPattern =
  | { readonly ok: true; readonly pattern: NamePattern }
  /** `offset` counts characters from the start of the pattern. */
  | { readonly ok: false; readonly offset: number; readonly detail: string };

export function parseNamePattern(text: string): ParsedPattern {
  const parts: PatternPart[] = [];
  let isGlob = false;
  for (let at = 0; at < text.length; at++) {
    const char = String.fromCodePoint(text.codePointAt(at)!);
    if (char === '*') {
      if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' });
      isGlob = true;
    } else if (char === '?') {
      parts.push({ kind: 'one', has: () => true });
      isGlob = true;
    } else if (char === '[' || char === ']') {
      const end = text.indexOf(']', at + 1);
      const inside = text.slice(at + 1, end);
      if (char === ']' || end < 0 || inside === '' || inside.includes('['))
        return { ok: false, offset: at, detail: 'a [ ] set is not closed or is empty' };
      const part = bracketPart(inside);
      if (typeof part === 'string') return { ok: false, offset: at, detail: part };
      parts.push(part);
      isGlob ||= part.kind === 'one';
      at = end;
    } else {
      parts.push({ kind: 'char', char });
      at += char.length - 1;
    }
  }
  const pattern = { parts, isGlob };
  const detail = sizeFault(pattern);
  return detail === undefined ? { ok: true, pattern } : { ok: false, offset: 0, detail };
}

/** Most names have nothing of a pattern in them, and lists of tens of thousands are written out. */
export function isPlainName(text: string): boolean {
  return !PATTERN_SIGN.test(text);
}
const PATTERN_SIGN = /[*?[\]]/;

/** How many names `expandNamePattern` makes of it, at most: equal ones are counted each time. 0 for a glob. */
function namesOf({ parts, isGlob }: NamePattern): number {
  if (isGlob) return 0;
  return parts.reduce((product, part) => (part.kind === 'numbers' ? product * sizeOf(part.ranges) : product), 1);
}

/** What it is to read, as names of a list: the names that it stands for; of a glob the ranges of numbers and of letters in it. */
export function readingOf(pattern: NamePattern): number {
  return pattern.isGlob ? rangesOf(pattern).length + lettersOf(pattern) : namesOf(pattern);
}

function lettersOf({ parts }: NamePattern): number {
  return parts.reduce((sum, part) => sum + (part.kind === 'one' ? (part.ranges ?? 0) : 0), 0);
}

function rangesOf({ parts }: NamePattern): NumberRange[] {
  return parts.flatMap((part) => (part.kind === 'numbers' ? part.ranges : []));
}

function sizeFault(pattern: NamePattern): string | undefined {
  const sets = pattern.parts.filter((part) => part.kind === 'numbers');
  if (sets.length > limits.targetNumberSetsMax)
    return `it has ${sets.length} sets of numbers; ${limits.targetNumberSetsMax} are allowed in one name`;
  const stepped = pattern.isGlob ? rangesOf(pattern).filter((range) => !isWhole(range)).length : 0;
  if (stepped > limits.targetGlobStepsMax)
    return `it has ${stepped} ranges with steps; ${limits.targetGlobStepsMax} are allowed beside * and ?`;
  const count = namesOf(pattern);
  return count > limits.targetsPerRunMax
    ? `it names ${count} hosts; ${limits.targetsPerRunMax} are allowed`
    : undefined;
}

/** @returns what is wrong with it, where it is no set. */
function bracketPart(inside: string): PatternPart | string {
  if (!/\d/.test(inside)) return inside.includes(',') ? LETTERS_OR_NUMBERS : letterPart(inside);
  const ranges: NumberRange[] = [];
  for (const item of inside.split(',')) {
    const range = numberRange(item);
    if (typeof range === 'string') return range;
    ranges.push(range);
  }
  return { kind: 'numbers', ranges };
}

const LETTERS_OR_NUMBERS =
  'a [ ] set holds numbers, such as [1-12] or [01-20,25], or single letters, such as [abc]; never both';

function numberRange(item: string): NumberRange | string {
  const match = /^(\d+)(?:-(\d+)(?:\/(\d+))?)?$/.exec(item);
  if (!match) return LETTERS_OR_NUMBERS;
  const [, first, last = first!, step = '1'] = match as unknown as [string, string, string?, string?];
  if (Math.max(first.length, last.length, step.length) > DIGITS_MAX)
    return `${item} has a number of more than ${DIGITS_MAX} digits`;
  if (Number(last) < Number(first)) return `${item} runs downwards: the lower number comes first`;
  if (Number(step) === 0) return `${item} has a step of 0`;
  const width = hasLeadingZero(first) ? first.length : 0;
  if (hasLeadingZero(last) && last.length !== width) return `both ends of ${item} must have the same number of digits`;
  return { from: Number(first), to: Number(last), step: Number(step), width };
}

function hasLeadingZero(digits: string): boolean {
  return digits.length > 1 && digits.startsWith('0');
}

/** @returns what is wrong with it, where there are too many. */
function letterPart(text: string): PatternPart | string {
  const negated = text.length > 1 && (text[0] === '!' || text[0] === '^');
  const body = charactersOf(negated ? text.slice(1) : text);
  const ranges: LetterRange[] = [];
  for (let i = 0; i < body.length; i++) {
    if (body[i + 1] === '-' && i + 2 < body.length) {
      ranges.push([body[i]!, body[i + 2]!]);
      i += 2;
    } else ranges.push([body[i]!, body[i]!]);
  }
  if (ranges.length > limits.targetLettersMax)
    return `it has ${ranges.length} letters in one [ ]; ${limits.targetLettersMax} are allowed`;
  const set = new LetterSet(ranges);
  return { kind: 'one', has: (char) => set.has(char) !== negated, ranges: ranges.length };
}

function sizeOf(ranges: readonly NumberRange[]): number {
  return ranges.reduce((sum, range) => sum + Math.floor((range.to - range.from) / range.step) + 1, 0);
}

/** Every name of a pattern without a glob, each once, in the order written. At most `limits.targetsPerRunMax`, as its parser saw to. */
export function expandNamePattern(pattern: NamePattern): readonly string[] {
  let names = [''];
  // What is between two sets is put on with the set after it: a hundred thousand names are made once, and not once for each letter.
  let between = '';
  for (const part of pattern.parts) {
    if (part.kind === 'char') between += part.char;
    else if (part.kind === 'numbers') {
      const tails = part.ranges.flatMap(numbersOf).map((number) => between + number);
      names =
        names.length === 1
          ? tails.map((tail) => names[0] + tail)
          : names.flatMap((name) => tails.map((tail) => name + tail));
      between = '';
    }
  }
  return [...new Set(between === '' ? names : names.map((name) => name + between))];
}

function numbersOf({ from, to, step, width }: NumberRange): string[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) =>
    String(from + i * step).padStart(width, '0'),
  );
}

/** Whether a text is one of what the pattern names or fits its shape. Never worse than pattern × text, whatever the pattern. */
export function nameMatcher(pattern: NamePattern): (text: string) => boolean {
  if (!pattern.isGlob) {
    const names = new Set(expandNamePattern(pattern));
    return (text) => names.has(text);
  }
  const { parts } = pattern;
  if (!parts.some((part) => part.kind === 'numbers')) return globMatcher(parts as readonly GlobPart[]);
  const shortest = parts.filter((part) => part.kind !== 'any').length;
  const shape = parts.map((part) =>
    part.kind === 'numbers' ? { kind: part.kind, set: new NumberSet(part.ranges) } : part,
  );
  return (text) => {
    const characters = charactersOf(text);
    return characters.length >= shortest && shapeMatches(shape, characters);
  };
}

/** `*` and `?` and nothing else, as ssh_config and known_hosts have it. */
export function wildcardMatcher(text: string): (text: string) => boolean {
  return globMatcher(
    Array.from(
      text,
      (char): GlobPart =>
        char === '*' ? { kind: 'any' } : char === '?' ? { kind: 'one', has: () => true } : { kind: 'char', char },
    ),
  );
}

type ShapePart = GlobPart | { readonly kind: 'numbers'; readonly set: NumberSet };
type GlobPart = Exclude<PatternPart, { readonly kind: 'numbers' }>;

/** A character is one to `?` and to brackets also where UTF-16 has two units for it. Most texts hold none of those. */
function charactersOf(text: string): ArrayLike<string> {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text;
}

/** Greedy with one point to go back to. */
function globMatcher(parts: readonly GlobPart[]): (text: string) => boolean {
  return (whole) => {
    const text = charactersOf(whole);
    let [p, t, star, mark] = [0, 0, -1, 0];
    while (t < text.length) {
      const part = parts[p];
      if (part?.kind === 'any') {
        star = p++;
        mark = t;
      } else if (part !== undefined && (part.kind === 'char' ? part.char === text[t] : part.has(text[t]!))) {
        p++;
        t++;
      } else if (star >= 0) {
        p = star + 1;
        t = ++mark;
      } else return false;
    }
    while (parts[p]?.kind === 'any') p++;
    return p === parts.length;
  };
}

/**
 * Walks the text once with all the places of the pattern that may be reached at each of its characters. A set of numbers goes
 * on after each run of digits that it has, so `n[1-20]*` is no guess about where the number ends.
 */
function shapeMatches(parts: readonly ShapePart[], text: ArrayLike<string>): boolean {
  const width = parts.length + 1;
  const reached = new Uint8Array((text.length + 1) * width);
  reached[0] = 1;
  for (let at = 0; at <= text.length; at++) {
    for (let index = 0; index < parts.length; index++) {
      if (reached[at * width + index] === 0) continue;
      const part = parts[index]!;
      const here = at * width + index;
      if (part.kind === 'any') {
        reached[here + 1] = 1;
        if (at < text.length) reached[here + width] = 1;
      } else if (part.kind === 'numbers') {
        let number = 0;
        for (let end = at + 1; end <= text.length && end - at <= DIGITS_MAX && isDigit(text[end - 1]!); end++) {
          number = number * 10 + Number(text[end - 1]);
          if (part.set.has(number, end - at, text[at] === '0' && end - at > 1)) reached[end * width + index + 1] = 1;
        }
      } else if (at < text.length && (part.kind === 'char' ? part.char === text[at] : part.has(text[at]!)))
        reached[here + width + 1] = 1;
    }
  }
  return reached[text.length * width + parts.length] === 1;
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}
