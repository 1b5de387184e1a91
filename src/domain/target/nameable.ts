/**
 * What hosts, labels, zones and workers may be called. Whatever can be set can be named in a target expression (expression.ts reads by
 * the letters and signs that stand here), and whatever cannot is refused where it is set: in requests, imports and joins.
 *
 * Letters, marks and digits of every script may stand in all of them, beside the signs of each kind. Texts are compared as they are, so
 * they are brought to one form (NFC) where they come in. Refused are blanks, controls, what cannot be seen (joiners, selectors, fillers),
 * the signs that a target has for itself, and other forms of ASCII characters (full-width １, circled ①, ligatures): they are not folded,
 * because a name would then be on record otherwise than it was typed, and scripts that hold it would not find it.
 */
import { limits } from '../../base/limits.ts';
import { ownNameFault } from '../access/name-rule.ts';

/** Within the brackets of a regular expression with the flag `u`. */
const LETTERS = String.raw`\p{L}\p{M}\p{N}`;
/** Of label values, and all that a target takes for nothing but themselves. The dash is last, so that brackets may end with them. */
export const PLAIN_SIGNS = '._:/@+!=%~^-';

/** Marks on one letter. Unicode lets 30 follow each other in a stream; more cost the square of their number to bring to one form. */
const MARKS_MAX = 30;
const MARKS_TOO_MANY = new RegExp(String.raw`(?<!\p{M})\p{M}{${MARKS_MAX + 1}}`, 'u');
const LONE_MARK = new RegExp(String.raw`(?<![${LETTERS}])\p{M}`, 'u');
const LETTER = new RegExp(`[${LETTERS}]`, 'u');
const PLAIN = /[A-Za-z0-9]/;
/** Controls, formats, halves of pairs, what no script has yet; blanks but the one that everybody knows; and what leaves no ink. */
const UNSEEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;
/** Beyond ASCII, what is no letter or is not seen. Other forms of ASCII characters are letters to this. */
const ODD = new RegExp(`[^\\0-\\x7f${LETTERS}]|${UNSEEN.source}`, 'u');
/** Full-width and half-width forms, whatever they are forms of. */
const WIDTH_FORM = /[\uff00-\uffef]/;
/** Somebody who gives such a name as a target would get other hosts than meant. */
const TARGET_WORDS = /^(?:all|and|or|not)$/i;
/** Characters of a text that a refusal shows. */
const SHOWN_MAX = 60;

/** The form in which names are stored and compared. What has too many marks to be a name stays as it is, and is refused as such. */
export function oneForm(text: string): string {
  return MARKS_TOO_MANY.test(text) ? text : text.normalize('NFC');
}

/** Undefined when the text is a name that a host may have; else what is wrong with it. */
export function hostNameFault(name: string): string | undefined {
  return TARGET_WORDS.test(name)
    ? `${JSON.stringify(name)} is a word of targets (drover help run), so no host can be named so`
    : nameFault(name, 'a host');
}

export function workerNameFault(name: string): string | undefined {
  return nameFault(name, 'a worker');
}

/** Zones are named as values of labels are, for many a fleet has both. */
export function zoneFault(zone: string): string | undefined {
  return (
    sizeFault(zone, 'the zone', NAME_SIZE) ??
    (zone === '' ? 'the name of a zone is empty' : unfit(zone, 'a name for a zone', VALUE_LETTERS))
  );
}

export function labelKeyFault(key: string): string | undefined {
  return (
    sizeFault(key, `the label ${shown(key)}`, LABEL_SIZE) ??
    (key === '' ? 'the key of a label is empty' : unfit(key, 'a key for a label', KEY_LETTERS))
  );
}

/** A value may be empty: `role=` is a target too. */
export function labelFault(key: string, value: string): string | undefined {
  return (
    labelKeyFault(key) ??
    sizeFault(value, `the value of the label ${shown(key)}`, LABEL_SIZE) ??
    unfit(value, `a value for the label ${shown(key)}`, VALUE_LETTERS)
  );
}

/** Labels with all keys and values in one form; keys that are one then are told by `labelTwice`. */
export function labelsInOneForm(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [oneForm(key), oneForm(value)]));
}

/** A key that stands in there more than once, in several forms. */
export function labelTwice(labels: Readonly<Record<string, string>>): string | undefined {
  const seen = new Set<string>();
  return Object.keys(labels)
    .map(oneForm)
    .find((key) => seen.size === seen.add(key).size);
}

/** The name with the suffix, cut before it by whole characters until both fit where names are kept. */
export function nameWithSuffix(name: string, suffix: string): string {
  const letters = [...name];
  const fits = (text: string): boolean =>
    text.length <= limits.nameLengthMax && Buffer.byteLength(text) <= limits.nameBytesMax;
  while (!fits(letters.join('') + suffix)) letters.pop();
  return letters.join('') + suffix;
}

/** A character that has no place where it stands, as people see it, and why, where it is not plain from that. */
export interface OddLetter {
  readonly said: string;
  readonly why: string | undefined;
}

