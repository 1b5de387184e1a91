/** Output values of a store in memory. */
import { DroverError } from '../../../src/base/errors.ts';
import { given } from '../../../src/base/given.ts';
import type { RunId } from '../../../src/base/ids.ts';
import type { Page } from '../../../src/store/contract/page.ts';
import type { OutputValuesFilter, OutputValuesRecord } from '../../../src/store/contract/output-value.ts';
import { attemptKey, type MemoryTables } from './rows.ts';
import { hostOf, itemOf } from '../../../src/domain/run/subject.ts';

export function outputValuesList(
  tables: MemoryTables,
  runId: RunId,
  { task: only, hostName, attempt }: OutputValuesFilter,
  { limit, bytesMax, cursor }: { limit: number; bytesMax: number; cursor?: string },
): Page<OutputValuesRecord> {
  const row = tables.runs.get(runId);
  const [afterTask, after] = cursor === undefined ? [0, -1] : placeOf(cursor);
  const all = [...(row?.executions ?? [])]
    .sort((one, other) => one.task - other.task || one.ordinal - other.ordinal)
    .flatMap((execution): OutputValuesRecord[] => {
      const key = { task: execution.task, ordinal: execution.ordinal, attempt: attempt ?? execution.attempt };
      const told = row!.values.get(attemptKey(key));
      const isMeant =
        (only === undefined || key.task === only) &&
        (hostName === undefined || (hostOf(execution.subject)?.name ?? itemOf(execution.subject)) === hostName) &&
        (key.task > afterTask || (key.task === afterTask && key.ordinal > after));
      return told && isMeant ? [{ runId, ...key, subject: execution.subject, state: execution.state, ...told }] : [];
    });
  let bytes = 0;
  const items = all.slice(0, limit).filter(({ values }) => {
    const before = bytes;
    bytes += Buffer.byteLength(JSON.stringify(values));
    return before === 0 || before < bytesMax;
  });
  const last = items.at(-1);
  const next = all.length > items.length && last ? JSON.stringify([last.task, last.ordinal]) : undefined;
  return { items, ...given({ next: next && Buffer.from(next).toString('base64url') }) };
}

function placeOf(cursor: string): [task: number, ordinal: number] {
  const match = /^\[(\d+),(\d+)\]$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw new DroverError('bad-input', { detail: 'The cursor is none that was given out.' });
  return [Number(match[1]), Number(match[2])];
}
