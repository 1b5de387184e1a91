/** Ends of runs, and what runs ask, that nobody has looked at yet, and what is known of these runs. */
import { given } from '../../../base/given.ts';
import type { RunId } from '../../../base/ids.ts';
import type { ExecutionCounts } from '../../../domain/crew/execution-machine.ts';
import type { RunState } from '../../../domain/flow/run-machine.ts';
import type { Subscription } from '../../../domain/notice/subscription.ts';
import type { RunPlan } from '../../../domain/run/plan.ts';
import type { Actor } from '../../contract/audit.ts';
import type { AskedQuestion, EndedRun, EndedRunContext } from '../../contract/notice.ts';
import type { Executor } from '../pool.ts';

export async function endedRuns(db: Executor, limit: number): Promise<readonly EndedRun[]> {
  const { rows } = await db.query<{
    run_id: RunId;
    round: number;
    state: RunState;
    counts: ExecutionCounts;
    at_ms: number;
  }>({
    name: 'ended-runs',
    text: 'SELECT run_id, round, state, counts, at_ms FROM run_ended ORDER BY run_id, round, state LIMIT $1',
    values: [limit],
  });
  return rows.map((row) => ({
    runId: row.run_id,
    round: row.round,
    state: row.state,
    counts: row.counts,
    atMs: row.at_ms,
  }));
}

export async function askedQuestions(db: Executor, limit: number): Promise<readonly AskedQuestion[]> {
  const { rows } = await db.query<{ run_id: RunId; round: number; task: number; turn: number; at_ms: number }>({
    name: 'asked-questions',
    text: 'SELECT run_id, round, task, turn, at_ms FROM run_asked ORDER BY run_id, round, task, turn LIMIT $1',
    values: [limit],
  });
  return rows.map((row) => ({
    runId: row.run_id,
    round: row.round,
    task: row.task,
    turn: row.turn,
    atMs: row.at_ms,
  }));
}

interface ContextRow {
  id: RunId;
  name: string;
  round: number;
  reason: string;
  created_by: Actor;
  round_started_at_ms: number;
  plan: RunPlan | null;
  job_name: string | null;
  job_version: number | null;
  owner: string | null;
  team: string | null;
  notify: Subscription[] | null;
  verdicts: RunState[];
  verdict_before: RunState | null;
}

export async function endedRunContexts(db: Executor, ids: readonly RunId[]): Promise<readonly EndedRunContext[]> {
  const { rows } = await db.query<ContextRow>({
    name: 'ended-run-contexts',
    text: `SELECT run.id, run.name, run.round, run.reason, run.created_by, run.round_started_at_ms, run.plan, run.job_name,
        run.job_version, v.owner, v.team, v.notify,
        ARRAY(
          SELECT detail->>'state'
          FROM run_event e
          WHERE e.run_id = run.id AND e.kind = 'finished'
          ORDER BY e.seq DESC
          LIMIT 2
        ) AS verdicts,
        (
          SELECT p.state
          FROM run p
          WHERE p.job_name = run.job_name AND p.id < run.id AND p.state IN ('succeeded', 'failed', 'timed_out')
          ORDER BY p.id DESC
          LIMIT 1
        ) AS verdict_before
      FROM run
      LEFT JOIN job ON job.name = run.job_name
      LEFT JOIN job_version v ON v.job_id = job.id AND v.version = run.job_version
      WHERE run.id = ANY ($1::uuid[])`,
    values: [ids],
  });
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    round: row.round,
    reason: row.reason,
    createdBy: row.created_by,
    roundStartedAtMs: row.round_started_at_ms,
    notify: row.notify ?? [],
    verdicts: row.verdicts,
    ...given({
      plan: row.plan ?? undefined,
      verdictBefore: row.verdict_before ?? undefined,
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