/** Whether no name may hold the character, whatever its signs are; undefined where it is a letter, or ASCII that is seen. */
export function oddLetter(char: string): OddLetter | undefined {
  if (UNSEEN.test(char)) return { said: codeOf(char), why: 'it cannot be seen' };
  if (char <= '\x7f') return undefined;
  const plain = char.normalize('NFKC');
  if (plain !== char && (WIDTH_FORM.test(char) || /[ -~]/.test(plain)))
    return { said: saidOf(char), why: `it is another form of ${JSON.stringify(plain)}, so write that` };
  return LETTER.test(char) ? undefined : { said: saidOf(char), why: undefined };
}

/** Finds what no name may hold in the words of one expression, which may be very many: each character is judged once. */
export class OddLetters {
  readonly #fine = new Set<string>();

  /** `at`: UTF-16 units from the beginning. */
  find(text: string): { readonly at: number; readonly char: string } | undefined {
    if (!ODD.test(text) && text.normalize('NFKC') === text) return undefined;
    let at = 0;
    for (const char of text) {
      if (!this.#fine.has(char)) {
        if (oddLetter(char)) return { at, char };
        this.#fine.add(char);
      }
      at += char.length;
    }
    return undefined;
  }
}

/** Where a letter has more marks than a name may have; undefined where none has. */
export function marksFault(text: string): { readonly at: number; readonly detail: string } | undefined {
  const found = MARKS_TOO_MANY.exec(text);
  return found ? { at: found.index, detail: `more than ${MARKS_MAX} marks stand on one letter` } : undefined;
}

/** Letters of a kind of name: these signs, and whether a text is all of letters and of them. */
interface Letters {
  readonly signs: string;
  readonly fit: RegExp;
}

function lettersWith(signs: string): Letters {
  return { signs, fit: new RegExp(`^[${LETTERS}${signs}]*$`, 'u') };
}

/** What is wrong with a text that is to be letters and signs. Looked for one by one only where something may be. */
function letterFault(text: string, { signs, fit }: Letters): string | undefined {
  const marks = marksFault(text);
  if (marks) return marks.detail;
  if (fit.test(text) && !UNSEEN.test(text) && !LONE_MARK.test(text) && text.normalize('NFKC') === text)
    return undefined;
  let before = '';
  for (const char of text) {
    const odd = oddLetter(char) ?? misplaced(char, before, signs);
    if (odd !== undefined) return `${odd.said} is not allowed${odd.why === undefined ? '' : `: ${odd.why}`}`;
    before = char;
  }
  return undefined;
}

function misplaced(char: string, before: string, signs: string): OddLetter | undefined {
  if (char <= '\x7f')
    return PLAIN.test(char) || signs.includes(char) ? undefined : { said: saidOf(char), why: undefined };
  return /\p{M}/u.test(char) && !LETTER.test(before)
    ? { said: saidOf(char), why: 'it is a mark without a letter before it' }
    : undefined;
}

function saidOf(char: string): string {
  return `${JSON.stringify(char)} (${codeOf(char)})`;
}

function codeOf(char: string): string {
  return `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** `. _ - …`, for people. */
export function signsText(signs: string): string {
  return [...signs].join(' ');
}

const HOST_LETTERS = lettersWith('._:@-');
const KEY_LETTERS = lettersWith('._:/-');
const VALUE_LETTERS = lettersWith(PLAIN_SIGNS);

interface Size {
  readonly lengthMax: number;
  readonly bytesMax: number;
}
const NAME_SIZE: Size = { lengthMax: limits.nameLengthMax, bytesMax: limits.nameBytesMax };
const LABEL_SIZE: Size = { lengthMax: limits.labelLengthMax, bytesMax: limits.labelBytesMax };

function nameFault(given: string, whose: 'a host' | 'a worker'): string | undefined {
  const size = sizeFault(given, 'the name', NAME_SIZE);
  if (size !== undefined) return size;
  const name = oneForm(given);
  const what = `a name for ${whose}`;
  const odd = unfit(name, what, HOST_LETTERS);
  if (odd !== undefined) return odd;
  if (name === '') return `the name of ${whose} is empty`;
  if (name[0] !== '_' && HOST_LETTERS.signs.includes(name[0]!))
    return `${shown(name)} is not ${what}: it begins with ${JSON.stringify(name[0])}, and a letter, a digit or _ comes first`;
  return ownNameFault(name);
}

function sizeFault(given: string, what: string, { lengthMax, bytesMax }: Size): string | undefined {
  const text = oneForm(given);
  if (text.length > lengthMax) return `${what} has ${text.length} characters; ${lengthMax} are allowed`;
  const bytes = Buffer.byteLength(text);
  return bytes > bytesMax ? `${what} has ${bytes} bytes in UTF-8; ${bytesMax} are allowed` : undefined;
}

function unfit(given: string, what: string, letters: Letters): string | undefined {
  const text = oneForm(given);
  const odd = letterFault(text, letters);
  return odd === undefined
    ? undefined
    : `${shown(text)} is not ${what}: ${odd}; letters, marks and digits of any script and ${signsText(letters.signs)} are`;
}

/** In quotes, cut, and with what cannot be seen as its code. */
function shown(text: string): string {
  const letters = [...text];
  const cut = letters.length > SHOWN_MAX ? `${letters.slice(0, SHOWN_MAX).join('')}…` : text;
  return JSON.stringify(cut).replace(new RegExp(UNSEEN, 'gu'), (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}
