/**
 * The body of a request, read as JSON in a time that whoever sends it cannot stretch. A bracket costs JavaScript a
 * thousand times what a letter of a text does, and four megabytes of brackets are a second in one turn: so brackets and
 * commas are counted first, in one pass, and no more values are read than an operation takes. A long list of an
 * operation is read entry by entry, with turns of others in between.
 */
import { othersTurn, systemClock } from '../base/clock.ts';
import { DroverError, inputRefusal } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Operation } from './operation.ts';

/** Longest look at entries of a list before others get their turn. */
export const SLICE_MS = 10;

const [QUOTE, BACKSLASH, COMMA, COLON] = [34, 92, 44, 58];
const [LIST, LIST_END, MAP, MAP_END] = [91, 93, 123, 125];

/** Undefined for an empty body. Throws `bad-input`. */
export async function parseBody(text: string, bulk: Operation['bulk']): Promise<unknown> {
  if (text.trim() === '') return undefined;
  const found = scan(text, bulk?.entriesMax ?? 0);
  if (found.values <= limits.bodyValuesMax) return parsed(text);
  const { list } = found;
  const others = found.values - (list?.values ?? 0);
  if (!bulk || !list || others > limits.bodyValuesMax || list.entryValuesMax > limits.bodyValuesMax)
    throw tooMany('#', `more than ${limits.bodyValuesMax} values`);
  // In its place stands what nobody can have written, so that it is known which list it was, whatever else the body says.
  const stead = newId();
  const around = parsed(`${text.slice(0, list.from)}"${stead}"${text.slice(list.to)}`) as Record<string, unknown>;
  const there = around[bulk.key];
  if (!Array.isArray(there) || there[0] !== stead) throw tooMany('#', `more than ${limits.bodyValuesMax} values`);
  if (list.count > bulk.entriesMax)
    throw tooMany(`#/${bulk.key}`, `at most ${bulk.entriesMax} entries, not ${list.count}`);
  const entries: unknown[] = [];
  let sliceEndsMs = systemClock.monotonicMs() + SLICE_MS;
  for (const [i, from] of list.starts.entries()) {
    entries.push(parsed(text.slice(from, (list.starts[i + 1] ?? list.to + 1) - 1)));
    if (systemClock.monotonicMs() < sliceEndsMs) continue;
    await othersTurn();
    sliceEndsMs = systemClock.monotonicMs() + SLICE_MS;
  }
  return { ...around, [bulk.key]: entries };
}

/** A list in the outermost object. */
interface LongList {
  /** Of what stands between its brackets. */
  readonly from: number;
  to: number;
  /** Of each entry; no more of them than are wanted. */
  readonly starts: number[];
  count: number;
  /** In it, in all of its entries and in the one that has most. */
  values: number;
  entryValuesMax: number;
}

/**
 * Counts the values of a JSON text, each of a list or an object, as whoever judges the body does; and finds the longest
 * list in the outermost object. Of what is no JSON it says something or other.
 */
function scan(text: string, entriesWanted: number): { readonly values: number; readonly list: LongList | undefined } {
  let values = 0;
  let depth = 0;
  let isEmpty = false;
  let list: LongList | undefined;
  let open: LongList | undefined;
  let entryFrom = 0;
  const endEntry = (): void => {
    if (open && values - entryFrom > open.entryValuesMax) open.entryValuesMax = values - entryFrom;
    entryFrom = values;
  };
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Letters, digits and blanks: nearly all of it.
    if (code <= 32 || code === COLON) continue;
    const wasEmpty = isEmpty;
    isEmpty = false;
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === LIST || code === MAP) {
      values++;
      depth++;
      isEmpty = true;
      if (depth === 2 && code === LIST && entriesWanted > 0) {
        open = { from: i + 1, to: i + 1, starts: [i + 1], count: 1, values: values - 1, entryValuesMax: 0 };
        entryFrom = values;
      }
    } else if (code === COMMA) {
      values++;
      if (depth !== 2 || !open) continue;
      endEntry();
      open.count++;
      if (open.count <= entriesWanted) open.starts.push(i + 1);
    } else if (code === LIST_END || code === MAP_END) {
      if (wasEmpty) values--;
      if (depth === 2 && open) {
        endEntry();
        open.to = i;
        open.values = values - open.values;
        if (!list || open.values > list.values) list = open;
        open = undefined;
      }
      depth--;
    }
  }
  return { values, list };
}

/** Of the quote that closes the string which opens there; of the text where none does. */
function endOfString(text: string, from: number): number {
  let i = from + 1;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i++;
  }
  return i;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the text, which may hold a secret.
    const why = (error as Error).message.replace(/^Unexpected token .*$/s, 'an unexpected character');
    throw new DroverError('bad-input', {
      detail: `The body is not JSON: ${why}`,
      faults: [{ pointer: '#', code: 'bad-input', detail: why }],
    });
  }
}

function tooMany(pointer: string, detail: string): DroverError {
  return inputRefusal([{ pointer, code: 'bad-input', detail }]);
}
