/** What executions have written: chunks as they come, and the kept output for reading. */
import { given } from '../../base/given.ts';
import type { AttemptKey, RunId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { ExecutionState } from '../../domain/crew/execution-machine.ts';
import { partitionOf } from '../../domain/run/partition.ts';
import type { Fence } from '../contract/lease.ts';
import type { OutputChunk, OutputGroup, OutputStore } from '../contract/output.ts';
import { groupByRun } from './by-run.ts';
import { bytes } from './bytes.ts';
import { EXECUTOR_COLUMNS, isSameExecutorSql } from './execution/execution-columns.ts';
import { type ExecutionRow, outcomeOf, streamOf } from './execution/execution-rows.ts';
import { chunksRead } from './execution/execution.ts';
import { fenceKey, heldFences } from './lease/fence.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function outputStore({ pool, ownPool }: StoreParts): OutputStore {
  return {
    outputGroups: (id, groups) => outputGroups(pool, id, groups),
    outputRead: (key, stream, offset, length) => outputRead(pool, key, stream, offset, length),
    outputChunkWrite: (fences, chunks) => outputChunkWrite(ownPool, fences, chunks),
  };
}

export async function outputGroups(
  db: Executor,
  runId: RunId,
  options: Parameters<OutputStore['outputGroups']>[1],
): Promise<readonly OutputGroup[]> {
  const { rows } = await db.query<
    ExecutionRow & { count: number; hosts: string[]; first: { task: number; ordinal: number; attempt: number } }
  >(
    `SELECT state, outcome, exit_code, signal, status, row_count, reason, out_size, out_head, out_tail, out_digest, err_size, err_head,
       err_tail, err_digest, count(*) AS count,
            coalesce((array_agg(coalesce(host_name, item) ORDER BY task, ordinal)
              FILTER (WHERE coalesce(host_name, item) IS NOT NULL))[1:$2], '{}') AS hosts,
            (array_agg(jsonb_build_object('task', task, 'ordinal', ordinal, 'attempt', attempt) ORDER BY task, ordinal))[1] AS first
     FROM execution WHERE run_id = $1 AND ($4::int IS NULL OR task = $4) AND ($5::text[] IS NULL OR state = ANY ($5))
     GROUP BY state, outcome, exit_code, signal, status, row_count, reason, out_size, out_head, out_tail, out_digest, err_size, err_head,
       err_tail, err_digest
     ORDER BY count DESC, min(ordinal) LIMIT $3`,
    [runId, options.hostsMax, options.groupsMax, options.task ?? null, options.states ?? null],
  );
  return rows.map((row) =>
    given({
      state: row.state as ExecutionState,
      outcome: outcomeOf(row),
      reason: row.reason ?? undefined,
      stdout: streamOf(row, 'out'),
      stderr: streamOf(row, 'err'),
      count: row.count,
      hosts: row.hosts,
      sample: { runId, ...row.first },
    }),
  );
}

/** Small output lies once per content, large output in chunks of one size; both are read by range without reading the rest. */
export async function outputRead(
  db: Executor,
  key: AttemptKey,
  stream: 1 | 2,
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const digestColumn = stream === 1 ? 'out_digest' : 'err_digest';
  const from = (table: string): string =>
    `SELECT ${digestColumn} AS digest FROM ${table} WHERE run_id = $1 AND task = $2 AND ordinal = $3 AND attempt = $4`;
  const attempt = await db.query<{ digest: Buffer | null }>(
    `${from('execution')} UNION ALL ${from('execution_history')} UNION ALL ${from('late_report')}`,
    [key.runId, key.task, key.ordinal, key.attempt],
  );
  // A lost attempt has left nothing, but perhaps its late report has.
  const row = attempt.rows.find((told) => told.digest !== null) ?? attempt.rows[0];
  if (!row) return undefined;
  if (row.digest === null || offset >= limits.outputKeptBytesMax) return new Uint8Array(0);
  const blob = await db.query<{ bytes: Buffer }>(
    'SELECT substr(bytes, $3, $4) AS bytes FROM output_blob WHERE run_id = $1 AND digest = $2',
    [key.runId, row.digest, offset + 1, length],
  );
  if (blob.rows[0]) return blob.rows[0].bytes;
  return chunksRead(db, key, stream, offset, length);
}

const ATTEMPT_IS = (table: string): string =>
  `${table}.run_id = $1 AND ${table}.task = told.task AND ${table}.ordinal = told.ordinal AND ${table}.attempt = told.attempt`;

const CHUNKS_WRITE = `WITH told AS (
    SELECT *
    FROM unnest(
      $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::bytea[], $8::text[], $9::uuid[], $10::text[]
    )
    WITH ORDINALITY AS c(task, ordinal, attempt, stream, seq, bytes, executor_kind, executor_id, engine, n)),
  known AS (SELECT told.*, e.state FROM told JOIN execution e ON ${ATTEMPT_IS('e')} AND ${isSameExecutorSql('e', 'told')}
    UNION ALL
    SELECT told.*, CASE WHEN l.run_id IS NULL THEN h.state ELSE 'told' END FROM told
    JOIN execution_history h ON ${ATTEMPT_IS('h')} AND ${isSameExecutorSql('h', 'told')} LEFT JOIN late_report l ON ${ATTEMPT_IS('l')}),
  written AS (INSERT INTO output_chunk (run_id, task, ordinal, attempt, stream, seq, bytes)
    SELECT $1, task, ordinal, attempt, stream, seq, bytes
    FROM known
    WHERE state IN ('dispatched', 'running', 'lost')
    ON CONFLICT DO NOTHING)
  SELECT n FROM known`;

/** Written before the report that refers to it; a repeated chunk is the same chunk. */
export async function outputChunkWrite(
  pool: Pool,
  fences: readonly Fence[],
  chunks: readonly OutputChunk[],
): Promise<ReadonlySet<number>> {
  return pool.transaction(async (tx) => {
    const held = await heldFences(tx, fences);
    const partitions = new Set(fences.flatMap((fence) => (held.has(fenceKey(fence)) ? [fence.partition] : [])));
    const known = new Set<number>();
    for (const [runId, indexes] of groupByRun(chunks)) {
      if (!partitions.has(partitionOf(runId))) continue;
      const own = indexes.map((i) => chunks[i]!);
      const { rows } = await tx.query<{ n: number }>({
        name: 'chunks-write',
        text: CHUNKS_WRITE,
        values: [
          runId,
          own.map((c) => c.task),
          own.map((c) => c.ordinal),
          own.map((c) => c.attempt),
          own.map((c) => c.stream),
          own.map((c) => c.seq),
          own.map((c) => bytes(c.bytes)),
          ...EXECUTOR_COLUMNS.map(([, , pick]) => own.map(({ executor }) => pick(executor))),
        ],
      });
      for (const { n } of rows) known.add(indexes[n - 1]!);
    }
    return known;
  });
}
