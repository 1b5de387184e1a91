/** Executions of one day's runs by their keys, as the first five parameters of a statement: the day's bounds, then run, task, ordinal. */
import type { AttemptKey } from '../../../base/ids.ts';
import type { Day } from '../day.ts';

export const KEY_ROWS = 'unnest($3::uuid[], $4::int[], $5::int[]) AS k(run_id, task, ordinal)';

export function keysOf(day: Day, keys: readonly Omit<AttemptKey, 'attempt'>[]): unknown[] {
  return [
    day.first,
    day.last,
    keys.map(({ runId }) => runId),
    keys.map(({ task }) => task),
    keys.map(({ ordinal }) => ordinal),
  ];
}
