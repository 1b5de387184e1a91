/**
 * What agents tell of lost attempts that a newer attempt has superseded. It changes nothing of what is settled: it is kept beside the
 * attempt, once, and only from the agent that had the order.
 */
import type { RunId } from '../../../base/ids.ts';
import type { LateReportChange } from '../../contract/owner-commit.ts';
import { EXECUTION_COLUMNS } from '../execution/execution-columns.ts';
import type { Executor } from '../pool.ts';

const KEPT = EXECUTION_COLUMNS.filter(
  ([name]) => !['allowed', 'agent_instance', 'worker_id', 'dispatched_at_ms', 'settled_late', 'seq'].includes(name),
);
/** The agent is a condition, no column: the attempt says whose it was. */
const STORED = KEPT.map(([name]) => name)
  .filter((name) => name !== 'agent_id')
  .join(', ');
const WRITE = `WITH told AS (
    SELECT c.*, h.host_name FROM unnest($2::int[], $3::bigint[], ${KEPT.map(([, type], at) => `$${at + 4}::${type}[]`).join(', ')}) AS c(ordinal, received_at_ms, ${KEPT.map(([name]) => name).join(', ')})
    JOIN execution_history h ON h.run_id = $1 AND h.task = c.task AND h.ordinal = c.ordinal AND h.attempt = c.attempt AND h.state = 'lost' AND h.agent_id = c.agent_id),
  written AS (INSERT INTO late_report (run_id, ordinal, received_at_ms, ${STORED}) SELECT $1, ordinal, received_at_ms, ${STORED} FROM told ON CONFLICT DO NOTHING RETURNING task, ordinal, attempt)
  SELECT DISTINCT told.host_name FROM written JOIN told USING (task, ordinal, attempt) ORDER BY told.host_name`;

/** Answers the hosts of which something new was told. */
export async function lateReportsWrite(
  tx: Executor,
  runId: RunId,
  reports: readonly LateReportChange[],
): Promise<readonly string[]> {
  const columns = KEPT.map(([, , pick]) => reports.map(pick));
  const { rows } = await tx.query<{ host_name: string }>({
    name: 'late-reports-write',
    text: WRITE,
    values: [runId, reports.map((r) => r.ordinal), reports.map((r) => r.receivedAtMs), ...columns],
  });
  return rows.map((row) => row.host_name);
}
