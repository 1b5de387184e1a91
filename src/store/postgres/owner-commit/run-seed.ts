/** What the owner of a partition reads of a run to go on with it. */
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import type { OwnerCommitStore, RunSeed } from '../../contract/owner-commit.ts';
import { dayOfRun } from '../day.ts';
import { routeOf, subjectOf, type ExecutionRow } from '../execution/execution-rows.ts';
import type { Pool } from '../pool.ts';
import { runRecord, type RunRow } from '../run/run-rows.ts';
import { IS_TASK_OF_RUN, SPEC_COLUMNS, SPEC_TABLES, specOf, type SpecRow } from '../run/work-rows.ts';

export async function runSpec(pool: Pool, id: RunId): ReturnType<OwnerCommitStore['runSpec']> {
  const { rows } = await pool.query<SpecRow & { sealed_secrets: Buffer | null }>({
    name: 'run-spec',
    text: `SELECT ${SPEC_COLUMNS}, task.sealed_secrets FROM ${SPEC_TABLES} WHERE ${IS_TASK_OF_RUN}`,
    values: [id, dayOfRun(id)],
  });
  const row = rows[0];
  return row && { ...specOf(row), ...given({ sealedSecrets: row.sealed_secrets ?? undefined }) };
}

/** Everything the owner needs, from one snapshot. */
export async function runSeed(pool: Pool, id: RunId): Promise<RunSeed | undefined> {
  return pool.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const run = await tx.query<RunRow & SpecRow & { sealed_secrets: Buffer | null }>(
      `SELECT run.*, ${SPEC_COLUMNS}, task.sealed_secrets FROM run, ${SPEC_TABLES} WHERE run.id = $1 AND ${IS_TASK_OF_RUN}`,
      [id, dayOfRun(id)],
    );
    const row = run.rows[0];
    if (!row) return undefined;
    const { rows } = await tx.query<ExecutionRow>(
      `SELECT task, ordinal, attempt, host_id, host_name, state, executor_kind, executor_id, engine, instance,
         worker_id, dispatched_at_ms, started_at_ms, failures_in_round
       FROM execution
       WHERE run_id = $1
       ORDER BY task, ordinal`,
      [id],
    );
    return given({
      run: runRecord(row),
      spec: specOf(row),
      sealedSecrets: row.sealed_secrets ?? undefined,
      executions: rows.map((e) =>
        given({
          task: e.task,
          ordinal: e.ordinal,
          attempt: e.attempt,
          subject: subjectOf(e),
          state: e.state,
          route: routeOf(e),
          dispatchedAtMs: e.dispatched_at_ms ?? undefined,
          startedAtMs: e.started_at_ms ?? undefined,
          failuresInRound: e.failures_in_round,
        }),
      ),
    });
  });
}
