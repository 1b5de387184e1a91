/** Runs as users see them: read, list, and the wishes (cancel, retry) that the owner carries out. */
import { inScope } from '../scope.ts';
import type { Scope } from '../../../domain/access/access-node.ts';
import { assert } from '../../../base/assert.ts';
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import { emptyCounts, type ExecutionCounts, type ExecutionState } from '../../../domain/crew/execution-machine.ts';
import { isTerminalRun } from '../../../domain/flow/run-machine.ts';
import type { RolloutPosition } from '../../../domain/rollout/position.ts';
import type { RolloutAnswer } from '../../../domain/run/run-task.ts';
import { runLoadBytes } from '../../../domain/run/run-load.ts';
import { gateBefore, roundOpened, type RoundOpened, type TaskBefore } from '../../../domain/run/round.ts';
import { isGate } from '../../../domain/work/work.ts';
import type { Actor, AuditEntry } from '../../contract/audit.ts';
import { tooManyRuns } from '../../contract/run-refusals.ts';
import type { Page } from '../../contract/page.ts';
import type { RunFilter, RunRecord, RunStore } from '../../contract/run.ts';
import { auditAppend } from '../audit/audit.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { dayOfRun } from '../day.ts';
import { FRESH_ATTEMPT } from '../execution/execution-columns.ts';
import type { Executor, Pool } from '../pool.ts';
import { loadsAdd, TooMuchUnderWay } from './run-load.ts';
import { RUN_COLUMNS, RUN_HEAD_COLUMNS, runRecord, type RunRow } from './run-rows.ts';
import { tasksWrite } from '../owner-commit/tasks-write.ts';
import { onlyTaskRecord, taskRecord, taskRows } from './task-rows.ts';
import { IS_FIRST_TASK, SPEC_COLUMNS, SPEC_TABLES, specOf, type SpecRow } from './work-rows.ts';

export async function runFetch(db: Executor, id: RunId): Promise<RunRecord | undefined> {
  const { rows } = await db.query<RunRow & SpecRow>({
    name: 'run-fetch',
    text: `SELECT run.*, ${SPEC_COLUMNS} FROM run, ${SPEC_TABLES} WHERE run.id = $1 AND ${IS_FIRST_TASK}`,
    values: [id, dayOfRun(id)],
  });
  const row = rows[0];
  if (!row) return undefined;
  const run = runRecord(row);
  return { ...run, tasks: run.plan ? (await taskRows(db, id)).map(taskRecord) : [onlyTaskRecord(run, row)] };
}

export async function runHead(db: Executor, id: RunId): Promise<RunRecord | undefined> {
  const { rows } = await db.query<RunRow>({
    name: 'run-head',
    text: `SELECT ${RUN_HEAD_COLUMNS} FROM run WHERE id = $1`,
    values: [id],
  });
  return rows[0] && runRecord(rows[0]);
}

