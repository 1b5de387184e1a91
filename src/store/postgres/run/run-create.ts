/**
 * New runs, each whole: its rows, its claim, its audit entry, and what its owner does first where the owner is at hand. Runs that come at
 * once are written in one transaction, so that a burst of small ones costs a handful of statements and one wait for the disk, not one each.
 */
import type { RunId } from '../../../base/ids.ts';
import { emptyCounts, type ExecutionCounts } from '../../../domain/crew/execution-machine.ts';
import type { Route } from '../../../domain/run/executor.ts';
import { runLoadBytes } from '../../../domain/run/run-load.ts';
import { hostOf, itemOf, type Subject } from '../../../domain/run/subject.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import { type NewTask, allHosts } from '../../../domain/run/new-task.ts';
import type { FirstDispatch, NewRun, RunRecord } from '../../contract/run.ts';
import { auditAppendMany } from '../audit/audit.ts';
import { type Cell, columnOf, listOf, ROUTE_COLUMNS } from '../execution/execution-columns.ts';
import { fenceKey, heldFences } from '../lease/fence.ts';
import { timelineWrite } from '../timeline.ts';
import { type Executor, isDataRefused, type Pool } from '../pool.ts';
import { loadsAdd, type RunLoad, TooMuchUnderWay } from './run-load.ts';
import { RUN_COLUMNS, runRecord, type RunRow } from './run-rows.ts';
import { distinctWork, workRow } from './work-rows.ts';

export interface Creation {
  readonly run: NewRun;
  readonly audit: AuditEntry;
}
interface Created extends Creation {
  /** Left out where its fence is stale: the run waits for its owner then. */
  readonly dispatch: FirstDispatch | undefined;
}

/**
 * Nine statements at most, whatever the number of runs and hosts. One run of 10,000 hosts: 60–75 ms, most of it the executions' rows.
 * Undefined where whoever begins it has as much under way as may be; the others are written anew without it.
 */
export async function runCreateMany(
  pool: Pool,
  creations: readonly Creation[],
  nowMs: number,
): Promise<readonly (RunRecord | undefined)[]> {
  try {
    return await runsWrite(pool, creations, nowMs);
  } catch (error) {
    if (error instanceof TooMuchUnderWay) {
      const left = creations.filter(({ run }) => !error.refused.has(run.id));
      const written = left.length === 0 ? [] : await runCreateMany(pool, left, nowMs);
      const byId = new Map(left.map(({ run }, at) => [run.id, written[at]]));
      return creations.map(({ run }) => byId.get(run.id));
    }
    if (!isDataRefused(error) || creations.every(({ run }) => run.dispatch === undefined)) throw error;
    // The way to one host may be what no column holds: all are written as runs that wait, and their owners find out which host it is.
    const waiting = creations.map(({ run: { dispatch: _, ...run }, audit }) => ({ run, audit }));
    return runsWrite(pool, waiting, nowMs);
  }
}

async function runsWrite(pool: Pool, creations: readonly Creation[], nowMs: number): Promise<readonly RunRecord[]> {
  return pool.transaction(async (tx) => {
    const held = await heldFences(
      tx,
      creations.flatMap(({ run }) => run.dispatch?.fence ?? []),
    );
    const created = creations.map((creation): Created => {
      const { dispatch } = creation.run;
      return { ...creation, dispatch: dispatch && held.has(fenceKey(dispatch.fence)) ? dispatch : undefined };
    });
    // In this order, and none waits for the answer to the one before.
    const [rows] = await Promise.all([
      runsInsert(tx, created, nowMs),
      subjectsInsert(tx, created),
      executionsInsert(tx, created),
      timelineWrite(
        tx,
        created.flatMap(({ dispatch }) => dispatch?.timeline ?? []),
      ),
      claimsSettle(tx, created),
      auditAppendMany(
        tx,
        created.map(({ audit }) => audit),
        nowMs,
      ),
      loadsAdd(
        tx,
        created.map(({ run }) => loadOf(run)),
      ),
    ]);
    return created.map(({ run }) => runRecord(rows.get(run.id)!));
  });
}

function loadOf({ id, createdBy, tasks, subjects, plan }: NewRun): RunLoad {
  const executions = tasks.map((task) => subjects[task.subjects]!.length);
  return { id, principal: createdBy.id, bytes: runLoadBytes(executions, plan) };
}

/** Of a run of several tasks: executions of those that come first, and of no other, are written with it. */
function firstCounts({ tasks, subjects }: NewRun): ExecutionCounts {
  return { ...emptyCounts(), waiting: tasks.reduce((sum, task) => sum + hostsOf(task, subjects), 0) };
}

function hostsOf({ isFirst, subjects: list }: NewTask, subjects: NewRun['subjects']): number {
  return isFirst ? subjects[list]!.length : 0;
}

