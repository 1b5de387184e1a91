/** A new run: all of it in one transaction, with what its owner does first where the owner is at hand. */
import { emptyCounts } from '../../domain/run/execution-machine.ts';
import type { AuditEntry, FirstDispatch, NewRun, RunRecord } from '../store.ts';
import { auditAppend } from './audit.ts';
import { isFenceHeld, timelineWrite } from './owner-commit.ts';
import type { Executor, Pool } from './pool.ts';
import { packSpec, runRecord, type RunRow } from './rows.ts';
import { RUN_COLUMNS } from './run.ts';

/** Six statements at most for any number of hosts. Measured: 10,000 hosts in 60–75 ms, most of it the executions' rows. */
export async function runCreate(pool: Pool, run: NewRun, audit: AuditEntry, nowMs: number): Promise<RunRecord> {
  return pool.transaction(async (tx) => {
    const dispatch = run.dispatch && (await isFenceHeld(tx, run.dispatch.fence)) ? run.dispatch : undefined;
    const { to, counts, seq, startedAtMs } = dispatch?.run ?? {
      to: 'waiting',
      counts: { ...emptyCounts(), waiting: run.targets.length },
      seq: 1,
    };
    const { rows } = await tx.query<RunRow>({
      name: 'run-create',
      text: `WITH active AS (INSERT INTO run_active (run_id, partition) VALUES ($1, $2)),
                  event AS (INSERT INTO run_event (run_id, seq, kind, at_ms, detail) VALUES ($1, 1, 'created', $8, $12)),
                  work AS (INSERT INTO task (run_id, task, spec, sealed_secrets) VALUES ($1, 0, $9, $10))
             INSERT INTO run (id, partition, name, reason, created_by, state, target_expression, host_count, counts, created_at_ms, round_started_at_ms, seq, started_at_ms)
             VALUES ($1, $2, $3, $4, $5, $13, $6, $7, $11, $8, $8, $14, $15) RETURNING ${RUN_COLUMNS}`,
      values: [
        run.id,
        run.partition,
        run.name,
        run.reason,
        JSON.stringify(run.createdBy),
        run.targetExpression,
        run.targets.length,
        nowMs,
        packSpec(run.spec),
        run.sealedSecrets ?? null,
        JSON.stringify(counts),
        JSON.stringify({ by: run.createdBy.name, hosts: run.targets.length, targets: run.targetExpression }),
        to,
        seq,
        startedAtMs ?? null,
      ],
    });
    await executionsCreate(tx, run, dispatch);
    if (dispatch) await timelineWrite(tx, dispatch.timeline);
    if (run.claim)
      await tx.query('UPDATE idempotency SET status = 201, body = $3 WHERE principal = $1 AND key = $2', [
        run.claim.principal,
        run.claim.key,
        JSON.stringify({ id: run.id }),
      ]);
    await auditAppend(tx, audit, nowMs);
    return { ...runRecord(rows[0]!), spec: run.spec };
  });
}

async function executionsCreate(
  tx: Executor,
  { id, targets }: NewRun,
  dispatch: FirstDispatch | undefined,
): Promise<void> {
  const placed = new Map(dispatch?.executions.map((execution) => [execution.ordinal, execution]));
  const placesOf = <K extends 'agentId' | 'agentInstance' | 'workerId'>(pick: K): (string | null)[] =>
    dispatch ? targets.map((_, ordinal) => placed.get(ordinal)?.[pick] ?? null) : [];
  await tx.query({
    name: 'execution-create',
    text: `INSERT INTO execution (run_id, task, ordinal, host_id, host_name, state, agent_id, worker_id, dispatched_at_ms, seq, agent_instance)
           SELECT $1, 0, n - 1, id, name, CASE WHEN agent IS NULL THEN 'waiting' ELSE 'dispatched' END, agent, worker, CASE WHEN agent IS NULL THEN NULL ELSE $6::bigint END, CASE WHEN agent IS NULL THEN 1 ELSE $7::bigint END, agent_instance
           FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $8::uuid[]) WITH ORDINALITY AS host(id, name, agent, worker, agent_instance, n)`,
    values: [
      id,
      targets.map((t) => t.hostId),
      targets.map((t) => t.hostName),
      placesOf('agentId'),
      placesOf('workerId'),
      dispatch?.dispatchedAtMs ?? null,
      dispatch?.run.seq ?? null,
      placesOf('agentInstance'),
    ],
  });
}
