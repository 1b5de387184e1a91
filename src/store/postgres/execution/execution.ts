/** Executions, for reading. */
import { given } from '../../../base/given.ts';
import type { AttemptKey, ExecutionKey, RunId } from '../../../base/ids.ts';
import type { ExecutionFilter, ExecutionRecord, ExecutionStore } from '../../contract/execution.ts';
import type { Page } from '../../contract/page.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { executionRecord, type ExecutionRow, lateReport, type LateReportRow } from './execution-rows.ts';
import type { Executor } from '../pool.ts';
import type { StoreParts } from '../store-parts.ts';

export function executionStore({ pool }: StoreParts): ExecutionStore {
  return {
    executionFetch: (key) => executionFetch(pool, key),
    executionList: (id, filter, page) => executionList(pool, id, filter, page),
    executionChanges: (id, after, page) => executionChanges(pool, id, after, page),
    executionHistory: (key) => executionHistory(pool, key),
  };
}

export async function executionFetch(db: Executor, key: ExecutionKey): Promise<ExecutionRecord | undefined> {
  const { rows } = await db.query<ExecutionRow>({
    name: 'execution-fetch',
    text: 'SELECT * FROM execution WHERE run_id = $1 AND task = $2 AND ordinal = $3',
    values: [key.runId, key.task, key.ordinal],
  });
  return rows[0] && executionRecord(rows[0]);
}

export async function executionList(
  db: Executor,
  runId: RunId,
  filter: ExecutionFilter,
  page: { limit: number; cursor?: string },
): Promise<Page<ExecutionRecord>> {
  const after = decodeCursor(page.cursor, ['int', 'int']) ?? [0, -1];
  const { rows } = await db.query<ExecutionRow>(
    `SELECT *
     FROM execution
     WHERE run_id = $1 AND (task, ordinal) > ($2, $3) AND ($4::text[] IS NULL OR state = ANY ($4))
       AND ($5::text IS NULL OR coalesce(host_name, item) = $5) AND ($7::int IS NULL OR task = $7)
     ORDER BY task, ordinal LIMIT $6`,
    [runId, after[0], after[1], filter.states ?? null, filter.hostName ?? null, page.limit + 1, filter.task ?? null],
  );
  const items = rows.slice(0, page.limit).map(executionRecord);
  const last = items.at(-1);
  return given({
    items,
    next: rows.length > page.limit && last ? encodeCursor([last.task, last.ordinal]) : undefined,
  });
}

/** No index holds `seq`, which changes with every commit: each page reads the rows of the run, 1 µs each, so pages should be large. */
export async function executionChanges(
  db: Executor,
  runId: RunId,
  after: { seq: number; task: number; ordinal: number },
  page: { toSeq: number; limit: number },
): Promise<readonly ExecutionRecord[]> {
  const { rows } = await db.query<ExecutionRow>({
    name: 'execution-changes',
    text: `SELECT * FROM execution WHERE run_id = $1 AND (seq, task, ordinal) > ($2, $3, $4) AND seq <= $5
           ORDER BY seq, task, ordinal LIMIT $6`,
    values: [runId, after.seq, after.task, after.ordinal, page.toSeq, page.limit],
  });
  return rows.map(executionRecord);
}

export async function executionHistory(db: Executor, key: ExecutionKey): Promise<readonly ExecutionRecord[]> {
  const { rows } = await db.query<ExecutionRow>(
    'SELECT * FROM execution_history WHERE run_id = $1 AND task = $2 AND ordinal = $3 ORDER BY attempt',
    [key.runId, key.task, key.ordinal],
  );
  if (!rows.some((row) => row.state === 'lost')) return rows.map(executionRecord);
  const late = await db.query<LateReportRow>(
    'SELECT * FROM late_report WHERE run_id = $1 AND task = $2 AND ordinal = $3',
    [key.runId, key.task, key.ordinal],
  );
  const byAttempt = new Map(late.rows.map((row) => [row.attempt, lateReport(row)]));
  return rows.map((row) => given({ ...executionRecord(row), lateReport: byAttempt.get(row.attempt) }));
}

export async function chunksRead(
  db: Executor,
  key: AttemptKey,
  stream: 1 | 2,
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const { rows } = await db.query<{ bytes: Buffer }>(
    `SELECT substr(
       bytes, greatest(1, $6 - start + 1)::int,
       least(size, greatest(0, $6 + $7 - start))::int - greatest(0, $6 - start)::int
     ) AS bytes
     FROM (SELECT seq, bytes, length(bytes) AS size, sum(length(bytes)) OVER (ORDER BY seq) - length(bytes) AS start
           FROM output_chunk WHERE run_id = $1 AND task = $2 AND ordinal = $3 AND attempt = $4 AND stream = $5) AS chunk
     WHERE start < $6 + $7 AND start + size > $6 ORDER BY seq`,
    [key.runId, key.task, key.ordinal, key.attempt, stream, offset, length],
  );
  return rows.length === 0 && offset === 0 && length > 0 ? undefined : Buffer.concat(rows.map((row) => row.bytes));
}
