/** Rows of runs to records. One place, so that a renamed column breaks here and nowhere else. */
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import type { Permission } from '../../../domain/access/permission.ts';
import type { ExecutionCounts } from '../../../domain/crew/execution-machine.ts';
import type { RunState } from '../../../domain/flow/run-machine.ts';
import type { RunPlan } from '../../../domain/run/plan.ts';
import type { Actor } from '../../contract/audit.ts';
import type { RunRecord } from '../../contract/run.ts';

export interface RunRow {
  id: string;
  partition: number;
  name: string;
  reason: string;
  created_by: Actor;
  permission: Permission;
  state: RunState;
  round: number;
  target_expression: string;
  host_count: number;
  counts: ExecutionCounts;
  created_at_ms: number;
  round_started_at_ms: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  earlier_rounds_ms: number;
  cancel_requested_at_ms: number | null;
  cancel_requested_by: string | null;
  cancel_forced_at_ms: number | null;
  cancel_forced_by: string | null;
  paused_at_ms: number | null;
  paused_by: string | null;
  resumed_at_ms: number | null;
  resumed_by: string | null;
  seq: number;
  /** Of heads and lists alone. */
  asks?: boolean;
  /** Not read for lists. */
  plan?: RunPlan | null;
  job_name: string | null;
  job_version: number | null;
}

export function runRecord(row: RunRow): RunRecord {
  return given({
    id: row.id as RunId,
    partition: row.partition,
    name: row.name,
    reason: row.reason,
    createdBy: row.created_by,
    permission: row.permission,
    state: row.state,
    round: row.round,
    targetExpression: row.target_expression,
    hostCount: row.host_count,
    counts: row.counts,
    createdAtMs: row.created_at_ms,
    roundStartedAtMs: row.round_started_at_ms,
    startedAtMs: row.started_at_ms ?? undefined,
    finishedAtMs: row.finished_at_ms ?? undefined,
    earlierRoundsMs: row.earlier_rounds_ms,
    cancelRequestedAtMs: row.cancel_requested_at_ms ?? undefined,
    cancelRequestedBy: row.cancel_requested_by ?? undefined,
    cancelForcedAtMs: row.cancel_forced_at_ms ?? undefined,
    cancelForcedBy: row.cancel_forced_by ?? undefined,
    pausedAtMs: row.paused_at_ms ?? undefined,
    pausedBy: row.paused_by ?? undefined,
    resumedAtMs: row.resumed_at_ms ?? undefined,
    resumedBy: row.resumed_by ?? undefined,
    seq: row.seq,
    asks: row.asks === true ? true : undefined,
    job: row.job_name === null ? undefined : { name: row.job_name, version: row.job_version! },
    plan: row.plan ?? undefined,
  });
}

/** Letters of targets that are told in lists; all of them stand with the run. */
const LISTED_TARGETS_MAX = 2_000;
/**
 * What lists and watchers are told: a page has a thousand runs, and a plan may be of half a megabyte, an expression of two hundred
 * thousand letters.
 */
export const RUN_HEAD_COLUMNS = `id, partition, name, reason, created_by, permission, state, round,
  CASE WHEN length(target_expression) > ${LISTED_TARGETS_MAX}
    THEN left(target_expression, ${LISTED_TARGETS_MAX}) || '… (' || length(target_expression) || ' characters)'
    ELSE target_expression
  END AS target_expression,
  host_count, counts, created_at_ms, round_started_at_ms, started_at_ms,
  finished_at_ms, earlier_rounds_ms, cancel_requested_at_ms, cancel_requested_by, cancel_forced_at_ms, cancel_forced_by,
  paused_at_ms, paused_by, resumed_at_ms, resumed_by, seq, job_name, job_version,
  state IN ('running', 'paused', 'stopping') AND coalesce((
    -- Not as EXISTS, which may be answered for all runs at once, from the whole table.
    SELECT true
    FROM task
    WHERE task.run_id = run.id AND task.state = 'paused' AND 'asking' IN (task.gate->>'phase', task.position->>'phase')
    LIMIT 1
  ), false) AS asks`;

export const RUN_COLUMNS = `id, partition, name, reason, created_by, permission, state, round, target_expression,
  host_count, counts, created_at_ms, round_started_at_ms, started_at_ms,
  finished_at_ms, earlier_rounds_ms, cancel_requested_at_ms, cancel_requested_by, cancel_forced_at_ms, cancel_forced_by,
  paused_at_ms, paused_by, resumed_at_ms, resumed_by, seq, plan, job_name, job_version`;
