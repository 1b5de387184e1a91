/** Output values of an answer: its status, and what stands in its JSON where the job's pointers lead (RFC 6901). Pure. */
import { callLimits } from '../../../base/call-limits.ts';
import { given } from '../../../base/given.ts';
import { scanJson } from '../../../base/json-scan.ts';
import { valueLimits } from '../../../base/value-limits.ts';
import { STATUS_VALUE } from '../../../domain/work/http.ts';
import type { FoundValues } from '../../../ledger/told-values.ts';

export interface AnsweredBody {
  /** As they came. */
  readonly bytes: Buffer;
  /** There is more of it. */
  readonly isMore: boolean;
  /** `gzip` and its like; undefined where it came as it is. */
  readonly encoding: string | undefined;
}

/** Nothing that the far end has said stands in the fault. */
export function valuesOf(status: number, extract: Readonly<Record<string, string>>, body: AnsweredBody): FoundValues {
  const found: Record<string, string> = { [STATUS_VALUE]: String(status) };
  if (Object.keys(extract).length === 0) return { found };
  const read = jsonOf(body);
  if (!read.ok) return { found, fault: `Nothing was taken out of the answer: ${read.why}.` };
  const faults: string[] = [];
  const texts = new Map<unknown, Text>();
  for (const [name, pointer] of Object.entries(extract)) {
    const value = valueAt(read.json, pointer);
    // The same value under many names is written out once.
    if (!texts.has(value)) texts.set(value, textOf(value));
    const text = texts.get(value);
    if (text === undefined) faults.push(`${name}: the answer has nothing at ${JSON.stringify(pointer)}`);
    else if (text === TOO_LONG)
      faults.push(
        `${name}: what the answer has at ${JSON.stringify(pointer)} is longer than ${valueLimits.outputValueBytesMax} bytes`,
      );
    else found[name] = text;
  }
  return { found, ...given({ fault: faults.length === 0 ? undefined : `${faults.join('; ')}.` }) };
}

/** ES2025, which the types of the language do not have yet. */
const RAW = JSON as unknown as { rawJSON(text: string): unknown };

/** A number as it is written: one of many digits is no other afterwards. */
class WrittenNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  toJSON(): unknown {
    return RAW.rawJSON(this.source);
  }
}

type Read = { readonly ok: true; readonly json: unknown } | { readonly ok: false; readonly why: string };

function jsonOf({ bytes, isMore, encoding }: AnsweredBody): Read {
  const no = (why: string): Read => ({ ok: false, why });
  if (isMore) return no(`it has more than ${callLimits.callExtractBytesMax} bytes`);
  if (encoding !== undefined) return no('it came compressed, though that was not asked for');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return no('it is not UTF-8');
  }
  if (scanJson(text, 0).values > callLimits.callExtractValuesMax)
    return no(`it has more than ${callLimits.callExtractValuesMax} values`);
  try {
    return { ok: true, json: JSON.parse(text, written as Parameters<typeof JSON.parse>[1]) };
  } catch (error) {
    return no(error instanceof RangeError ? 'it is nested too deep' : 'it is no JSON');
  }
}

function written(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' && source !== undefined ? new WrittenNumber(source) : value;
}

function valueAt(json: unknown, pointer: string): unknown {
  let at = json;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d{0,8})$/.test(key) ? (at as unknown[])[Number(key)] : undefined;
    else if (typeof at === 'object' && at !== null && !(at instanceof WrittenNumber) && Object.hasOwn(at, key))
      at = (at as Record<string, unknown>)[key];
    else return undefined;
  }
  return at;
}

const TOO_LONG = Symbol('longer than a value may be');
type Text = string | undefined | typeof TOO_LONG;
const LONGEST = valueLimits.outputValueBytesMax;

/**
 * A list of plain values is its lines; what has parts of its own is JSON. Nothing is nothing. No more is written out than a value may
 * have: the same megabyte may be asked for under many names.
 */
function textOf(value: unknown): Text {
  if (value === undefined || value === null) return undefined;
  const text = plainText(value) ?? linesOf(value) ?? jsonText(value);
  return text === TOO_LONG || text.length > LONGEST || Buffer.byteLength(text) > LONGEST ? TOO_LONG : text;
}

/** Undefined where it is no list of texts that are one line each. What it has beyond the longest is not looked at. */
function linesOf(list: unknown): Text {
  if (!Array.isArray(list)) return undefined;
  const lines: string[] = [];
  let length = 0;
  for (const one of list) {
    const line = plainText(one);
    if (line === undefined || line === '') return undefined;
    length += line.length + 1;
    // One line or several, it is too long either way.
    if (length > LONGEST + 1) return TOO_LONG;
    if (/[\r\n]/.test(line)) return undefined;
    lines.push(line);
  }
  return lines.join('\n');
}

function plainText(value: unknown): string | undefined {
  if (value instanceof WrittenNumber) return value.source;
  return typeof value === 'string' ? value : typeof value === 'boolean' ? String(value) : undefined;
}

/** No deeper than `JSON.parse` has come with it. */
function jsonText(value: unknown): string | typeof TOO_LONG {
  const parts: string[] = [];
  let length = 0;
  /** False once it is too long. */
  const put = (part: string): boolean => {
    parts.push(part);
    length += part.length;
    return length <= LONGEST;
  };
  const write = (one: unknown): boolean => {
    // Written out it would be no shorter.
    if (typeof one === 'string' && one.length > LONGEST) return false;
    if (typeof one !== 'object' || one === null || one instanceof WrittenNumber) return put(JSON.stringify(one));
    let comma = '';
    if (Array.isArray(one)) {
      put('[');
      for (const inner of one) {
        if (!put(comma) || !write(inner)) return false;
        comma = ',';
      }
      return put(']');
    }
    put('{');
    for (const [name, inner] of Object.entries(one)) {
      if (name.length > LONGEST || !put(`${comma}${JSON.stringify(name)}:`) || !write(inner)) return false;
      comma = ',';
    }
    return put('}');
  };
  return write(value) ? parts.join('') : TOO_LONG;
}
