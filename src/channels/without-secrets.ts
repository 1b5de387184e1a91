/**
 * What a far end says may repeat what it was asked by: a page that is not found names its path, and the path of a robot
 * is its secret. So nothing of an endpoint that is secret stays in what is kept and shown of answers, however it is
 * written there: as it was sent, as pages, programs and URLs escape it, once or twice, in capitals, in hexadecimal or in
 * Base64, alone or within something longer. What is cut short by the far end is not known again; where that is to be
 * feared (a refused login), nothing of the words is told.
 */
import { secretForms } from '../base/secret-forms.ts';

const MASK = Buffer.from('******');
/** Shorter parts of a URL are words of everybody; a password that is shorter than that is none. */
const [PART_LENGTH_MIN, SECRET_LENGTH_MIN] = [8, 4];
/** So often something may be escaped over again, and is still read. */
const READINGS = 3;

export interface Secretive {
  readonly url?: string | undefined;
  readonly secret?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

/** `endpoint`: where it leads, whole. What may be shown of it is not masked: its host, its kind, its addresses. */
export function withoutSecrets(text: string, endpoint: Secretive): string {
  const forms = formsOf(endpoint);
  if (forms.size === 0) return text;
  const bytes = Buffer.from(text);
  const hidden = new Uint8Array(bytes.length);
  for (const { signs, begins } of readingsOf(bytes)) {
    for (const form of forms)
      for (let at = signs.indexOf(form); at >= 0; at = signs.indexOf(form, at + form.length))
        hidden.fill(1, begins[at], begins[at + form.length]);
  }
  return masked(bytes, hidden);
}

function masked(bytes: Buffer, hidden: Uint8Array): string {
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const isHidden = hidden[at] === 1;
    const next = hidden.indexOf(isHidden ? 0 : 1, at);
    const end = next < 0 ? bytes.length : next;
    kept.push(isHidden ? MASK : bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept).toString();
}

// — what is looked for —

/** Folded, as `signs` of readings are. */
function formsOf({ url, secret, user, password }: Secretive): ReadonlySet<string> {
  const parts = [
    ...(url === undefined ? [] : urlParts(url)).filter((part) => part.length >= PART_LENGTH_MIN),
    ...[secret ?? '', secret?.replace(/^whsec_/, '') ?? '', password ?? ''].filter(
      (part) => part.length >= SECRET_LENGTH_MIN,
    ),
    // As a login is said to a mail server.
    ...(password === undefined ? [] : [`\0${user ?? ''}\0${password}`]),
  ];
  const forms = new Set<string>();
  for (const part of new Set(parts.flatMap(casesOf))) {
    const readings = readingsOf(Buffer.from(part));
    for (const { signs } of readings) if (signs.length >= SECRET_LENGTH_MIN) forms.add(signs);
    for (const form of secretForms([part])) forms.add(folded(form.toString('latin1')));
  }
  return forms;
}

/** Letters of ASCII are folded where a text is read; of others these are the capitals and the small ones. */
function casesOf(part: string): readonly string[] {
  return /^[\0-\x7f]*$/.test(part) ? [part] : [part, part.toUpperCase(), part.toLowerCase()];
}

/** Behind the host: all of it, and each part by itself, as it was sent and as it is meant. */
function urlParts(text: string): string[] {
  const { pathname, search, searchParams } = new URL(text);
  // Names in a query are words of everybody; what stands there without a name is a value.
  const values = search.split(/[?&]/).map((pair) => pair.slice(pair.indexOf('=') + 1));
  const sent = [pathname + search, pathname, ...pathname.split('/'), search, ...values];
  return [...sent, ...sent.map(decoded), ...searchParams.values()];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // No encoded text: it is what it is.
    return part;
  }
}

// — how a text is read —

interface Reading {
  /** A byte each, folded. */
  readonly signs: string;
  /** Of each sign, where it begins in the text; and the end of the text. */
  readonly begins: Uint32Array;
}

/** As it is written, and with what is escaped in it read, and what is escaped in that. */
function readingsOf(bytes: Buffer): readonly Reading[] {
  let signs = bytes.toString('latin1');
  let begins = Uint32Array.from({ length: signs.length + 1 }, (_, at) => at);
  const readings: Reading[] = [{ signs: folded(signs), begins }];
  while (readings.length < READINGS) {
    const next = unescaped(signs, begins);
    if (next.signs === signs) break;
    [signs, begins] = [next.signs, next.begins];
    readings.push({ signs: folded(signs), begins });
  }
  return readings;
}

/** Small letters of ASCII for capitals, and one sign for what forms take for each other. */
function folded(signs: string): string {
  return signs.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()).replaceAll('+', ' ');
}

const ESCAPED =
  /%([0-9a-f]{2})|\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|&#x([0-9a-f]{1,6});|&#(\d{1,7});|&(amp|lt|gt|quot|apos);|\\(.)/gi;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(
  source: string,
  from: Uint32Array,
): { readonly signs: string; readonly begins: Uint32Array<ArrayBuffer> } {
  const parts: string[] = [];
  const begins: number[] = [];
  let read = 0;
  const copy = (end: number): void => {
    parts.push(source.slice(read, end));
    for (let at = read; at < end; at++) begins.push(from[at]!);
  };
  for (const match of source.matchAll(ESCAPED)) {
    copy(match.index);
    const meant = meantBy(match);
    parts.push(meant);
    for (let n = 0; n < meant.length; n++) begins.push(from[match.index]!);
    read = match.index + match[0].length;
  }
  copy(source.length);
  begins.push(from[source.length]!);
  return { signs: parts.join(''), begins: Uint32Array.from(begins) };
}

/** Its bytes. */
function meantBy([, percent, byte, unit, hex, decimal, name, sign]: RegExpExecArray): string {
  if (sign !== undefined) return sign;
  if (name !== undefined) return NAMED[name.toLowerCase()]!;
  if (percent !== undefined) return String.fromCharCode(Number.parseInt(percent, 16));
  const point = decimal === undefined ? Number.parseInt(byte ?? unit ?? hex!, 16) : Number(decimal);
  return point > 0x10ffff ? '' : Buffer.from(String.fromCodePoint(point)).toString('latin1');
}
