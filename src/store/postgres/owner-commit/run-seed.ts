/** What the owner of a partition reads of a run to go on with it. */
import type { RunId } from '../../../base/ids.ts';
import type { RunSeed } from '../../contract/owner-commit.ts';
import { routeOf, type ExecutionRow } from '../execution/execution-rows.ts';
import type { Pool } from '../pool.ts';
import { present } from '../present.ts';
import { runRecord, type RunRow, unpackSpec } from '../run/run-rows.ts';

/** Everything the owner needs, from one snapshot. */
export async function runSeed(pool: Pool, id: RunId): Promise<RunSeed | undefined> {
  return pool.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const run = await tx.query<RunRow & { spec: Buffer; sealed_secrets: Buffer | null }>(
      'SELECT run.*, task.spec, task.sealed_secrets FROM run JOIN task ON task.run_id = run.id AND task.task = 0 WHERE run.id = $1 AND task.run_id = $1',
      [id],
    );
    const row = run.rows[0];
    if (!row) return undefined;
    const { rows } = await tx.query<ExecutionRow>(
      'SELECT task, ordinal, attempt, host_id, host_name, state, executor_kind, executor_id, engine, instance, worker_id, dispatched_at_ms, started_at_ms, failures_in_round FROM execution WHERE run_id = $1 ORDER BY task, ordinal',
      [id],
    );
    return present<RunSeed>({
      run: runRecord(row),
      spec: unpackSpec(row.spec),
      sealedSecrets: row.sealed_secrets,
      executions: rows.map((e) =>
        present<RunSeed['executions'][number]>({
          task: e.task,
          ordinal: e.ordinal,
          attempt: e.attempt,
          hostId: e.host_id as never,
          hostName: e.host_name,
          state: e.state,
          route: routeOf(e),
          dispatchedAtMs: e.dispatched_at_ms,
          startedAtMs: e.started_at_ms,
          failuresInRound: e.failures_in_round,
        }),
      ),
    });
  });
}
