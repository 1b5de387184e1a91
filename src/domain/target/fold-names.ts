/**
 * Many names as few words: `web-1 web-2 web-3 db-1` → `web-[1-3],db-1`. What comes out is a target, and means exactly
 * these names when it is given back (name-pattern.ts).
 */

/** Longer numbers are kept as they are: they are addresses or hashes, not a count. */
const DIGITS_MAX = 9;

interface Family {
  readonly prefix: string;
  readonly suffix: string;
  /** Of numbers with leading zeros; 0 where there are none. */
  readonly width: number;
  readonly numbers: number[];
}

/** Names that differ in one number only, the last that they have, are drawn together, in the order of their first. */
export function foldNames(names: readonly string[]): string {
  const split = names.map(splitName);
  const padded = new Set(split.flatMap((name) => (name && hasLeadingZero(name.digits) ? [familyKey(name)] : [])));
  const families = new Map<string, Family | string>();
  for (const [index, name] of split.entries()) {
    if (!name) {
      families.set(`=${names[index]}`, names[index]!);
      continue;
    }
    // 10 goes with 08 and 09, where there are such: a width is the same number of digits, with zeros or without.
    const key = familyKey(name);
    const width = padded.has(key) ? name.digits.length : 0;
    const id = width === 0 ? `${name.prefix}\0${name.suffix}` : key;
    const family = families.get(id);
    if (family !== undefined && typeof family !== 'string') family.numbers.push(Number(name.digits));
    else families.set(id, { prefix: name.prefix, suffix: name.suffix, width, numbers: [Number(name.digits)] });
  }
  return [...families.values()].map((family) => (typeof family === 'string' ? family : familyText(family))).join(',');
}

interface SplitName {
  readonly prefix: string;
  readonly digits: string;
  readonly suffix: string;
}

function splitName(name: string): SplitName | undefined {
  const [, prefix = '', digits = '', suffix = ''] = /^(.*?)(\d+)(\D*)$/s.exec(name) ?? [];
  return digits === '' || digits.length > DIGITS_MAX ? undefined : { prefix, digits, suffix };
}

function familyKey({ prefix, digits, suffix }: SplitName): string {
  return `${prefix}\0${suffix}\0${digits.length}`;
}

function hasLeadingZero(digits: string): boolean {
  return digits.length > 1 && digits.startsWith('0');
}

function familyText({ prefix, suffix, width, numbers }: Family): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const text = (number: number): string => String(number).padStart(width, '0');
  if (sorted.length === 1) return `${prefix}${text(sorted[0]!)}${suffix}`;
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === sorted[end]! + 1) end++;
    const [first, last] = [text(sorted[i]!), text(sorted[end]!)];
    ranges.push(end === i ? first : end === i + 1 ? `${first},${last}` : `${first}-${last}`);
    i = end + 1;
  }
  return `${prefix}[${ranges.join(',')}]${suffix}`;
}
