/**
 * What executors tell of lost attempts that a newer attempt has superseded. It changes nothing of what is settled: it is kept beside the
 * attempt, once, and only from the executor that had the order.
 */
import type { RunId } from '../../../base/ids.ts';
import type { LateReportChange } from '../../contract/owner-commit.ts';
import {
  EXECUTION_COLUMNS,
  EXECUTOR_COLUMNS,
  isSameExecutorSql,
  ROUTE_COLUMNS,
} from '../execution/execution-columns.ts';
import type { Executor } from '../pool.ts';

const NOT_KEPT = new Set([
  'allowed',
  'dispatched_at_ms',
  'settled_late',
  'seq',
  ...ROUTE_COLUMNS.map(([name]) => name),
]);
const KEPT = EXECUTION_COLUMNS.filter(([name]) => !NOT_KEPT.has(name));
const STORED = KEPT.map(([name]) => name).join(', ');
/** The executor is a condition, no column: the attempt says whose it was. */
const TOLD = [...EXECUTOR_COLUMNS, ...KEPT].map(([name, type]) => ({ name, type }));
/** Of several reports of one attempt the first. */
const WRITE = `WITH told AS (
    SELECT DISTINCT ON (c.task, c.ordinal, c.attempt) c.*, coalesce(h.host_name, h.item) AS host_name
    FROM unnest(
      $2::int[], $3::bigint[], ${TOLD.map(({ type }, at) => `$${at + 4}::${type}[]`).join(', ')}
    ) WITH ORDINALITY
      AS c(ordinal, received_at_ms, ${TOLD.map(({ name }) => name).join(', ')}, n)
    JOIN execution_history h ON h.run_id = $1 AND h.task = c.task AND h.ordinal = c.ordinal AND h.attempt = c.attempt
      AND h.state = 'lost' AND ${isSameExecutorSql('h', 'c')}
    ORDER BY c.task, c.ordinal, c.attempt, c.n),
  written AS (
    INSERT INTO late_report (run_id, ordinal, received_at_ms, ${STORED})
    SELECT $1, ordinal, received_at_ms, ${STORED}
    FROM told
    ON CONFLICT DO NOTHING
    RETURNING task, ordinal, attempt
  )
  SELECT told.n, told.host_name FROM written JOIN told USING (task, ordinal, attempt) ORDER BY told.n`;

/** Answers what of it was news: the places in the list, and the hosts. */
export async function lateReportsWrite(
  tx: Executor,
  runId: RunId,
  reports: readonly LateReportChange[],
): Promise<readonly { readonly at: number; readonly hostName: string }[]> {
  const columns = [
    ...EXECUTOR_COLUMNS.map(([, , pick]) => reports.map(({ executor }) => pick(executor))),
    ...KEPT.map(([, , pick]) => reports.map(pick)),
  ];
  const { rows } = await tx.query<{ n: number; host_name: string }>({
    name: 'late-reports-write',
    text: WRITE,
    values: [runId, reports.map((r) => r.ordinal), reports.map((r) => r.receivedAtMs), ...columns],
  });
  return rows.map((row) => ({ at: row.n - 1, hostName: row.host_name }));
}
