/** Output values, written with the ends of attempts and read by pages that are bounded in bytes. */
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import type { AttemptKey, RunId } from '../../base/ids.ts';
import type { ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { ToldByOrdinal } from '../../domain/run/step-outputs.ts';
import type { OutputValues } from '../../domain/work/output-values.ts';
import type { OutputValuesRecord, OutputValueStore } from '../contract/output-value.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { subjectOf } from './execution/execution-rows.ts';
import type { Executor } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function outputValueStore({ pool }: StoreParts): OutputValueStore {
  return { outputValuesList: (id, filter, page) => outputValuesList(pool, id, filter, page) };
}

interface Row {
  task: number;
  ordinal: number;
  attempt: number;
  host_id: string | null;
  host_name: string | null;
  item: string | null;
  state: ExecutionState;
  /** Null where the page is full before it. */
  told: Record<string, string> | null;
  fault: string | null;
}

export async function outputValuesList(
  db: Executor,
  runId: RunId,
  { task, hostName, attempt }: Parameters<OutputValueStore['outputValuesList']>[1],
  { limit, bytesMax, cursor }: Parameters<OutputValueStore['outputValuesList']>[2],
): ReturnType<OutputValueStore['outputValuesList']> {
  const after = decodeCursor(cursor, ['int', 'int']) ?? [0, -1];
  const { rows } = await db.query<Row>(
    `SELECT task, ordinal, attempt, host_id, host_name, item, state, CASE WHEN before < $8 THEN told END AS told, fault
     FROM (SELECT v.task, v.ordinal, v.attempt, e.host_id, e.host_name, e.item, e.state, v.told, v.fault,
             sum(v.bytes) OVER (ORDER BY v.task, v.ordinal) - v.bytes AS before
           FROM output_value v
           JOIN execution e ON e.run_id = $1 AND e.task = v.task AND e.ordinal = v.ordinal
           WHERE v.run_id = $1 AND (v.task, v.ordinal) > ($2, $3) AND v.attempt = coalesce($4, e.attempt)
             AND ($5::int IS NULL OR v.task = $5) AND ($6::text IS NULL OR coalesce(e.host_name, e.item) = $6)
           ORDER BY v.task, v.ordinal LIMIT $7) AS page
     ORDER BY task, ordinal`,
    [runId, after[0], after[1], attempt ?? null, task ?? null, hostName ?? null, limit + 1, bytesMax],
  );
  const beyond = rows.findIndex(({ told }) => told === null);
  const items = rows.slice(0, Math.min(limit, beyond < 0 ? limit : beyond)).map((row) => recordOf(runId, row));
  const last = items.at(-1);
  return given({
    items,
    next: rows.length > items.length && last ? encodeCursor([last.task, last.ordinal]) : undefined,
  });
}

function recordOf(runId: RunId, row: Row): OutputValuesRecord {
  const { task, ordinal, attempt, state, told } = row;
  return {
    runId,
    task,
    ordinal,
    attempt,
    subject: subjectOf(row),
    state,
    values: told!,
    ...given({ fault: row.fault ?? undefined }),
  };
}

/**
 * What the present attempts of tasks have told of the outputs that these declare, by task and ordinal; null from where on a task
 * would have more of them than are drawn together.
 */
export async function declaredValuesOf(
  tx: Executor,
  id: RunId,
  declared: readonly { readonly task: number; readonly name: string }[],
): Promise<ReadonlyMap<number, ToldByOrdinal>> {
  if (declared.length === 0) return new Map();
  const { rows } = await tx.query<{ task: number; ordinal: number; told: Record<string, string> | null }>({
    name: 'declared-values',
    text: `SELECT own.task, own.ordinal,
        CASE WHEN sum(own.size) OVER (PARTITION BY own.task ORDER BY own.ordinal) <= $4 THEN own.told END AS told
      FROM (SELECT v.task, v.ordinal, jsonb_object_agg(d.name, v.told -> d.name) AS told,
              sum(length(d.name) + octet_length(v.told ->> d.name)) AS size
            FROM output_value v
            JOIN execution e ON e.run_id = $1 AND e.task = v.task AND e.ordinal = v.ordinal AND e.attempt = v.attempt
            JOIN unnest($2::int[], $3::text[]) AS d(task, name) ON d.task = v.task AND v.told ? d.name
            WHERE v.run_id = $1 AND e.state = 'succeeded'
            GROUP BY v.task, v.ordinal) AS own`,
    values: [id, declared.map(({ task }) => task), declared.map(({ name }) => name), jobLimits.jobToldBytesMax],
  });
  const byTask = Map.groupBy(rows, ({ task }) => task);
  return new Map([...byTask].map(([task, own]) => [task, new Map(own.map(({ ordinal, told }) => [ordinal, told]))]));
}

/** With the ends that have landed; of an attempt what was written first stays. */
export async function outputValuesWrite(
  tx: Executor,
  changes: readonly (AttemptKey & { readonly values?: OutputValues })[],
): Promise<void> {
  const told = changes.flatMap(({ values, ...key }) => (values ? [{ ...key, ...values }] : []));
  if (told.length === 0) return;
  await tx.query({
    name: 'output-values-write',
    text: `INSERT INTO output_value (run_id, task, ordinal, attempt, told, fault, bytes)
      SELECT *
      FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::jsonb[], $6::text[], $7::int[])
      ON CONFLICT DO NOTHING`,
    values: [
      told.map(({ runId }) => runId),
      told.map(({ task }) => task),
      told.map(({ ordinal }) => ordinal),
      told.map(({ attempt }) => attempt),
      told.map(({ values }) => JSON.stringify(values)),
      told.map(({ fault }) => fault ?? null),
      told.map(({ values }) => Buffer.byteLength(JSON.stringify(values))),
    ],
  });
}
