/** Daily partitions ahead of time, and days beyond retention dropped. Idempotent; servers take turns by a lock. */
import { runIdFloor, runIdTimeMs, type RunId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Executor, Pool } from './pool.ts';

const DAY_MS = 86_400_000;
export const DAILY_TABLES = [
  'run',
  'task',
  'run_subjects',
  'execution',
  'execution_history',
  'late_report',
  'output_blob',
  'output_chunk',
  'output_value',
  'run_event',
  'account_use',
  // After the tasks that refer to it.
  'work',
] as const;
export type DailyTable = (typeof DAILY_TABLES)[number];
const LOCK = 727_002;
/**
 * Making or dropping a day locks its whole table, and whoever comes after us waits with us. A backup reads for as long as it takes:
 * then the day is made or dropped later, and what is written meanwhile goes to the default partition.
 */
const TABLE_LOCK_WAIT = '1s';
const LOCK_NOT_AVAILABLE = '55P03';

/** By which a table is divided into days, where it is not the id of a run in `run_id`. */
const KEYS: Partial<Record<DailyTable, string>> = { run: 'id', work: 'day' };
/** fillfactor: rows of these tables are updated in place a few times, then never again. */
const STORAGE: Partial<Record<DailyTable, string>> = {
  run: 'WITH (fillfactor = 70)',
  execution: 'WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)',
};

/**
 * One transaction per table: making a partition locks its parent, and holding one such lock while waiting for another
 * would be a deadlock with whoever writes a run.
 */
export async function maintain(
  pool: Pool,
  options: { runsKeptMs: number; aheadDays: number },
  nowMs: number,
): Promise<{ created: number; dropped: number }> {
  const sum = { created: 0, dropped: 0 };
  for (const table of DAILY_TABLES) {
    const done = await maintainTable(pool, table, options, nowMs).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === LOCK_NOT_AVAILABLE) return undefined;
      throw error;
    });
    // Whoever reads one reads all.
    if (!done) break;
    sum.created += done.created;
    sum.dropped += done.dropped;
  }
  await pool.query('DELETE FROM upgrade WHERE finished_at_ms < $1', [
    Math.max(0, Math.floor(nowMs - options.runsKeptMs)),
  ]);
  await pool.query('DELETE FROM notice_message WHERE finished_at_ms < $1', [
    Math.max(0, Math.floor(nowMs - options.runsKeptMs)),
  ]);
  await pool.query('DELETE FROM idempotency WHERE created_at_ms < $1', [nowMs - limits.idempotencyKeptMs]);
  return sum;
}

/** For runs of days that have no partition of their own. */
export async function defaultPartitionCreate(tx: Executor, table: DailyTable): Promise<void> {
  await tx.query(`CREATE TABLE IF NOT EXISTS ${table}_default PARTITION OF ${table} DEFAULT`);
}

/** `day` counts from the epoch. */
export async function dayPartitionCreate(tx: Executor, table: DailyTable, day: number): Promise<void> {
  const [from, to] = [runIdFloor(day * DAY_MS), runIdFloor((day + 1) * DAY_MS)];
  await tx.query(
    `CREATE TABLE IF NOT EXISTS ${table}_${dayName(day)} PARTITION OF ${table}
     FOR VALUES FROM ('${from}') TO ('${to}') ${STORAGE[table] ?? ''}`,
  );
}

