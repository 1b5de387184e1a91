/** Output values of an answer: its status, and what stands in its JSON where the job's pointers lead (RFC 6901). Pure. */
import { callLimits } from '../../../base/call-limits.ts';
import { given } from '../../../base/given.ts';
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
  for (const [name, pointer] of Object.entries(extract)) {
    const value = valueAt(read.json, pointer);
    const text = value === undefined ? undefined : textOf(value);
    if (text === undefined) faults.push(`${name}: the answer has nothing at ${JSON.stringify(pointer)}`);
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

/** A list of plain values is its lines; what has parts of its own is JSON. Nothing is nothing. */
function textOf(value: unknown): string | undefined {
  if (value === null) return undefined;
  const plain = plainText(value);
  if (plain !== undefined) return plain;
  if (Array.isArray(value)) {
    const lines = value.map(plainText);
    if (lines.every((line) => line !== undefined && line !== '' && !/[\r\n]/.test(line))) return lines.join('\n');
  }
  return JSON.stringify(value);
}

function plainText(value: unknown): string | undefined {
  if (value instanceof WrittenNumber) return value.source;
  return typeof value === 'string' ? value : typeof value === 'boolean' ? String(value) : undefined;
}
