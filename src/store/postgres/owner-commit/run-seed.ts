/** What the owner of a partition reads of a run to go on with it. */
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import type { ExecutionSeed, OwnerCommitStore, RunSeed, TaskSeed } from '../../contract/owner-commit.ts';
import { isTerminalRun } from '../../../domain/flow/run-machine.ts';
import { tasksOf, type RunPlan } from '../../../domain/run/plan.ts';
import { dayOfRun } from '../day.ts';
import { routeOf, subjectOf, type ExecutionRow } from '../execution/execution-rows.ts';
import type { Executor, Pool } from '../pool.ts';
import { declaredValuesOf } from '../output-value.ts';
import { runRecord, type RunRow } from '../run/run-rows.ts';
import { progressOf, subjectLists, taskRows } from '../run/task-rows.ts';
import { IS_FIRST_TASK, SPEC_COLUMNS, SPEC_TABLES, specOf, type SpecRow } from '../run/work-rows.ts';

export async function taskSpec(pool: Pool, id: RunId, task: number): ReturnType<OwnerCommitStore['taskSpec']> {
  const { rows } = await pool.query<SpecRow & { sealed_secrets: Buffer | null }>({
    name: 'task-spec',
    text: `SELECT ${SPEC_COLUMNS}, task.sealed_secrets FROM ${SPEC_TABLES} WHERE task.run_id = $1 AND task.task = $3`,
    values: [id, dayOfRun(id), task],
  });
  const row = rows[0];
  return row && { ...specOf(row), ...given({ sealedSecrets: row.sealed_secrets ?? undefined }) };
}

/** Everything the owner needs, from one snapshot. */
export async function runSeed(pool: Pool, id: RunId): Promise<RunSeed | undefined> {
  return pool.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await tx.query<RunRow & SpecRow & { sealed_secrets: Buffer | null }>(
      `SELECT run.*, ${SPEC_COLUMNS}, task.sealed_secrets FROM run, ${SPEC_TABLES} WHERE run.id = $1 AND ${IS_FIRST_TASK}`,
      [id, dayOfRun(id)],
    );
    const row = rows[0];
    if (!row) return undefined;
    const executions = await executionSeeds(tx, id);
    const run = runRecord(row);
    if (run.plan) return { run, tasks: await taskSeeds(tx, run.plan, id, executions), executions };
    const only: TaskSeed = {
      task: 0,
      spec: specOf(row),
      state: run.state,
      subjects: [],
      ...given({ sealedSecrets: row.sealed_secrets ?? undefined }),
    };
    return { run, tasks: [only], executions };
  });
}

async function taskSeeds(
  tx: Executor,
  plan: RunPlan,
  id: RunId,
  executions: readonly ExecutionSeed[],
): Promise<TaskSeed[]> {
  const rows = await taskRows(tx, id);
  // Hosts of a task whose turn is to come are chosen by it.
  const asked = new Set(
    tasksOf(plan).flatMap(({ task, chooses }) => (chooses && rows[task]?.state === 'created' ? [chooses.task] : [])),
  );
  // Drawn together already, for good.
  const drawn = new Set(
    rows.flatMap(({ task, state, counts }) =>
      isTerminalRun(state) && counts.lost === 0 && !asked.has(task) ? [task] : [],
    ),
  );
  const declared = tasksOf(plan).flatMap(({ task, outputs = [] }) =>
    drawn.has(task) ? [] : outputs.map(({ name }) => ({ task, name })),
  );
  const told = await declaredValuesOf(tx, id, declared);
  const begun = new Set(executions.map(({ task }) => task));
  const unbegun = rows.filter(({ task }) => !begun.has(task));
  const lists = await subjectLists(tx, id, [...new Set(unbegun.map(({ subjects }) => subjects))]);
  return rows.map((row) => ({
    task: row.task,
    spec: specOf(row),
    state: row.state,
    subjects: begun.has(row.task) ? [] : lists.get(row.subjects)!,
    ...given({ sealedSecrets: row.sealed_secrets ?? undefined, told: told.get(row.task) }),
    ...progressOf(row),
  }));
}

async function executionSeeds(tx: Executor, id: RunId): Promise<ExecutionSeed[]> {
  const { rows } = await tx.query<ExecutionRow>(
    `SELECT task, ordinal, attempt, host_id, host_name, item, state, executor_kind, executor_id, engine, instance,
       worker_id, dispatched_at_ms, started_at_ms, failures_in_round
     FROM execution
     WHERE run_id = $1
     ORDER BY task, ordinal`,
    [id],
  );
  return rows.map((e) =>
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
  );
}
