/**
 * Tables of runs are partitioned by the day of the run. A statement about many runs names the bounds of their ids
 * within one day: PostgreSQL reads that day's partition alone, and of its index no more than lies between them.
 */
import { runIdFloor, runIdTimeMs, type RunId } from '../../base/ids.ts';

const DAY_MS = 86_400_000;

/** The least and the greatest id of some runs of one day (UTC). */
export interface Day {
  readonly first: RunId;
  readonly last: RunId;
}

/** As a condition; the bounds are the first two parameters of the statement. */
export function isOfDay(column: string): string {
  return `${column} >= $1 AND ${column} <= $2`;
}

/** The least id that a run of the same day can have: the name of the day, for what is kept once per day. */
export function dayOfRun(id: RunId): RunId {
  return runIdFloor(Math.floor(runIdTimeMs(id) / DAY_MS) * DAY_MS);
}

export function groupByDay<T>(items: readonly T[], runIdOf: (item: T) => RunId): Map<Day, T[]> {
  const days = new Map<Day, T[]>();
  for (const own of Map.groupBy(items, (item) => Math.floor(runIdTimeMs(runIdOf(item)) / DAY_MS)).values()) {
    let first = runIdOf(own[0]!);
    let last = first;
    for (const item of own) {
      const id = runIdOf(item);
      if (id < first) first = id;
      if (id > last) last = id;
    }
    days.set({ first, last }, own);
  }
  return days;
}
