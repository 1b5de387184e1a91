/** Runs that are under way, for whoever looks whether they are late, and what runs of their jobs usually take. */
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import { noticeLimits } from '../../../base/notice-limits.ts';
import type { ExecutionCounts } from '../../../domain/crew/execution-machine.ts';
import type { RunState } from '../../../domain/flow/run-machine.ts';
import type { UsualTime } from '../../../domain/notice/lateness.ts';
import type { Subscription } from '../../../domain/notice/subscription.ts';
import type { Actor } from '../../contract/audit.ts';
import type { RunUnderWay } from '../../contract/notice.ts';
import type { Executor } from '../pool.ts';

/** As a condition, which an index of job_version has. */
export const TELLS_LATE = `notify @> '[{"on": ["late"]}]'`;

interface UnderWayRow {
  id: RunId;
  name: string;
  round: number;
  state: RunState;
  reason: string;
  created_by: Actor;
  round_started_at_ms: number;
  counts: ExecutionCounts;
  job_name: string | null;
  job_version: number | null;
  owner: string | null;
  team: string | null;
  notify: Subscription[] | null;
  told: string[];
}

export async function runsUnderWay(
  db: Executor,
  after: RunId | undefined,
  { limit, isOfAll }: { readonly limit: number; readonly isOfAll: boolean },
): Promise<readonly RunUnderWay[]> {
  const { rows } = await db.query<UnderWayRow>({
    name: 'runs-under-way',
    text: `SELECT run.id, run.name, run.round, run.state, run.reason, run.created_by, run.round_started_at_ms, run.counts, run.job_name,
        run.job_version, v.owner, v.team, v.notify,
        ARRAY(SELECT channel FROM notice n WHERE n.run_id = run.id AND n.round = run.round AND n.event = 'late') AS told
      FROM run_active a
      JOIN run ON run.id = a.run_id
      LEFT JOIN job ON job.name = run.job_name
      LEFT JOIN job_version v ON v.job_id = job.id AND v.version = run.job_version
      WHERE ($1::uuid IS NULL OR a.run_id > $1) AND ($3 OR v.${TELLS_LATE})
      ORDER BY a.run_id
      LIMIT $2`,
    values: [after ?? null, limit, isOfAll],
  });
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    round: row.round,
    state: row.state,
    reason: row.reason,
    createdBy: row.created_by,
    roundStartedAtMs: row.round_started_at_ms,
    counts: row.counts,
    notify: row.notify ?? [],
    told: row.told,
    ...given({
      job:
        row.job_name === null
          ? undefined
          : {
              name: row.job_name,
              version: row.job_version!,
              ...given({ owner: row.owner ?? undefined, team: row.team ?? undefined }),
            },
    }),
  }));
}

export async function usualTimes(db: Executor, jobs: readonly string[]): Promise<ReadonlyMap<string, UsualTime>> {
  const { rows } = await db.query<{ job: string; runs: number; p95_ms: number | null }>({
    name: 'usual-times',
    text: `SELECT j.job, u.runs, u.p95_ms
      FROM unnest($1::text[]) AS j(job)
      CROSS JOIN LATERAL (
        SELECT count(*) AS runs, percentile_disc(0.95) WITHIN GROUP (ORDER BY took) AS p95_ms
        FROM (
          SELECT finished_at_ms - round_started_at_ms AS took
          FROM run
          WHERE job_name = j.job AND state = 'succeeded'
          ORDER BY id DESC
          LIMIT $2
        ) AS lately
      ) AS u`,
    values: [jobs, noticeLimits.usualRunsMax],
  });
  return new Map(
    rows.flatMap(({ job, runs, p95_ms: p95Ms }) => (p95Ms === null ? [] : [[job, { runs, p95Ms }] as const])),
  );
}
