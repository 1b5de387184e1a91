/** Executions of a store in memory, for reading, and how the next attempt of one opens. */
import { DroverError } from '../../../src/base/errors.ts';
import { given } from '../../../src/base/given.ts';
import type { ExecutionKey, RunId } from '../../../src/base/ids.ts';
import type { RouteTaken } from '../../../src/domain/run/executor.ts';
import type { ExecutionFilter, ExecutionRecord } from '../../../src/store/contract/execution.ts';
import type { Page } from '../../../src/store/contract/page.ts';
import { attemptKey, type ExecutionRow, type MemoryTables, NOTHING, type RunRow } from './rows.ts';
import { hostOf, itemOf } from '../../../src/domain/run/subject.ts';

/** The settled attempt moves to the history and the next one waits. */
export function supersede(row: RunRow, execution: ExecutionRow): void {
  row.history.push({ ...execution });
  for (const name of FORGOTTEN) delete execution[name];
  Object.assign(execution, {
    state: 'waiting',
    attempt: execution.attempt + 1,
    settledLate: false,
    stdout: NOTHING,
    stderr: NOTHING,
  });
}

const FORGOTTEN = ['route', 'dispatchedAtMs', 'startedAtMs', 'finishedAtMs', 'outcome', 'reason', 'detail'] as const;

function recordOf({ failuresInRound: _, ...execution }: ExecutionRow): ExecutionRecord {
  return execution;
}

/** What of a way is kept. */
export function routeOf({ executor, workerId, instance }: RouteTaken): RouteTaken {
  return { executor, ...given({ workerId, instance }) };
}

export function executionFetch(tables: MemoryTables, { runId, task, ordinal }: ExecutionKey) {
  const found = tables.runs.get(runId)?.executions.find((one) => one.task === task && one.ordinal === ordinal);
  return found && recordOf(found);
}

export function executionList(
  tables: MemoryTables,
  runId: RunId,
  { states, hostName, task: only }: ExecutionFilter,
  page: { limit: number; cursor?: string },
): Page<ExecutionRecord> {
  const [afterTask, after] = page.cursor === undefined ? [0, -1] : placeOf(page.cursor);
  const matching = (tables.runs.get(runId)?.executions ?? [])
    .filter(
      ({ task, ordinal, state, subject }) =>
        (task > afterTask || (task === afterTask && ordinal > after)) &&
        (only === undefined || task === only) &&
        (states?.includes(state) ?? true) &&
        (hostName === undefined || (hostOf(subject)?.name ?? itemOf(subject)) === hostName),
    )
    .sort((one, other) => one.task - other.task || one.ordinal - other.ordinal);
  const items = matching.slice(0, page.limit).map(recordOf);
  const isMore = matching.length > page.limit;
  return {
    items,
    ...given({
      next: isMore
        ? Buffer.from(`after ${items.at(-1)!.task} ${items.at(-1)!.ordinal}`).toString('base64url')
        : undefined,
    }),
  };
}

function placeOf(cursor: string): [task: number, ordinal: number] {
  const match = /^after (\d+) (\d+)$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw new DroverError('bad-input', { detail: 'The cursor is none that was given out.' });
  return [Number(match[1]), Number(match[2])];
}

export function executionHistory(tables: MemoryTables, { runId, task, ordinal }: ExecutionKey): ExecutionRecord[] {
  const row = tables.runs.get(runId);
  return (row?.history ?? [])
    .filter((one) => one.task === task && one.ordinal === ordinal)
    .map((one) => {
      const late = row!.lateReports.get(attemptKey(one));
      return { ...recordOf(one), ...given({ lateReport: late }) };
    });
}
