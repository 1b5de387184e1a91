/**
 * What is known of attempts of which somebody tells, asked for by key alone: one look into indexes for each, and
 * nothing else of their runs.
 */
import { given } from '../../../base/given.ts';
import type { AttemptKey } from '../../../base/ids.ts';
import type { AttemptStanding } from '../../contract/owner-commit.ts';
import { type Day, groupByDay, isOfDay } from '../day.ts';
import { type ExecutionRow, routeOf } from '../execution/execution-rows.ts';
import type { Pool } from '../pool.ts';

interface StandingRow extends Pick<ExecutionRow, 'state' | 'executor_kind' | 'executor_id' | 'engine'> {
  n: number;
  is_told: boolean;
  output_kept_bytes: number;
}

const isSame = (table: string): string =>
  `${isOfDay(`${table}.run_id`)} AND ${table}.run_id = k.run_id AND ${table}.task = k.task AND ${table}.ordinal ` +
  `= k.ordinal AND ${table}.attempt = k.attempt`;
const standing = (table: string, isTold: string): string =>
  `SELECT ${table}.state, ${table}.executor_kind, ${table}.executor_id, ${table}.engine, ${isTold} AS is_told`;

const LOOK = `SELECT k.n, a.*,
    (
      SELECT (t.policy ->> 'outputKeptBytes')::int
      FROM task t
      WHERE ${isOfDay('t.run_id')} AND t.run_id = k.run_id AND t.task = k.task
    ) AS output_kept_bytes
  FROM unnest($3::uuid[], $4::int[], $5::int[], $6::int[]) WITH ORDINALITY AS k(run_id, task, ordinal, attempt, n)
  CROSS JOIN LATERAL (
    ${standing('e', 'false')} FROM execution e WHERE ${isSame('e')}
    UNION ALL
    ${standing('h', `EXISTS (SELECT 1 FROM late_report l WHERE ${isSame('l')})`)} FROM execution_history h WHERE ${isSame('h')}) AS a`;

export async function attemptsLook(
  pool: Pool,
  keys: readonly AttemptKey[],
): Promise<readonly (AttemptStanding | undefined)[]> {
  const found: (AttemptStanding | undefined)[] = keys.map(() => undefined);
  const places = groupByDay([...keys.keys()], (at) => keys[at]!.runId);
  for (const [day, own] of places) for (const [at, one] of await lookInDay(pool, day, own, keys)) found[at] = one;
  return found;
}

async function lookInDay(
  pool: Pool,
  day: Day,
  places: readonly number[],
  keys: readonly AttemptKey[],
): Promise<[number, AttemptStanding][]> {
  const own = places.map((at) => keys[at]!);
  const { rows } = await pool.query<StandingRow>({
    name: 'attempts-look',
    text: LOOK,
    values: [
      day.first,
      day.last,
      own.map((key) => key.runId),
      own.map((key) => key.task),
      own.map((key) => key.ordinal),
      own.map((key) => key.attempt),
    ],
  });
  return rows.map((row) => [
    places[row.n - 1]!,
    {
      state: row.state,
      isTold: row.is_told,
      outputKeptBytes: row.output_kept_bytes,
      ...given({ executor: routeOf({ ...row, instance: null, worker_id: null })?.executor }),
    },
  ]);
}
