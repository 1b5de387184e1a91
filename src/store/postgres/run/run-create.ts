/**
 * New runs, each whole: its rows, its claim, its audit entry, and what its owner does first where the owner is at hand. Runs that come at
 * once are written in one transaction, so that a burst of small ones costs a handful of statements and one wait for the disk, not one each.
 */
import type { RunId } from '../../../base/ids.ts';
import { emptyCounts } from '../../../domain/crew/execution-machine.ts';
import type { Route } from '../../../domain/run/executor.ts';
import type { Subject } from '../../../domain/run/subject.ts';
import type { AuditEntry } from '../../contract/audit.ts';
import type { FirstDispatch, NewRun, RunRecord } from '../../contract/run.ts';
import { auditAppendMany } from '../audit/audit.ts';
import { type Cell, columnOf, listOf, ROUTE_COLUMNS } from '../execution/execution-columns.ts';
import { fenceKey, heldFences } from '../lease/fence.ts';
import { timelineWrite } from '../timeline.ts';
import { type Executor, isDataRefused, type Pool } from '../pool.ts';
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

/** Seven statements at most, whatever the number of runs and hosts. One run of 10,000 hosts: 60–75 ms, most of it the executions' rows. */
export async function runCreateMany(
  pool: Pool,
  creations: readonly Creation[],
  nowMs: number,
): Promise<readonly RunRecord[]> {
  try {
    return await runsWrite(pool, creations, nowMs);
  } catch (error) {
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
    const rows = await runsInsert(tx, created, nowMs);
    await executionsInsert(tx, created);
    await timelineWrite(
      tx,
      created.flatMap(({ dispatch }) => dispatch?.timeline ?? []),
    );
    await claimsSettle(tx, created);
    await auditAppendMany(
      tx,
      created.map(({ audit }) => audit),
      nowMs,
    );
    return created.map(({ run }) => ({ ...runRecord(rows.get(run.id)!), spec: run.spec }));
  });
}

async function runsInsert(tx: Executor, created: readonly Created[], nowMs: number): Promise<Map<string, RunRow>> {
  const firsts = created.map(
    ({ run, dispatch }) =>
      dispatch?.run ?? { to: 'waiting', counts: { ...emptyCounts(), waiting: run.targets.length }, seq: 1 },
  );
  const works = created.map(({ run }) => workRow(run.id, run.spec.work));
  const kept = distinctWork(works);
  const { rows } = await tx.query<RunRow>({
    name: 'runs-create',
    text: `WITH new AS (
             SELECT *
             FROM unnest(
               $2::uuid[], $3::int[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[], $9::int[],
               $10::jsonb[], $11::bigint[], $12::bigint[], $13::bytea[], $14::bytea[], $15::jsonb[], $16::jsonb[],
               $17::jsonb[], $21::text[]
             )
             AS t(
               id, partition, name, reason, created_by, state, target_expression, host_count, counts, seq,
               started_at_ms, work_digest, sealed_secrets, detail, policy, placement, permission
             )),
           kept AS (
             INSERT INTO work (day, digest, bytes)
             SELECT *
             FROM unnest($18::uuid[], $19::bytea[], $20::bytea[])
             ON CONFLICT DO NOTHING
           ),
           active AS (INSERT INTO run_active (run_id, partition) SELECT id, partition FROM new),
           event AS (INSERT INTO run_event (run_id, seq, kind, at_ms, detail) SELECT id, 1, 'created', $1, detail FROM new),
           task AS (
             INSERT INTO task (run_id, task, work_digest, policy, placement, sealed_secrets)
             SELECT id, 0, work_digest, policy, placement, sealed_secrets
             FROM new
           )
           INSERT INTO run (
             id, partition, name, reason, created_by, permission, state, target_expression, host_count, counts,
             created_at_ms, round_started_at_ms, seq, started_at_ms
           )
           SELECT id, partition, name, reason, created_by, permission, state, target_expression, host_count, counts,
             $1, $1, seq, started_at_ms
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
      created.map(({ run }) => run.targets.length),
      firsts.map(({ counts }) => JSON.stringify(counts)),
      firsts.map(({ seq }) => seq),
      firsts.map((first) => ('startedAtMs' in first ? (first.startedAtMs ?? null) : null)),
      works.map(({ digest }) => digest),
      created.map(({ run }) => (run.sealedSecrets ? Buffer.from(run.sealedSecrets) : null)),
      created.map(({ run }) =>
        JSON.stringify({ by: run.createdBy.name, hosts: run.targets.length, targets: run.targetExpression }),
      ),
      created.map(({ run }) => JSON.stringify(run.spec.policy)),
      created.map(({ run }) => JSON.stringify(run.spec.placement)),
      kept.map(({ day }) => day),
      kept.map(({ digest }) => digest),
      kept.map(({ bytes }) => bytes),
      created.map(({ run }) => run.permission ?? 'job.run.create'),
    ],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

interface NewExecution {
  readonly runId: RunId;
  readonly ordinal: number;
  readonly subject: Subject;
  readonly route: Route | undefined;
  readonly dispatch: FirstDispatch | undefined;
}
/** Columns that as a rule say the same of all hosts of a batch. */
const VARYING: readonly (readonly [name: string, type: string, pick: (execution: NewExecution) => Cell])[] = [
  ['run_id', 'uuid', ({ runId }) => runId],
  ['dispatched_at_ms', 'bigint', ({ dispatch }) => dispatch?.dispatchedAtMs ?? null],
  ['seq', 'bigint', ({ dispatch }) => dispatch?.run.seq ?? 1],
  ...ROUTE_COLUMNS.map(([name, type, pick]) => [name, type, ({ route }: NewExecution) => pick(route)] as const),
];
const EXECUTIONS_CREATE = ((): string => {
  const names = VARYING.map(([name]) => name);
  const value = (name: string): string =>
    `coalesce(host.${name}, $${2 * names.indexOf(name) + 5}::${VARYING[names.indexOf(name)]![1]})`;
  return `INSERT INTO execution (task, ordinal, host_id, host_name, state, ${names.join(', ')})
    SELECT 0, ordinal, host_id, host_name,
      CASE WHEN ${value('executor_kind')} IS NULL THEN 'waiting' ELSE 'dispatched' END, ${names.map(value).join(', ')}
    FROM unnest($1::int[], $2::uuid[], $3::text[], ${VARYING.map(([, type], at) => `$${2 * at + 4}::${type}[]`).join(', ')})
      AS host(ordinal, host_id, host_name, ${names.join(', ')})`;
})();

async function executionsInsert(tx: Executor, created: readonly Created[]): Promise<void> {
  const executions = created.flatMap(({ run, dispatch }): NewExecution[] => {
    const placed = new Map(dispatch?.executions.map(({ ordinal, route }) => [ordinal, route]));
    return run.targets.map((subject, ordinal) => {
      const route = placed.get(ordinal);
      return { runId: run.id, ordinal, subject, route, dispatch: route && dispatch };
    });
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
        executions.map(({ subject }) => subject.id),
      ),
      executions.map(({ subject }) => subject.name),
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
