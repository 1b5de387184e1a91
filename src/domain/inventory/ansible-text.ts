/**
 * Texts as Ansible's INI reader takes them apart: words of a host line, values, addresses with a port, ranges. Source:
 * ansible-core 2.14.
 */
import { limits } from '../../base/limits.ts';

/**
 * Words as Python's `shlex.split(…, comments=True)`: a # outside quotes begins a remark wherever it stands. Undefined:
 * a quote is not closed.
 */
export function hostLineWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && '"\\'.includes(line[at + 1] ?? '-')) word += line[++at]!;
      else word += char;
    } else if (char === '#') break;
    else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\') {
      if (at + 1 === line.length) return undefined;
      word = (word ?? '') + line[++at]!;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/**
 * A value of the INI form, which Ansible reads as a Python literal where it is one: `'it # is quoted'` and
 * `2222 # remark` lose their quotes and their remark, `deploy # no remark` is text as it stands. Lists and maps have no
 * use here and are kept as text.
 */
export function iniValue(text: string): string {
  return pythonString(text) ?? pythonNumber(text) ?? text;
}

const AFTER_LITERAL = /^[ \t]*(?:#.*)?$/s;

/** One string or several side by side, with the escapes of Python. */
function pythonString(text: string): string | undefined {
  let value = '';
  let rest = text;
  do {
    const match = /^(?:[uU]|([rR]))?(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")[ \t]*/s.exec(rest);
    if (!match) return undefined;
    const inside = match[2] ?? match[3]!;
    const part = match[1] === undefined ? unescaped(inside) : inside;
    if (part === undefined) return undefined;
    value += part;
    rest = rest.slice(match[0].length);
  } while (rest !== '' && !rest.startsWith('#'));
  return value;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function unescaped(text: string): string | undefined {
  let isValid = true;
  const value = text.replaceAll(
    /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([0-7]{1,3})|(.))/gs,
    (whole, hex: string | undefined, unicode: string | undefined, octal: string | undefined, char: string) => {
      const code = hex ?? unicode;
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if ('xuUN'.includes(char)) isValid = false;
      return ESCAPES[char] ?? whole;
    },
  );
  return isValid ? value : undefined;
}

/** Whole numbers as Python prints them; leading zeros are no number there, and stay as they are. */
function pythonNumber(text: string): string | undefined {
  const match = /^([+-]?)(0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+|[1-9](?:_?\d)*|0+)(.*)$/s.exec(text);
  if (!match || !AFTER_LITERAL.test(match[3]!)) return undefined;
  const number = BigInt(match[2]!.replaceAll('_', ''));
  return String(match[1] === '-' ? -number : number);
}

/** `host:2222`, `[2001:db8::1]:2222` or no port; a bare IPv6 address is all host. */
function hostAndPort(text: string): { readonly host: string; readonly port: number | undefined } {
  const [, bracketed, bare, digits] = /^(?:\[(.+)\]|((?:[^:[\]]|\[[^\]]*\])*)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  return host !== undefined && isAddress(host) ? { host, port: Number(digits) } : { host: text, port: undefined };
}

const RANGE = String.raw`\[(?:[a-z]:[a-z]|[0-9a-f]+:[0-9a-f]+)(?::[0-9]+)?\]`;
const LABEL = String.raw`(?:[\p{L}\p{N}_]|${RANGE})(?:[\p{L}\p{N}_-]|${RANGE})*(?<![_-])`;
const HOST_NAME = new RegExp(String.raw`^${LABEL}(?:\.${LABEL})*$`, 'iu');
const IPV6 = new RegExp(String.raw`^(?=.*:.*:)(?:[0-9a-f:.]|${RANGE})+$`, 'iu');

/** What may stand before a port: a host name or an address, with ranges or without. Other names keep their colon. */
function isAddress(text: string): boolean {
  return HOST_NAME.test(text) || IPV6.test(text);
}

/** A name, and the ranges of several labels of it. */
const PATTERN_LENGTH_MAX = 1_024;

/** `web[01:50]`, `db-[a:f]`, `n[0:10:2]`, several in one name. A fault is answered as a text. */
export function expandRange(pattern: string, hostsMax: number): readonly string[] | string {
  // Of brackets that nobody closes, each would be looked at to the end of the line.
  if (pattern.length > PATTERN_LENGTH_MAX) return `${JSON.stringify(pattern.slice(0, 60))}… is too long for a host`;
  const match = /^(.*?)\[([^\]:]*):([^\]:]*)(?::(\d+))?\](.*)$/.exec(pattern);
  if (!match)
    return /[[\]]/.test(pattern)
      ? `${JSON.stringify(pattern)} holds a bracket that is not a range such as [01:50]`
      : [pattern];
  const [, before, from, to, step, after] = match as unknown as [
    string,
    string,
    string,
    string,
    string | undefined,
    string,
  ];
  const values = rangeValues(from === '' ? '0' : from, to, Number(step ?? 1), hostsMax);
  if (typeof values === 'string') return values;
  const rest = expandRange(after, hostsMax);
  if (typeof rest === 'string') return rest;
  if (values.length * rest.length > hostsMax)
    return `${JSON.stringify(pattern)} stands for more than ${hostsMax} hosts`;
  return values.flatMap((value) => rest.map((end) => before + value + end));
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function rangeValues(from: string, to: string, step: number, hostsMax: number): string[] | string {
  const text = `[${from}:${to}]`;
  if (step < 1) return `the step of ${text} must be 1 or more`;
  if (/^\d{1,9}$/.test(from) && /^\d{1,9}$/.test(to)) {
    if (Number(to) < Number(from)) return `${text} ends before it begins`;
    if ((Number(to) - Number(from)) / step >= hostsMax) return `${text} stands for more than ${hostsMax} hosts`;
    // Leading zeros fix the width.
    const width = from.length > 1 && from.startsWith('0') ? from.length : 0;
    if (width !== 0 && width !== to.length) return `both ends of ${text} must have the same number of digits`;
    return Array.from({ length: Math.floor((Number(to) - Number(from)) / step) + 1 }, (_, i) =>
      String(Number(from) + i * step).padStart(width, '0'),
    );
  }
  const [first, last] = [from, to].map((letter) => (letter.length === 1 ? LETTERS.indexOf(letter) : -1)) as [
    number,
    number,
  ];
  if (first < 0 || last < 0) return `${text} is not a range of numbers or of letters`;
  if (last < first) return `${text} ends before it begins`;
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => LETTERS[first + i * step]!);
}

/** The hosts that a host line or key stands for, with the port that it gives them. A fault is answered as a text. */
export function hostsOfPattern(
  text: string,
): { readonly names: readonly string[]; readonly port: number | undefined } | string {
  const { host, port } = hostAndPort(text);
  if (port === undefined && text.endsWith(':')) return `${JSON.stringify(text)} ends in a colon without a port`;
  const names = expandRange(host, limits.hostsPerImportMax);
  return typeof names === 'string' ? names : { names, port };
}