export async function taskSealedSecrets(db: Executor, id: RunId, task: number): Promise<Uint8Array | undefined> {
  const { rows } = await db.query<{ sealed_secrets: Buffer | null }>(
    'SELECT sealed_secrets FROM task WHERE run_id = $1 AND task = $2',
    [id, task],
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
    `SELECT ${RUN_HEAD_COLUMNS} FROM run
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
  { actor, isForced }: { readonly actor: Actor; readonly isForced: boolean },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runCancelRequest']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
    const run = rows[0];
    if (!run) return 'not-found';
    if (isTerminalRun(run.state)) return 'already-finished';
    const isNews = isForced ? run.cancel_forced_at_ms === null : run.cancel_requested_at_ms === null;
    if (!isNews) return 'already-requested';
    await tx.query(
      `UPDATE run SET cancel_requested_at_ms = coalesce(cancel_requested_at_ms, $2),
         cancel_requested_by = coalesce(cancel_requested_by, $3),
         cancel_forced_at_ms = CASE WHEN $4 THEN $2::bigint END, cancel_forced_by = CASE WHEN $4 THEN $3 END
       WHERE id = $1`,
      [id, nowMs, actor.name, isForced],
    );
    await tx.query('UPDATE run_active SET cancel_requested = true, cancel_forced = $2 WHERE run_id = $1', [
      id,
      isForced,
    ]);
    await auditAppend(tx, audit, nowMs);
    return 'requested';
  });
}

export async function runPauseRequest(
  pool: Pool,
  id: RunId,
  actor: Actor,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runPauseRequest']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
    const run = rows[0];
    if (!run) return 'not-found';
    if (isTerminalRun(run.state)) return 'already-finished';
    if (run.cancel_requested_at_ms !== null || run.state === 'stopping') return 'stopping';
    if (run.paused_at_ms !== null) return 'already-requested';
    await tx.query('UPDATE run SET paused_at_ms = $2, paused_by = $3 WHERE id = $1', [id, nowMs, actor.name]);
    await tx.query('UPDATE run_active SET paused = true WHERE run_id = $1', [id]);
    await auditAppend(tx, audit, nowMs);
    return 'requested';
  });
}

export async function runResumeRequest(
  pool: Pool,
  id: RunId,
  actor: Actor,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runResumeRequest']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
    const run = rows[0];
    if (!run) return 'not-found';
    if (isTerminalRun(run.state)) return 'already-finished';
    if (run.paused_at_ms === null) return 'not-paused';
    await tx.query(
      'UPDATE run SET paused_at_ms = NULL, paused_by = NULL, resumed_at_ms = $2, resumed_by = $3 WHERE id = $1',
      [id, nowMs, actor.name],
    );
    await tx.query('UPDATE run_active SET paused = false WHERE run_id = $1', [id]);
    await auditAppend(tx, audit, nowMs);
    return 'requested';
  });
}

export async function runAnswer(
  pool: Pool,
  id: RunId,
  task: number,
  answer: RolloutAnswer,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runAnswer']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ position: RolloutPosition | null; answer: RolloutAnswer | null }>(
      'SELECT position, answer FROM task WHERE run_id = $1 AND task = $2 FOR UPDATE',
      [id, task],
    );
    const row = rows[0];
    if (!row) return 'not-found';
    if (row.answer?.turn === answer.turn) return 'already-answered';
    if (row.position?.phase !== 'asking' || row.position.turn !== answer.turn) return 'stale';
    await tx.query('UPDATE task SET answer = $3 WHERE run_id = $1 AND task = $2', [id, task, JSON.stringify(answer)]);
    const { rowCount } = await tx.query('UPDATE run_active SET answers = answers + 1 WHERE run_id = $1', [id]);
    if (rowCount === 0) return 'stale';
    await auditAppend(tx, audit, nowMs);
    return 'answered';
  });
}

/** Of an execution of the run $1, for the states $2: see `isRepeatedWhole`. */
const IS_REPEATED = `(state = ANY ($2) OR ('failed' = ANY ($2) AND state = 'succeeded' AND task IN (
  SELECT t.task FROM task t WHERE t.run_id = $1 AND t.state = 'failed' AND t.outputs ->> 'fault' IS NOT NULL
)))`;

export async function runRetry(
  pool: Pool,
  id: RunId,
  { states, seen }: { readonly states: readonly ExecutionState[]; readonly seen?: number },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<RunStore['runRetry']> {
  const opened = pool.transaction(async (tx): ReturnType<RunStore['runRetry']> => {
    const { rows } = await tx.query<RunRow>('SELECT * FROM run WHERE id = $1 FOR UPDATE', [id]);
    const run = rows[0];
    if (!run) return { kind: 'not-found' };
    if (!isTerminalRun(run.state)) return { kind: 'not-finished' };
    if (seen !== undefined && run.seq !== seen) return { kind: 'changed' };
    const seq = run.seq + 1;
    await tx.query(
      `INSERT INTO execution_history SELECT * FROM execution WHERE run_id = $1 AND ${IS_REPEATED} ON CONFLICT DO NOTHING`,
      [id, states],
    );
    const reopened = await tx.query<{ task: number }>(
      `UPDATE execution SET ${FRESH_ATTEMPT}, round = $3, failures_in_round = 0, seq = $4 WHERE run_id = $1 AND ${IS_REPEATED}
       RETURNING task`,
      [id, states, run.round + 1, seq],
    );
    const again = new Set(reopened.rows.map(({ task }) => task));
    const before = await tasksBefore(tx, run, again, states);
    if (![...before.values()].some(({ isAgain }) => isAgain)) return { kind: 'nothing-to-retry' };
    const opened = roundOpened(runRecord(run), before);
    const bytes = runLoadBytes(
      [...before.values()].map(({ hostCount }) => hostCount),
      runRecord(run).plan,
    );
    const updated = await tx.query<RunRow>(
      `UPDATE run SET state = $5, round = round + 1, round_started_at_ms = $2, finished_at_ms = NULL,
         earlier_rounds_ms = earlier_rounds_ms + greatest(
           0,
           finished_at_ms
             - CASE WHEN round = 1 THEN coalesce(started_at_ms, created_at_ms) ELSE round_started_at_ms END
         ),
         cancel_requested_at_ms = NULL, cancel_requested_by = NULL, cancel_forced_at_ms = NULL, cancel_forced_by = NULL,
         paused_at_ms = NULL, paused_by = NULL,
         resumed_at_ms = NULL, resumed_by = NULL, counts = $3, seq = $4
       WHERE id = $1 RETURNING ${RUN_COLUMNS}`,
      [id, nowMs, JSON.stringify(opened.counts), seq, opened.state],
    );
    if (run.plan) {
      await tasksReopen(tx, { id, seq, nowMs }, opened);
      // What is done again was chosen to be.
      const chosen = [...before].flatMap(([task, { isAgain }]) => (isAgain ? [task] : []));
      await tx.query('UPDATE task SET skip = NULL WHERE run_id = $1 AND task = ANY ($2::int[]) AND skip IS NOT NULL', [
        id,
        chosen,
      ]);
    }
    await tx.query('INSERT INTO run_active (run_id, partition, round, principal, bytes) VALUES ($1, $2, $3, $4, $5)', [
      id,
      run.partition,
      run.round + 1,
      audit.actor.id,
      bytes,
    ]);
    await tx.query("INSERT INTO run_event (run_id, seq, kind, at_ms, detail) VALUES ($1, $2, 'retried', $3, $4)", [
      id,
      seq,
      nowMs,
      JSON.stringify({ by: audit.actor.name, round: run.round + 1, states, executions: reopened.rowCount }),
    ]);
    await auditAppend(tx, audit, nowMs);
    await loadsAdd(tx, [{ id, principal: audit.actor.id, bytes }]);
    return { kind: 'opened', run: runRecord(updated.rows[0]!), executions: reopened.rowCount };
  });
  return opened.catch((error: unknown) => {
    throw error instanceof TooMuchUnderWay ? tooManyRuns() : error;
  });
}

/** By number, with what its executions are by now. */
async function tasksBefore(
  tx: Executor,
  run: RunRow,
  again: ReadonlySet<number>,
  states: readonly ExecutionState[],
): Promise<Map<number, TaskBefore>> {
  const { rows } = await tx.query<{ task: number; state: ExecutionState; count: number }>(
    'SELECT task, state, count(*) AS count FROM execution WHERE run_id = $1 GROUP BY task, state',
    [run.id],
  );
  const countsOf = (task: number): ExecutionCounts => ({
    ...emptyCounts(),
    ...Object.fromEntries(rows.flatMap((row) => (row.task === task ? [[row.state, row.count]] : []))),
  });
  if (!run.plan)
    return new Map([[0, { state: run.state, counts: countsOf(0), hostCount: run.host_count, isAgain: again.has(0) }]]);
  const tasks = await taskRows(tx, run.id as RunId);
  return new Map(
    tasks.map((row) => [
      row.task,
      {
        state: row.state,
        hostCount: row.host_count,
        ...(isGate(specOf(row).work)
          ? gateBefore(row.state, row.gate ?? undefined, states)
          : { counts: countsOf(row.task), isAgain: again.has(row.task) }),
        ...given({ decision: row.decision ?? undefined, skip: row.skip ?? undefined }),
      },
    ]),
  );
}

async function tasksReopen(
  tx: Executor,
  { id, seq, nowMs }: { readonly id: RunId; readonly seq: number; readonly nowMs: number },
  { tasks }: RoundOpened,
): Promise<void> {
  const changes = tasks.map(({ isOpened, ...task }) => ({
    runId: id,
    seq,
    ...task,
    ...given({ openedAtMs: isOpened ? nowMs : undefined }),
  }));
  const landed = await tasksWrite(tx, { first: id, last: id }, changes);
  assert(landed.size === changes.length, 'a run that is over and locked has tasks that take a new round');
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
