/**
 * The body of a request, read as JSON in a time that whoever sends it cannot stretch. A bracket costs JavaScript a
 * thousand times what a letter of a text does, and four megabytes of brackets are a second in one turn: so brackets and
 * commas are counted first, in one pass, and no more values are read than an operation takes. A long list of an
 * operation is read entry by entry, with turns of others in between.
 */
import { othersTurn, systemClock } from '../base/clock.ts';
import { DroverError, inputRefusal } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { scanJson } from '../base/json-scan.ts';
import { limits } from '../base/limits.ts';
import type { Operation } from './operation.ts';

/** Longest look at entries of a list before others get their turn. */
export const SLICE_MS = 10;

/** Undefined for an empty body. Throws `bad-input`. */
export async function parseBody(text: string, bulk: Operation['bulk']): Promise<unknown> {
  if (text.trim() === '') return undefined;
  const found = scanJson(text, bulk?.entriesMax ?? 0);
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