async function maintainTable(
  pool: Pool,
  table: DailyTable,
  options: { runsKeptMs: number; aheadDays: number },
  nowMs: number,
): Promise<{ created: number; dropped: number }> {
  return pool.transaction(async (tx) => {
    // Waits for its turn: a server that went ahead while another still makes the first partitions would have none to write to.
    await tx.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await tx.query(`SET LOCAL lock_timeout = '${TABLE_LOCK_WAIT}'`);
    const { rows } = await tx.query<{ name: string }>(
      `SELECT c.relname AS name
       FROM pg_inherits i
       JOIN pg_class c ON c.oid = i.inhrelid
       JOIN pg_class p ON p.oid = i.inhparent
       JOIN pg_namespace n ON n.oid = p.relnamespace
       WHERE n.nspname = current_schema() AND p.relname = $1`,
      [table],
    );
    const existing = new Set(rows.map((row) => row.name));
    let created = 0;
    let dropped = 0;
    const today = Math.floor(nowMs / DAY_MS);
    const key = KEYS[table] ?? 'run_id';
    if (!existing.has(`${table}_default`)) await defaultPartitionCreate(tx, table);
    for (let day = today - 1; day <= today + options.aheadDays; day++) {
      const name = `${table}_${dayName(day)}`;
      if (existing.has(name)) continue;
      const [from, to] = [runIdFloor(day * DAY_MS), runIdFloor((day + 1) * DAY_MS)];
      // A clock that was wrong once may have left rows of that day in the default partition: then they stay there, and so does the day.
      const astray = await tx.query(`SELECT 1 FROM ${table}_default WHERE ${key} >= $1 AND ${key} < $2 LIMIT 1`, [
        from,
        to,
      ]);
      if (astray.rowCount > 0) continue;
      await dayPartitionCreate(tx, table, day);
      created++;
    }
    const oldest = Math.floor((nowMs - options.runsKeptMs) / DAY_MS);
    for (const name of existing) {
      const day = dayOf(name, table);
      if (day === undefined || day >= oldest || (await isInUse(tx, table, day))) continue;
      await tx.query(`DROP TABLE ${name}`);
      dropped++;
    }
    if (oldest > 0 && table === 'work') await astrayWorkDelete(tx, oldest);
    else if (oldest > 0) await astrayRunsDelete(tx, table, key, oldest);
    return { created, dropped };
  });
}

/** Rows of runs of days that have no partition, by the same rule; few, if any. */
async function astrayRunsDelete(tx: Executor, table: DailyTable, key: string, oldest: number): Promise<void> {
  const astray = `${key} < $1 AND NOT EXISTS (SELECT 1 FROM run_active WHERE run_active.run_id = astray.${key})`;
  // As above: what is retried at this moment is waited for, and then asked again.
  await tx.query(`SELECT 1 FROM ${table}_default AS astray WHERE ${astray} FOR UPDATE`, [runIdFloor(oldest * DAY_MS)]);
  await tx.query(`DELETE FROM ${table}_default AS astray WHERE ${astray}`, [runIdFloor(oldest * DAY_MS)]);
}

/** Once it is answered with no, nobody can begin to use it until the transaction ends. */
async function isInUse(tx: Executor, table: DailyTable, day: number): Promise<boolean> {
  if (table !== 'work') {
    if (await hasActiveRuns(tx, day)) return true;
    // Whoever retries a run of that day has this table until its new round can be seen.
    await tx.query(`LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE`);
    return hasActiveRuns(tx, day);
  }
  if (await hasTasks(tx, day)) return true;
  // Whoever writes a run has this table until its task can be seen.
  await tx.query('LOCK TABLE work IN ACCESS EXCLUSIVE MODE');
  return hasTasks(tx, day);
}

async function hasTasks(tx: Executor, day: number): Promise<boolean> {
  const { rowCount } = await tx.query('SELECT 1 FROM task WHERE run_id >= $1 AND run_id < $2 LIMIT 1', [
    runIdFloor(day * DAY_MS),
    runIdFloor((day + 1) * DAY_MS),
  ]);
  return rowCount > 0;
}

/** Work of days that have no partition, of which no task is left; little, if any. */
async function astrayWorkDelete(tx: Executor, oldest: number): Promise<void> {
  const days = await tx.query<{ day: RunId }>('SELECT DISTINCT day FROM work_default WHERE day < $1', [
    runIdFloor(oldest * DAY_MS),
  ]);
  if (days.rowCount === 0) return;
  // As above: a run that is being written has its work here and a task that nobody else can see yet.
  await tx.query('LOCK TABLE work_default IN SHARE ROW EXCLUSIVE MODE');
  for (const { day } of days.rows)
    await tx.query(
      `DELETE FROM work_default AS astray WHERE day = $1
       AND NOT EXISTS (SELECT 1 FROM task WHERE run_id >= $1 AND run_id < $2 AND work_digest = astray.digest)`,
      [day, runIdFloor(runIdTimeMs(day) + DAY_MS)],
    );
}

async function hasActiveRuns(tx: Executor, day: number): Promise<boolean> {
  const { rowCount } = await tx.query('SELECT 1 FROM run_active WHERE run_id >= $1 AND run_id < $2 LIMIT 1', [
    runIdFloor(day * DAY_MS),
    runIdFloor((day + 1) * DAY_MS),
  ]);
  return rowCount > 0;
}

function dayName(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
}

function dayOf(partition: string, table: string): number | undefined {
  const match = new RegExp(`^${table}_(\\d{4})(\\d{2})(\\d{2})$`).exec(partition);
  return match ? Math.floor(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / DAY_MS) : undefined;
}
