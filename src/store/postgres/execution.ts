/** Executions and their kept output, for reading. */
import type { AttemptKey, ExecutionKey, RunId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { ExecutionState } from '../../domain/run/execution-machine.ts';
import type { ExecutionFilter, ExecutionRecord, OutputGroup, Page } from '../store.ts';
import type { Executor } from './pool.ts';
import {
  decodeCursor,
  encodeCursor,
  executionRecord,
  type ExecutionRow,
  lateReport,
  type LateReportRow,
  present,
  streamOf,
} from './rows.ts';

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
    `SELECT * FROM execution WHERE run_id = $1 AND (task, ordinal) > ($2, $3) AND ($4::text[] IS NULL OR state = ANY ($4)) AND ($5::text IS NULL OR host_name = $5)
     ORDER BY task, ordinal LIMIT $6`,
    [runId, after[0], after[1], filter.states ?? null, filter.hostName ?? null, page.limit + 1],
  );
  const items = rows.slice(0, page.limit).map(executionRecord);
  const last = items.at(-1);
  return present<Page<ExecutionRecord>>({
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
  return rows.map((row) =>
    present<ExecutionRecord>({ ...executionRecord(row), lateReport: byAttempt.get(row.attempt) }),
  );
}

export async function outputGroups(
  db: Executor,
  runId: RunId,
  options: { hostsMax: number; groupsMax: number },
): Promise<readonly OutputGroup[]> {
  const { rows } = await db.query<
    ExecutionRow & { count: number; hosts: string[]; first: { task: number; ordinal: number; attempt: number } }
  >(
    `SELECT state, exit_code, signal, reason, out_size, out_head, out_tail, out_digest, err_size, err_head, err_tail, err_digest, count(*) AS count,
            (array_agg(host_name ORDER BY task, ordinal))[1:$2] AS hosts,
            (array_agg(jsonb_build_object('task', task, 'ordinal', ordinal, 'attempt', attempt) ORDER BY task, ordinal))[1] AS first
     FROM execution WHERE run_id = $1
     GROUP BY state, exit_code, signal, reason, out_size, out_head, out_tail, out_digest, err_size, err_head, err_tail, err_digest
     ORDER BY count DESC, min(ordinal) LIMIT $3`,
    [runId, options.hostsMax, options.groupsMax],
  );
  return rows.map((row) =>
    present<OutputGroup>({
      state: row.state as ExecutionState,
      exitCode: row.exit_code,
      signal: row.signal,
      reason: row.reason,
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

async function chunksRead(
  db: Executor,
  key: AttemptKey,
  stream: 1 | 2,
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const { rows } = await db.query<{ bytes: Buffer }>(
    `SELECT substr(bytes, greatest(1, $6 - start + 1)::int, least(size, greatest(0, $6 + $7 - start))::int - greatest(0, $6 - start)::int) AS bytes
     FROM (SELECT seq, bytes, length(bytes) AS size, sum(length(bytes)) OVER (ORDER BY seq) - length(bytes) AS start
           FROM output_chunk WHERE run_id = $1 AND task = $2 AND ordinal = $3 AND attempt = $4 AND stream = $5) AS chunk
     WHERE start < $6 + $7 AND start + size > $6 ORDER BY seq`,
    [key.runId, key.task, key.ordinal, key.attempt, stream, offset, length],
  );
  return rows.length === 0 && offset === 0 && length > 0 ? undefined : Buffer.concat(rows.map((row) => row.bytes));
}
