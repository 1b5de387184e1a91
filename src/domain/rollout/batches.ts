/**
 * Batches of hosts as people write them: `1 10 25% +5 *2 all`. Each says how many hosts the batch has; the last is repeated
 * until none are left.
 *
 * `N`: so many. `N%`: a share of all hosts of the step, rounded up. `+N`: so many more than the batch before, `*N`: so many times
 * as many (as the first: N). `all`: those that are left. Signs and semantics are those of the rolling expressions of BlueKing JOB,
 * with `all` besides.
 */
import { jobLimits } from '../../base/job-limits.ts';

export type BatchSize =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'share'; readonly percent: number }
  | { readonly kind: 'more'; readonly by: number }
  | { readonly kind: 'times'; readonly by: number }
  | { readonly kind: 'all' };

export type ParsedBatches =
  | { readonly ok: true; readonly batches: readonly BatchSize[] }
  | { readonly ok: false; readonly detail: string };

/** Separated by spaces, commas or both. */
export function parseBatches(text: string): ParsedBatches {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) return { ok: false, detail: 'no batch is named; such as 1 10 25% all' };
  if (words.length > jobLimits.batchWordsMax)
    return { ok: false, detail: `${words.length} batches are named; ${jobLimits.batchWordsMax} may be` };
  const batches: BatchSize[] = [];
  for (const word of words) {
    const batch = batchOf(word);
    if (!batch)
      return {
        ok: false,
        detail: `${JSON.stringify(word)} is no batch: write 10, 25% (of 1 to 100), +5, *2 or all, above 0`,
      };
    batches.push(batch);
  }
  return { ok: true, batches };
}

function batchOf(word: string): BatchSize | undefined {
  if (word.toLowerCase() === 'all') return { kind: 'all' };
  const match = /^([+*]?)(\d{1,7})(%?)$/.exec(word);
  if (!match) return undefined;
  const [, sign, digits, share] = match;
  const number = Number(digits);
  if (number === 0 || (sign !== '' && share !== '')) return undefined;
  if (share !== '') return number <= 100 ? { kind: 'share', percent: number } : undefined;
  if (sign === '+') return { kind: 'more', by: number };
  return sign === '*' ? { kind: 'times', by: number } : { kind: 'count', count: number };
}

export function batchesText(batches: readonly BatchSize[]): string {
  return batches.map(batchText).join(' ');
}

function batchText(batch: BatchSize): string {
  if (batch.kind === 'count') return String(batch.count);
  if (batch.kind === 'share') return `${batch.percent}%`;
  if (batch.kind === 'all') return 'all';
  return `${batch.kind === 'more' ? '+' : '*'}${batch.by}`;
}

/**
 * Where each batch ends: the number of hosts in it and in those before it. The last is `total`. Undefined where that would be more than
 * `batchesMax` batches.
 */
export function batchEnds(batches: readonly BatchSize[], total: number): readonly number[] | undefined {
  const ends: number[] = [];
  let [end, size] = [0, 0];
  for (let at = 0; end < total; at++) {
    if (ends.length === jobLimits.batchesMax) return undefined;
    size = sizeOf(batches[Math.min(at, batches.length - 1)]!, size, total);
    end = Math.min(total, end + size);
    ends.push(end);
  }
  return ends;
}

/** `before`: the batch before has so many; 0 of the first. */
function sizeOf(batch: BatchSize, before: number, total: number): number {
  if (batch.kind === 'count') return batch.count;
  if (batch.kind === 'share') return Math.ceil((batch.percent * total) / 100);
  if (batch.kind === 'more') return before + batch.by;
  if (batch.kind === 'times') return before === 0 ? batch.by : before * batch.by;
  return total;
}
