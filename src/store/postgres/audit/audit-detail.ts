/**
 * What of a detail goes into the audit. Details are made of what somebody asked for, so they may be long: two hundred thousand letters of
 * targets, once for each of a hundred steps. Entries stay for ever, and whoever reads the audit reads them; so here, where all of them
 * pass, long texts are cut and the whole has a bound. What was cut is told with its length and its digest, so that a text that somebody
 * shows can be held against it; what was left out is told by its number.
 */
import { createHash } from 'node:crypto';
import type { AuditEntry } from '../../contract/audit.ts';

/** Letters of one text of a detail: the reason for a deed whole. */
export const TEXT_LENGTH_MAX = 2_000;
/** Of a text that is cut, what is kept of its beginning. */
const TEXT_LENGTH_CUT = 500;
/** Of all texts, numbers and names of one entry, as JSON writes them. */
export const DETAIL_BYTES_MAX = 64 * 1024;
/** Of one page that is listed, checked or sealed, before the last entry of it. */
export const PAGE_BYTES = 4 * 1024 * 1024;

/** A column `bytes_before`: of the details of those that stand before an entry. What was written past us may be anything. */
export function bytesBefore(order: string): string {
  const bytes = 'coalesce(octet_length(detail::text), 0)';
  return `sum(${bytes}) OVER (ORDER BY ${order}) - ${bytes} AS bytes_before`;
}

export function boundedDetail(detail: AuditEntry['detail']): AuditEntry['detail'] {
  return new Bounded().map(detail);
}

/** Of one entry of a deed that has several, as JSON: with what all of them say besides, nothing of it is left out. */
const PART_BYTES = DETAIL_BYTES_MAX / 2;

/** What a deed on many things tells of each of them, in as many entries as keep all of it. */
export function inEntries<Told>(all: readonly Told[]): Told[][] {
  const entries: Told[][] = [];
  let left = 0;
  for (const told of all) {
    const bytes = Buffer.byteLength(JSON.stringify(told));
    if (bytes > left) {
      entries.push([]);
      left = PART_BYTES;
    }
    left -= bytes;
    entries.at(-1)!.push(told);
  }
  return entries;
}

class Bounded {
  #left = DETAIL_BYTES_MAX;

  map(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const kept: Record<string, unknown> = {};
    // What is undefined is not written.
    const entries = Object.entries(map).filter(([, value]) => value !== undefined);
    for (const [at, [key, value]] of entries.entries()) {
      if (!this.#hasRoomFor(key)) return { ...kept, '…': leftOut(entries.length - at) };
      kept[cut(key)] = this.#value(value);
    }
    return kept;
  }

  #list(list: readonly unknown[]): unknown[] {
    const kept: unknown[] = [];
    for (const [at, value] of list.entries()) {
      if (this.#left <= 0) return [...kept, leftOut(list.length - at)];
      kept.push(this.#value(value));
    }
    return kept;
  }

  #value(value: unknown): unknown {
    if (Array.isArray(value)) return this.#list(value);
    if (typeof value === 'object' && value !== null) return this.map(value as Readonly<Record<string, unknown>>);
    const kept = typeof value === 'string' ? cut(value) : value;
    this.#hasRoomFor(kept);
    return kept;
  }

  /** The last that finds room may go beyond it by itself. */
  #hasRoomFor(value: unknown): boolean {
    if (this.#left <= 0) return false;
    this.#left -= Buffer.byteLength(JSON.stringify(value) ?? '') + 1;
    return true;
  }
}

function cut(text: string): string {
  if (text.length <= TEXT_LENGTH_MAX) return text;
  const digest = createHash('sha256').update(text).digest('hex');
  // Not in the midst of a character.
  const begin = text.slice(0, TEXT_LENGTH_CUT).replace(/[\uD800-\uDBFF]$/, '');
  return `${begin}… (${text.length} characters, SHA-256 ${digest})`;
}

function leftOut(count: number): string {
  return `… and ${count} more, left out`;
}
