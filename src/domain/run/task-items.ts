/**
 * Items of a task that is done once for each of several, on workers. Those that the job says are known when the run is made; those that
 * a step before it has told are known when its turn has come, and are kept with the executions that the same write makes. Pure.
 */
import { jobLimits } from '../../base/job-limits.ts';
import { lineFault } from '../access/name-rule.ts';
import type { StepOutput } from './step-outputs.ts';

/** `ok: false`: nothing can be done for these; why, as a sentence. */
export type TaskItems =
  | { readonly ok: true; readonly items: readonly string[] }
  | { readonly ok: false; readonly detail: string };

/** What stands for an item in records and on terminals is the item itself: so it is one line, without what a terminal would carry out. */
export function readItems(items: readonly string[]): TaskItems {
  if (items.length > jobLimits.itemsMax)
    return { ok: false, detail: `There are ${items.length} items; a step is done for ${jobLimits.itemsMax} at most.` };
  for (const [at, item] of items.entries()) {
    const fault =
      item === ''
        ? 'it is empty'
        : item.length > jobLimits.itemLengthMax
          ? `it has ${item.length} characters, and ${jobLimits.itemLengthMax} are allowed`
          : lineFault(item);
    if (fault !== undefined) return { ok: false, detail: `Item ${at + 1} cannot be one: ${fault}.` };
  }
  return { ok: true, items };
}

/** What a step has told: a list; or a text, of which each line is one that is not empty. */
export function itemsToldBy(output: StepOutput | undefined): TaskItems {
  if (output === undefined) return { ok: false, detail: 'The step before it has told no items.' };
  return readItems(typeof output === 'object' ? output : linesOf(String(output)));
}

export function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '');
}
