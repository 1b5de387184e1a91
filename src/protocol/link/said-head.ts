/**
 * The first words of what an agent has sealed: its kind, and the attempt that it is about. A worker wants no more than that to pass it on;
 * the server that opens the seal checks the whole of it.
 */
import { parseAttemptId } from '../../base/ids.ts';

const FIXMAP = 0x80;
const FIXMAP_END = 0x8f;
const MAP16 = 0xde;
const FIXSTR = 0xa0;
const FIXSTR_END = 0xbf;
const STR8 = 0xd9;
/** One letter as MessagePack has it. */
const LETTER = 0xa1;
const [T, A] = [0x74, 0x61];

/** What becomes an event of an attempt, and nothing but that, on its way to the owner. */
const KINDS = ['accepted', 'started', 'report', 'unknown', 'busy'] as const;

export interface SaidHead {
  readonly t: (typeof KINDS)[number];
  readonly a: string;
}

/** Undefined for other kinds, and for what does not begin with `t` and `a` in this order, as our encoder has them. */
export function saidHead(body: Uint8Array): SaidHead | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const first = bytes[0]!;
  let at = first >= FIXMAP && first <= FIXMAP_END ? 1 : first === MAP16 ? 3 : bytes.length;
  const value = (letter: number): string | undefined => {
    if (bytes[at] !== LETTER || bytes[at + 1] !== letter) return undefined;
    const head = bytes[at + 2]!;
    const isShort = head >= FIXSTR && head <= FIXSTR_END;
    if (!isShort && head !== STR8) return undefined;
    const from = at + (isShort ? 3 : 4);
    at = from + (isShort ? head - FIXSTR : bytes[at + 3]!);
    return at <= bytes.length ? bytes.toString('latin1', from, at) : undefined;
  };
  const kind = value(T);
  const t = KINDS.find((known) => known === kind);
  const a = t && value(A);
  return t && a !== undefined && parseAttemptId(a) ? { t, a } : undefined;
}