async function runsInsert(tx: Executor, created: readonly Created[], nowMs: number): Promise<Map<string, RunRow>> {
  const firsts = created.map(
    ({ run, dispatch }) => dispatch?.run ?? { to: 'waiting', counts: firstCounts(run), seq: 1 },
  );
  const hosts = created.map(({ run }) => allHosts(run).length);
  const tasks = created.flatMap(({ run }) =>
    run.tasks.map((task, number) => ({
      ...task,
      run,
      number,
      isOnly: run.plan === undefined,
      work: workRow(run.id, task.spec.work),
    })),
  );
  const kept = distinctWork(tasks.map(({ work }) => work));
  const { rows } = await tx.query<RunRow>({
    name: 'runs-create',
    text: `WITH new AS (
             SELECT *
             FROM unnest(
               $2::uuid[], $3::int[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[], $9::int[],
               $10::jsonb[], $11::bigint[], $12::bigint[], $13::jsonb[], $14::text[], $15::jsonb[], $16::text[], $17::int[],
               $31::int[]
             )
             AS t(
               id, partition, name, reason, created_by, state, target_expression, host_count, counts, seq,
               started_at_ms, detail, permission, plan, job_name, job_version, load_bytes
             )),
           kept AS (
             INSERT INTO work (day, digest, bytes)
             SELECT *
             FROM unnest($18::uuid[], $19::bytea[], $20::bytea[])
             ON CONFLICT DO NOTHING
           ),
           active AS (
             INSERT INTO run_active (run_id, partition, principal, bytes)
             SELECT id, partition, created_by->>'id', load_bytes FROM new
           ),
           event AS (INSERT INTO run_event (run_id, seq, kind, at_ms, detail) SELECT id, 1, 'created', $1, detail FROM new),
           task AS (
             INSERT INTO task (
               run_id, task, work_digest, policy, placement, sealed_secrets, state, counts, subjects, opened_at_ms
             )
             SELECT *
             FROM unnest(
               $21::uuid[], $22::int[], $23::bytea[], $24::jsonb[], $25::jsonb[], $26::bytea[], $27::text[], $28::jsonb[],
               $29::int[], $30::bigint[]
             )
           )
           INSERT INTO run (
             id, partition, name, reason, created_by, permission, state, target_expression, host_count, counts,
             created_at_ms, round_started_at_ms, seq, started_at_ms, plan, job_name, job_version
           )
           SELECT id, partition, name, reason, created_by, permission, state, target_expression, host_count, counts,
             $1, $1, seq, started_at_ms, plan, job_name, job_version
           FROM new
           RETURNING ${RUN_COLUMNS}`,
    values: [
      nowMs,
      created.map(({ run }) => run.id),
      created.map(({ run }) => run.partition),
      created.map(({ run }) => run.name),
      created.map(({ run }) => run.reason),
      created.map(({ run }) => JSON.stringify(run.createdBy)),
      firsts.map(({ to }) => to),
      created.map(({ run }) => run.targetExpression),
      hosts,
      firsts.map(({ counts }) => JSON.stringify(counts)),
      firsts.map(({ seq }) => seq),
      firsts.map((first) => ('startedAtMs' in first ? (first.startedAtMs ?? null) : null)),
      created.map(({ run }, at) => JSON.stringify(createdDetail(run, hosts[at]!))),
      created.map(({ run }) => run.permission ?? 'job.run.create'),
      created.map(({ run }) => (run.plan ? JSON.stringify(run.plan) : null)),
      created.map(({ run }) => run.job?.name ?? null),
      created.map(({ run }) => run.job?.version ?? null),
      kept.map(({ day }) => day),
      kept.map(({ digest }) => digest),
      kept.map(({ bytes }) => bytes),
      tasks.map(({ run }) => run.id),
      tasks.map(({ number }) => number),
      tasks.map(({ work }) => work.digest),
      tasks.map(({ spec }) => JSON.stringify(spec.policy)),
      tasks.map(({ spec }) => JSON.stringify(spec.placement)),
      tasks.map(({ sealedSecrets }) => (sealedSecrets ? Buffer.from(sealedSecrets) : null)),
      tasks.map(({ isOnly, isFirst }) => (isOnly ? null : isFirst ? 'waiting' : 'created')),
      tasks.map((task) =>
        task.isOnly ? null : JSON.stringify({ ...emptyCounts(), waiting: hostsOf(task, task.run.subjects) }),
      ),
      tasks.map(({ isOnly, subjects }) => (isOnly ? null : subjects)),
      tasks.map(({ isOnly, isFirst }) => (isOnly || !isFirst ? null : nowMs)),
      created.map(({ run }) => loadOf(run).bytes),
    ],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

function createdDetail({ createdBy, targetExpression, plan, tasks, job }: NewRun, hosts: number): object {
  const detail = { by: createdBy.name, hosts, targets: targetExpression };
  return plan ? { ...detail, ...job, stages: plan.length, steps: tasks.length } : detail;
}

/** Of runs of several tasks; the hosts of the only task are those of its executions. */
async function subjectsInsert(tx: Executor, created: readonly Created[]): Promise<void> {
  const lists = created.flatMap(({ run: { id, plan, subjects } }) =>
    plan ? subjects.map((list, at) => ({ id, at, list })) : [],
  );
  if (lists.length === 0) return;
  // An array of arrays is one table to PostgreSQL, with rows of one length: lists travel as text and become arrays there.
  await tx.query({
    name: 'subjects-create',
    text: `INSERT INTO run_subjects (run_id, list, host_ids, host_names, items)
           SELECT run_id, list, ARRAY(SELECT value::uuid FROM jsonb_array_elements_text(ids) WITH ORDINALITY ORDER BY ordinality),
             ARRAY(SELECT value FROM jsonb_array_elements_text(names) WITH ORDINALITY ORDER BY ordinality),
             CASE WHEN items IS NOT NULL
               THEN ARRAY(SELECT value FROM jsonb_array_elements_text(items) WITH ORDINALITY ORDER BY ordinality) END
           FROM unnest($1::uuid[], $2::int[], $3::jsonb[], $4::jsonb[], $5::jsonb[]) AS t(run_id, list, ids, names, items)`,
    values: [
      lists.map(({ id }) => id),
      lists.map(({ at }) => at),
      lists.map(({ list }) => JSON.stringify(list.map((subject) => hostOf(subject)?.id ?? null))),
      lists.map(({ list }) => JSON.stringify(list.map((subject) => hostOf(subject)?.name ?? null))),
      lists.map(({ list }) =>
        list.some((subject) => itemOf(subject) !== undefined) ? JSON.stringify(list.map(itemOf)) : null,
      ),
    ],
  });
}

interface NewExecution {
  readonly runId: RunId;
  readonly task: number;
  readonly ordinal: number;
  readonly subject: Subject;
  readonly route: Route | undefined;
  readonly dispatch: FirstDispatch | undefined;
}
/** Columns that as a rule say the same of all hosts of a batch. */
const VARYING: readonly (readonly [name: string, type: string, pick: (execution: NewExecution) => Cell])[] = [
  ['run_id', 'uuid', ({ runId }) => runId],
  ['task', 'int', ({ task }) => task],
  ['item', 'text', ({ subject }) => itemOf(subject) ?? null],
  ['dispatched_at_ms', 'bigint', ({ dispatch }) => dispatch?.dispatchedAtMs ?? null],
  ['seq', 'bigint', ({ dispatch }) => dispatch?.run.seq ?? 1],
  ...ROUTE_COLUMNS.map(([name, type, pick]) => [name, type, ({ route }: NewExecution) => pick(route)] as const),
];
const EXECUTIONS_CREATE = ((): string => {
  const names = VARYING.map(([name]) => name);
  const value = (name: string): string =>
    `coalesce(host.${name}, $${2 * names.indexOf(name) + 5}::${VARYING[names.indexOf(name)]![1]})`;
  return `INSERT INTO execution (ordinal, host_id, host_name, state, ${names.join(', ')})
    SELECT ordinal, host_id, host_name,
      CASE WHEN ${value('executor_kind')} IS NULL THEN 'waiting' ELSE 'dispatched' END, ${names.map(value).join(', ')}
    FROM unnest($1::int[], $2::uuid[], $3::text[], ${VARYING.map(([, type], at) => `$${2 * at + 4}::${type}[]`).join(', ')})
      AS host(ordinal, host_id, host_name, ${names.join(', ')})`;
})();

async function executionsInsert(tx: Executor, created: readonly Created[]): Promise<void> {
  const executions = created.flatMap(({ run, dispatch }): NewExecution[] => {
    const placed = new Map(dispatch?.executions.map(({ ordinal, route }) => [ordinal, route]));
    return run.tasks.flatMap(({ isFirst, subjects }, task) =>
      (isFirst ? run.subjects[subjects]! : []).map((subject, ordinal) => {
        const route = placed.get(ordinal);
        return { runId: run.id, task, ordinal, subject, route, dispatch: route && dispatch };
      }),
    );
  });
  await tx.query({
    name: 'executions-create',
    text: EXECUTIONS_CREATE,
    values: [
      listOf(
        'int',
        executions.map(({ ordinal }) => ordinal),
      ),
      listOf(
        'uuid',
        executions.map(({ subject }) => hostOf(subject)?.id ?? null),
      ),
      executions.map(({ subject }) => hostOf(subject)?.name ?? null),
      ...VARYING.flatMap(([, type, pick]) => columnOf(type, executions.map(pick))),
    ],
  });
}

/** In the same transaction: a crash right after it cannot make a second run of the same request. */
async function claimsSettle(tx: Executor, created: readonly Created[]): Promise<void> {
  const claimed = created.flatMap(({ run }) => (run.claim ? [{ ...run.claim, id: run.id }] : []));
  if (claimed.length === 0) return;
  await tx.query({
    name: 'claims-settle',
    text: `UPDATE idempotency i SET status = 201, body = c.body FROM unnest($1::text[], $2::text[], $3::text[]) AS c(principal, key, body)
           WHERE i.principal = c.principal AND i.key = c.key`,
    values: [
      claimed.map(({ principal }) => principal),
      claimed.map(({ key }) => key),
      claimed.map(({ id }) => JSON.stringify({ id })),
    ],
  });
}
