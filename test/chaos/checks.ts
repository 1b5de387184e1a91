/**
 * The four things that must hold after anything: no run lost, every execution in exactly one terminal state with counts that add up,
 * no effect twice, and terminal states unchanged. Reads the tables themselves: the record, not what somebody says of it.
 */
import pg from 'pg';
import {
  emptyCounts,
  isTerminalExecution,
  type ExecutionCounts,
  type ExecutionState,
} from '../../src/domain/crew/execution-machine.ts';
import { isTerminalRun, runVerdict, type RunState } from '../../src/domain/flow/run-machine.ts';

export interface AttemptRow {
  readonly attempt_id: string;
  readonly run_id: string;
  readonly host_name: string;
  readonly state: ExecutionState;
  readonly attempt: number;
  readonly current: boolean;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly reason: string | null;
  readonly started_at_ms: string | null;
  readonly finished_at_ms: string | null;
  readonly out_size: string;
  readonly settled_late: boolean;
}

export interface RunRow {
  readonly id: string;
  readonly state: RunState;
  readonly host_count: number;
  readonly counts: Partial<ExecutionCounts>;
  readonly cancel_requested_at_ms: string | null;
}

export interface World {
  readonly runs: readonly RunRow[];
  readonly attempts: readonly AttemptRow[];
}

const COLUMNS =
  "run_id || '.' || task || '.' || ordinal || '.' || attempt AS attempt_id, run_id, host_name, state, attempt, exit_code, signal, reason, started_at_ms, finished_at_ms, out_size, settled_late";

/** One consistent view of everything recorded. Throws when the database is away. */
export async function readWorld(databaseUrl: string): Promise<World> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 2_000,
    query_timeout: 20_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const runs = await client.query<RunRow>('SELECT id, state, host_count, counts, cancel_requested_at_ms FROM run');
    const attempts = await client.query<AttemptRow>(
      `SELECT ${COLUMNS}, true AS current FROM execution UNION ALL SELECT ${COLUMNS}, false AS current FROM execution_history`,
    );
    return { runs: runs.rows, attempts: attempts.rows };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Faults of the record, as sentences; none is what we want. */
export function checkWorld(
  world: World,
  expected: { runIds: ReadonlySet<string>; traces: readonly { attempt: string; host: string }[] },
): string[] {
  return [...checkRuns(world, expected.runIds), ...checkExecutions(world), ...checkEffects(world, expected.traces)];
}

function checkRuns(world: World, runIds: ReadonlySet<string>): string[] {
  const byId = new Map(world.runs.map((run) => [run.id, run]));
  const lost = [...runIds].filter((id) => !byId.has(id)).map((id) => `run ${id} was created and is gone`);
  const extra = world.runs
    .filter((run) => !runIds.has(run.id))
    .map((run) => `run ${run.id} exists, though no request was answered with it: a request took effect twice`);
  const open = world.runs
    .filter((run) => !isTerminalRun(run.state))
    .map((run) => `run ${run.id} is still ${run.state}`);
  return [...lost, ...extra, ...open];
}

function checkExecutions(world: World): string[] {
  const counted = new Map<string, ExecutionCounts>();
  const faults: string[] = [];
  for (const { run_id: runId, state, attempt_id: attempt, current } of world.attempts) {
    if (!isTerminalExecution(state)) faults.push(`attempt ${attempt} is still ${state}`);
    if (!current) continue;
    const counts = counted.get(runId) ?? emptyCounts();
    counts[state]++;
    counted.set(runId, counts);
  }
  for (const run of world.runs) {
    const counts = counted.get(run.id) ?? emptyCounts();
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (total !== run.host_count) faults.push(`run ${run.id} has ${run.host_count} hosts and ${total} executions`);
    const recorded = { ...emptyCounts(), ...run.counts };
    if (JSON.stringify(recorded) !== JSON.stringify(counts))
      faults.push(`run ${run.id} counts ${shown(recorded)}, its executions are ${shown(counts)}`);
    const verdict = runVerdict(counts, run.cancel_requested_at_ms !== null);
    if (isTerminalRun(run.state) && run.state !== verdict)
      faults.push(`run ${run.id} is ${run.state}, its executions say ${verdict}`);
  }
  const keys = new Set<string>();
  for (const { attempt_id: attempt } of world.attempts) {
    if (keys.has(attempt)) faults.push(`attempt ${attempt} is recorded twice`);
    keys.add(attempt);
  }
  return faults;
}

function shown(counts: ExecutionCounts): string {
  return (
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ') || 'none'
  );
}

/** The script ran to an end of its own: its trace must be there. */
function didRun(row: AttemptRow): boolean {
  return row.state === 'succeeded' || (row.state === 'failed' && (row.exit_code !== null || row.signal !== null));
}

function neverRan(row: AttemptRow): boolean {
  return row.state === 'not_started' || row.state === 'skipped';
}

function checkEffects(world: World, traces: readonly { attempt: string; host: string }[]): string[] {
  const faults: string[] = [];
  const rows = new Map(world.attempts.map((row) => [row.attempt_id, row]));
  const seen = new Map<string, number>();
  for (const { attempt, host } of traces) {
    seen.set(attempt, (seen.get(attempt) ?? 0) + 1);
    const row = rows.get(attempt);
    if (!row) faults.push(`attempt ${attempt} ran on ${host} and is not recorded`);
    else if (row.host_name !== host) faults.push(`attempt ${attempt} of ${row.host_name} ran on ${host}`);
    else if (neverRan(row)) faults.push(`attempt ${attempt} is ${row.state} and ran`);
  }
  for (const [attempt, times] of seen) if (times > 1) faults.push(`attempt ${attempt} ran ${times} times`);
  for (const row of world.attempts)
    if (didRun(row) && !seen.has(row.attempt_id))
      faults.push(`attempt ${row.attempt_id} is ${row.state} with ${row.exit_code ?? row.signal} and left no trace`);
  return faults;
}

/** Remembers every terminal attempt as first seen, and tells of each that is another later. */
export class FinalityWatch {
  readonly #seen = new Map<string, AttemptRow>();

  get size(): number {
    return this.#seen.size;
  }

  look(world: World): string[] {
    const faults: string[] = [];
    const present = new Set<string>();
    for (const row of world.attempts) {
      present.add(row.attempt_id);
      if (!isTerminalExecution(row.state)) {
        if (this.#seen.has(row.attempt_id))
          faults.push(
            `attempt ${row.attempt_id} was ${this.#seen.get(row.attempt_id)!.state} and is ${row.state} again`,
          );
        continue;
      }
      const before = this.#seen.get(row.attempt_id);
      if (before && fingerprint(before) !== fingerprint(row) && !isLateTruth(before, row))
        faults.push(
          `attempt ${row.attempt_id} changed after it was final: ${fingerprint(before)} → ${fingerprint(row)}`,
        );
      this.#seen.set(row.attempt_id, row);
    }
    for (const attempt of this.#seen.keys())
      if (!present.has(attempt)) faults.push(`attempt ${attempt} was recorded and is gone`);
    return faults;
  }
}

/** The one stated exception: a lost attempt is settled by its own late report. */
function isLateTruth(before: AttemptRow, after: AttemptRow): boolean {
  return before.state === 'lost' && after.settled_late && after.state !== 'lost';
}

function fingerprint(row: AttemptRow): string {
  return [row.state, row.exit_code, row.signal, row.reason, row.started_at_ms, row.finished_at_ms, row.out_size].join(
    ' ',
  );
}
