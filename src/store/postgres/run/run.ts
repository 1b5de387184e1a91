/** Runs as users see them: read, list, and the wishes (cancel, retry) that the owner carries out. */
import { inScope } from '../scope.ts';
import type { Scope } from '../../../domain/access/access-node.ts';
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import { emptyCounts, type ExecutionState } from '../../../domain/crew/execution-machine.ts';
import { advanceFlow, flowOfOneTask } from '../../../domain/flow/flow.ts';
import { isTerminalRun } from '../../../domain/flow/run-machine.ts';
import type { Actor, AuditEntry } from '../../contract/audit.ts';
import type { Page } from '../../contract/page.ts';
import type { RunFilter, RunRecord, RunStore } from '../../contract/run.ts';
import { auditAppend } from '../audit/audit.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { dayOfRun } from '../day.ts';
import { FRESH_ATTEMPT } from '../execution/execution-columns.ts';
import type { Executor, Pool } from '../pool.ts';
import { RUN_COLUMNS, runRecord, type RunRow } from './run-rows.ts';
import { IS_TASK_OF_RUN, SPEC_COLUMNS, SPEC_TABLES, specOf, type SpecRow } from './work-rows.ts';

export async function runFetch(db: Executor, id: RunId): Promise<RunRecord | undefined> {
  const { rows } = await db.query<RunRow & SpecRow>({
    name: 'run-fetch',
    text: `SELECT run.*, ${SPEC_COLUMNS} FROM run, ${SPEC_TABLES} WHERE run.id = $1 AND ${IS_TASK_OF_RUN}`,
    values: [id, dayOfRun(id)],
  });
  return rows[0] && { ...runRecord(rows[0]), spec: specOf(rows[0]) };
}

export async function runSealedSecrets(db: Executor, id: RunId): Promise<Uint8Array | undefined> {
  const { rows } = await db.query<{ sealed_secrets: Buffer | null }>(
    'SELECT sealed_secrets FROM task WHERE run_id = $1 AND task = 0',
    [id],
  );
  return rows[0]?.sealed_secrets ?? undefined;
}

export async function runList(
  db: Executor,
  scope: Scope,
  filter: RunFilter,
  page: { limit: number; cursor?: string },
): Promise<Page<RunRecord>> {
  const after = decodeCursor(page.cursor, ['uuid']);
  const { rows } = await db.query<RunRow>(
    `SELECT ${RUN_COLUMNS} FROM run
     WHERE ${inScope(scope)} AND ($1::uuid IS NULL OR id < $1) AND ($2::text[] IS NULL OR state = ANY ($2))
       AND ($3::text IS NULL OR position(lower($3) IN lower(name)) > 0)
       AND ($4::text IS NULL OR created_by->>'name' = $4) AND ($5::bigint IS NULL OR created_at_ms >= $5)
       AND ($6::bigint IS NULL OR created_at_ms < $6)
       AND ($8::uuid IS NULL OR id BETWEEN $8 AND $9)
     ORDER BY id DESC LIMIT $7`,
    [
      after?.[0] ?? null,
      filter.states ?? null,
      filter.name ?? null,
      filter.createdBy ?? null,
      filter.createdAfterMs ?? null,
      filter.createdBeforeMs ?? null,
      page.limit + 1,
      ...idRange(filter.idPrefix),
    ],
  );
  const items = rows.slice(0, page.limit).map(runRecord);
  return given({
    items,
    next: rows.length > page.limit ? encodeCursor([items.at(-1)!.id]) : undefined,
  });
}

/** First and last id that begin so; an index finds them, a comparison of texts would not. */
function idRange(prefix: string | undefined): [string | null, string | null] {
  if (prefix === undefined) return [null, null];
  const [least, most] = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
  return [prefix + least.slice(prefix.length), prefix + most.slice(prefix.length)];
}

export async function runCancelRequest(
  pool: Pool,
  id: RunId,
  actor: Actor,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runCancelRequest']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
    const run = rows[0];
    if (!run) return 'not-found';
    if (isTerminalRun(run.state)) return 'already-finished';
    if (run.cancel_requested_at_ms !== null) return 'already-requested';
    await tx.query('UPDATE run SET cancel_requested_at_ms = $2, cancel_requested_by = $3 WHERE id = $1', [
      id,
      nowMs,
      actor.name,
    ]);
    await tx.query('UPDATE run_active SET cancel_requested = true WHERE run_id = $1', [id]);
    await auditAppend(tx, audit, nowMs);
    return 'requested';
  });
}

export async function runRetry(
  pool: Pool,
  id: RunId,
  states: readonly ExecutionState[],
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runRetry']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
    const run = rows[0];
    if (!run) return { kind: 'not-found' };
    if (!isTerminalRun(run.state)) return { kind: 'not-finished' };
    const seq = run.seq + 1;
    await tx.query(
      'INSERT INTO execution_history SELECT * FROM execution WHERE run_id = $1 AND state = ANY ($2) ON CONFLICT DO NOTHING',
      [id, states],
    );
    const reopened = await tx.query(
      `UPDATE execution SET ${FRESH_ATTEMPT}, round = $3, failures_in_round = 0, seq = $4 WHERE run_id = $1 AND state = ANY ($2)`,
      [id, states, run.round + 1, seq],
    );
    if (reopened.rowCount === 0) return { kind: 'nothing-to-retry' };
    const counted = await tx.query<{ state: ExecutionState; count: number }>(
      'SELECT state, count(*) AS count FROM execution WHERE run_id = $1 GROUP BY state',
      [id],
    );
    const counts = { ...emptyCounts(), ...Object.fromEntries(counted.rows.map((row) => [row.state, row.count])) };
    const opened = advanceFlow(flowOfOneTask(run.state, counts, false), {
      kind: 'round',
      counts: new Map([[0, counts]]),
    });
    const updated = await tx.query<RunRow>(
      `UPDATE run SET state = $5, round = round + 1, round_started_at_ms = $2, finished_at_ms = NULL,
         earlier_rounds_ms = earlier_rounds_ms + greatest(
           0,
           finished_at_ms
             - CASE WHEN round = 1 THEN coalesce(started_at_ms, created_at_ms) ELSE round_started_at_ms END
         ),
         cancel_requested_at_ms = NULL, cancel_requested_by = NULL, counts = $3, seq = $4
       WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
      [id, nowMs, JSON.stringify(counts), seq, opened.flow.state],
    );
    await tx.query('INSERT INTO run_active (run_id, partition, round) VALUES ($1, $2, $3)', [
      id,
      run.partition,
      run.round + 1,
    ]);
    await tx.query("INSERT INTO run_event (run_id, seq, kind, at_ms, detail) VALUES ($1, $2, 'retried', $3, $4)", [
      id,
      seq,
      nowMs,
      JSON.stringify({ by: audit.actor.name, round: run.round + 1, states, executions: reopened.rowCount }),
    ]);
    await auditAppend(tx, audit, nowMs);
    return { kind: 'opened', run: runRecord(updated.rows[0]!), executions: reopened.rowCount };
  });
}

export async function runSeqs(
  db: Executor,
  ids: readonly RunId[],
): Promise<readonly { readonly id: RunId; readonly seq: number }[]> {
  const { rows } = await db.query<{ id: RunId; seq: number }>({
    name: 'run-seqs',
    text: 'SELECT id, seq FROM run WHERE id = ANY ($1::uuid[])',
    values: [ids],
  });
  return rows;
}
