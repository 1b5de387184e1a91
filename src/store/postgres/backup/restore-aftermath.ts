/**
 * What a restored database must not believe any more. Between the backup and now the fleet went on: what waited then may have run since,
 * and journals forget. So nothing that was under way is ever sent again: it is told as lost, and whoever still knows better (an agent
 * that has not delivered its report yet) says so and settles it late. What ran already is only asked about.
 */
import { emptyCounts, type ExecutionState } from '../../../domain/crew/execution-machine.ts';
import { isSettled, runVerdict } from '../../../domain/flow/run-machine.ts';
import type { Executor } from '../pool.ts';

export interface Aftermath {
  /** Executions that may or may not have been carried out since the backup. */
  readonly lost: number;
  /** Runs of which something ran at the time of the backup: their owner asks what became of it. */
  readonly runsUnderWay: number;
  readonly upgradesEnded: number;
}

/** More than any count of takeovers or changes between a backup and its restore; beyond it, time is counted on. */
const AHEAD = 1_000_000;
const LOST = 'A backup from before its end was restored: whether it was carried out since is not known.';

export async function settleWhatTimeHasPassed(tx: Executor, nowMs: number): Promise<Aftermath> {
  // Workers and agents that outlived the old servers know terms from after the backup, and of earlier restores of the same one.
  await tx.query('UPDATE partition SET owner = NULL, term = greatest(term + $1, $2)', [AHEAD, nowMs]);
  // Servers and workers that read by version must read anew.
  await tx.query('UPDATE setting SET value = greatest(value + $1, $2)', [AHEAD, nowMs]);
  await tx.query('UPDATE host_presence SET linked = false, worker_id = NULL, changed_at_ms = $1 WHERE linked', [nowMs]);
  await tx.query('UPDATE worker SET linked = false');
  // Agents have been started anew since: whichever start shows itself first counts, but for those that somebody has decided on.
  await tx.query("UPDATE agent SET session = NULL WHERE session->'banned' = '[]'");
  const upgradesEnded = await endUpgrades(tx, nowMs);
  return { ...(await settleRuns(tx, nowMs)), upgradesEnded };
}

async function settleRuns(tx: Executor, nowMs: number): Promise<Omit<Aftermath, 'upgradesEnded'>> {
  const { rows: active } = await tx.query<{ id: string; seq: number; isCancelled: boolean; isPlanned: boolean }>(
    `SELECT r.id, r.seq + 1 AS seq, r.cancel_requested_at_ms IS NOT NULL AS "isCancelled", r.plan IS NOT NULL AS "isPlanned"
     FROM run_active a
     JOIN run r ON r.id = a.run_id
     ORDER BY r.id`,
  );
  const sum = { lost: 0, runsUnderWay: 0 };
  for (const run of active) {
    // Of what was not sent yet, the host's agent of that time is the one that may know.
    const { rowCount } = await tx.query(
      `UPDATE execution e SET state = 'lost', reason = 'status-unknown', detail = $3, finished_at_ms = $2, seq = $4,
         executor_kind = coalesce(e.executor_kind, CASE WHEN h.agent_id IS NOT NULL THEN 'agent' END),
         executor_id = coalesce(e.executor_id, h.agent_id)
       FROM execution own LEFT JOIN host h ON h.id = own.host_id
       WHERE own.run_id = $1 AND e.run_id = $1 AND own.task = e.task AND own.ordinal = e.ordinal
         AND e.state IN ('waiting', 'dispatched')`,
      [run.id, nowMs, LOST, run.seq],
    );
    sum.lost += rowCount;
    // The next attempt may have been made since, so none is made without somebody's asking.
    await tx.query("UPDATE execution SET failures_in_round = 2147483647 WHERE run_id = $1 AND state = 'running'", [
      run.id,
    ]);
    const counted = await tx.query<{ state: ExecutionState; count: number }>(
      'SELECT state, count(*)::int AS count FROM execution WHERE run_id = $1 GROUP BY state',
      [run.id],
    );
    const counts = { ...emptyCounts(), ...Object.fromEntries(counted.rows.map((row) => [row.state, row.count])) };
    if (run.isPlanned) await tasksSettle(tx, run.id);
    // What becomes of a run of several steps its owner says, by its flow.
    const verdict = !run.isPlanned && isSettled(counts) ? runVerdict(counts, run.isCancelled) : undefined;
    await tx.query(
      `UPDATE run
       SET counts = $2, seq = $3, state = coalesce($4, state),
         finished_at_ms = CASE WHEN $4::text IS NULL THEN NULL ELSE $5::bigint END
       WHERE id = $1`,
      [run.id, JSON.stringify(counts), run.seq, verdict ?? null, nowMs],
    );
    if (verdict) await endNote(tx, run.id);
    if (verdict) await tx.query('DELETE FROM run_active WHERE run_id = $1', [run.id]);
    else sum.runsUnderWay++;
    await tx.query("INSERT INTO run_event (run_id, seq, kind, at_ms, detail) VALUES ($1, $2, 'restored', $3, $4)", [
      run.id,
      run.seq,
      nowMs,
      JSON.stringify({ lost: rowCount, running: counts.running }),
    ]);
  }
  return sum;
}

/** As the write of an owner does: whoever is to be told of ends is told of this one. */
async function endNote(tx: Executor, runId: string): Promise<void> {
  await tx.query(
    `INSERT INTO run_ended (run_id, round, state, counts, at_ms)
     SELECT id, round, state, counts, finished_at_ms
     FROM run
     WHERE id = $1 AND EXISTS (SELECT FROM channel)
     ON CONFLICT DO NOTHING`,
    [runId],
  );
}

/**
 * Steps whose turn had not come may have been done since, those that come finally too: they are skipped, and none of them begins by
 * itself.
 */
async function tasksSettle(tx: Executor, runId: string): Promise<void> {
  await tx.query(
    `UPDATE task
     SET state = CASE task.state WHEN 'created' THEN 'skipped' ELSE task.state END, counts = task.counts || $2 || coalesce(c.counts, '{}')
     FROM task own LEFT JOIN (
       SELECT task, jsonb_object_agg(state, count) AS counts
       FROM (SELECT task, state, count(*) AS count FROM execution WHERE run_id = $1 GROUP BY task, state) AS e
       GROUP BY task
     ) AS c ON c.task = own.task
     WHERE own.run_id = $1 AND task.run_id = $1 AND task.task = own.task`,
    [runId, JSON.stringify(emptyCounts())],
  );
}

/** Agents may have gone beyond it since: an old order must not take them back. */
async function endUpgrades(tx: Executor, nowMs: number): Promise<number> {
  await tx.query(
    `UPDATE agent_upgrade SET state = CASE state WHEN 'waiting' THEN 'skipped' ELSE 'unanswered' END, finished_at_ms = $1,
       code = CASE state WHEN 'waiting' THEN code ELSE 'upgrade-unanswered' END,
       detail = CASE state WHEN 'waiting' THEN detail
         ELSE 'A backup from before its end was restored; the version of the agent tells what came of it.' END
     WHERE finished_at_ms IS NULL`,
    [nowMs],
  );
  const { rowCount } = await tx.query(
    "UPDATE upgrade SET state = 'cancelled', finished_at_ms = $1 WHERE finished_at_ms IS NULL",
    [nowMs],
  );
  return rowCount;
}
