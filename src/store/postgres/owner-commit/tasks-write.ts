/** What becomes of the tasks of runs of several, and the executions of those that have their turn. */
import type { RunId } from '../../../base/ids.ts';
import { RUN_STATES, type RunState } from '../../../domain/flow/run-machine.ts';
import { canTaskMove } from '../../../domain/flow/task-machine.ts';
import type { TaskChange } from '../../contract/owner-commit.ts';
import { type Day, isOfDay } from '../day.ts';
import type { Executor } from '../pool.ts';

/** States from which each may be entered; a task never moves otherwise, whatever its owner thinks. */
const FROM_STATES = Object.fromEntries(
  RUN_STATES.map((to) => [to, RUN_STATES.filter((from) => from === to || canTaskMove(from, to)).join(',')]),
) as Record<RunState, string>;

const WRITE = `UPDATE task
  SET state = c.state, counts = c.counts, opened_at_ms = coalesce(c.opened_at_ms, task.opened_at_ms), outputs = c.outputs,
    position = c.position, decision = c.decision,
    -- Questions of another round are others, though they have the same numbers.
    answer = CASE WHEN c.position IS NULL THEN NULL ELSE task.answer END,
    gate = c.gate, approvals = CASE WHEN c.gate IS NULL THEN NULL ELSE task.approvals END
  FROM unnest(
      $3::uuid[], $4::int[], $5::text[], $6::jsonb[], $7::bigint[], $8::text[], $9::jsonb[], $10::jsonb[], $11::jsonb[], $12::jsonb[]
    )
    WITH ORDINALITY AS c(run_id, task, state, counts, opened_at_ms, allowed, outputs, position, decision, gate, n)
  WHERE ${isOfDay('task.run_id')} AND task.run_id = c.run_id AND task.task = c.task
    AND position(',' || task.state || ',' IN c.allowed) > 0
  RETURNING c.n`;

/** Once only: a task of which a new round repeats a part has its executions. */
const OPEN = `INSERT INTO execution (run_id, task, ordinal, host_id, host_name, item, state, round, seq)
  SELECT c.run_id, c.task, one.ordinal, one.id, one.name, one.item, 'waiting', run.round, c.seq
  FROM unnest($3::uuid[], $4::int[], $5::bigint[], $6::bytea[], $7::jsonb[]) AS c(run_id, task, seq, chosen, items)
  JOIN run ON ${isOfDay('run.id')} AND run.id = c.run_id
  JOIN task ON ${isOfDay('task.run_id')} AND task.run_id = c.run_id AND task.task = c.task
  JOIN run_subjects list ON ${isOfDay('list.run_id')} AND list.run_id = c.run_id AND list.list = task.subjects
  CROSS JOIN LATERAL (
    SELECT id, name, item, row_number() OVER (ORDER BY n) - 1 AS ordinal
    FROM unnest(list.host_ids, list.host_names, list.items) WITH ORDINALITY AS of_list(id, name, item, n)
    WHERE c.items IS NULL
      AND (c.chosen IS NULL OR CASE WHEN n <= length(c.chosen) THEN get_byte(c.chosen, (n - 1)::int) = 1 ELSE false END)
    UNION ALL
    SELECT NULL, NULL, item, n - 1 FROM jsonb_array_elements_text(c.items) WITH ORDINALITY AS told(item, n)
  ) AS one
  WHERE NOT EXISTS (
    SELECT 1 FROM execution e WHERE ${isOfDay('e.run_id')} AND e.run_id = c.run_id AND e.task = c.task
  )`;

const ASK = `INSERT INTO run_asked (run_id, round, task, turn, at_ms)
  SELECT c.run_id, run.round, c.task, c.turn, c.at_ms
  FROM unnest($3::uuid[], $4::int[], $5::bigint[], $6::bigint[]) AS c(run_id, task, turn, at_ms)
  JOIN run ON ${isOfDay('run.id')} AND run.id = c.run_id
  WHERE EXISTS (SELECT FROM channel)
  ON CONFLICT DO NOTHING`;

/** A byte for each host up to the last that is chosen. */
function chosenBytes(places: readonly number[]): Buffer {
  const bytes = Buffer.alloc((places.at(-1) ?? -1) + 1);
  for (const place of places) bytes[place] = 1;
  return bytes;
}

/**
 * Runs with an approval that somebody has answered since its owner has decided on it. Locked until the commit, so that none is answered
 * meanwhile: nothing of such a run is written, for what comes next hangs on it.
 */
export async function answeredSince(tx: Executor, day: Day, changes: readonly TaskChange[]): Promise<RunId[]> {
  const gates = changes.flatMap(({ runId, task, gate }) => (gate ? [{ runId, task, heard: gate.heard }] : []));
  if (gates.length === 0) return [];
  const { rows } = await tx.query<{ run_id: RunId; is_behind: boolean }>({
    name: 'gates-answered',
    text: `SELECT task.run_id, jsonb_array_length(coalesce(task.approvals, '[]')) <> c.heard AS is_behind
      FROM unnest($3::uuid[], $4::int[], $5::int[]) AS c(run_id, task, heard)
      JOIN task ON ${isOfDay('task.run_id')} AND task.run_id = c.run_id AND task.task = c.task
      ORDER BY task.run_id, task.task
      FOR UPDATE OF task`,
    values: [
      day.first,
      day.last,
      gates.map(({ runId }) => runId),
      gates.map(({ task }) => task),
      gates.map(({ heard }) => heard),
    ],
  });
  return rows.flatMap((row) => (row.is_behind ? [row.run_id] : []));
}

/** Answers which of the changes landed. */
export async function tasksWrite(tx: Executor, day: Day, changes: readonly TaskChange[]): Promise<Set<number>> {
  if (changes.length === 0) return new Set();
  const { rows } = await tx.query<{ n: number }>({
    name: 'tasks-write',
    text: WRITE,
    values: [
      day.first,
      day.last,
      changes.map(({ runId }) => runId),
      changes.map(({ task }) => task),
      changes.map(({ to }) => to),
      changes.map(({ counts }) => JSON.stringify(counts)),
      changes.map(({ openedAtMs }) => openedAtMs ?? null),
      changes.map(({ to }) => `,${FROM_STATES[to]},`),
      changes.map(({ outputs }) => (outputs ? JSON.stringify(outputs) : null)),
      changes.map(({ position }) => (position ? JSON.stringify(position) : null)),
      changes.map(({ decision }) => (decision ? JSON.stringify(decision) : null)),
      changes.map(({ gate }) => (gate ? JSON.stringify(gate) : null)),
    ],
  });
  const landed = new Set(rows.map(({ n }) => n - 1));
  const opened = changes.filter(({ openedAtMs }, at) => openedAtMs !== undefined && landed.has(at));
  if (opened.length > 0)
    await tx.query({
      name: 'tasks-open',
      text: OPEN,
      values: [
        day.first,
        day.last,
        opened.map(({ runId }) => runId),
        opened.map(({ task }) => task),
        opened.map(({ seq }) => seq),
        opened.map(({ places }) => (places ? chosenBytes(places) : null)),
        opened.map(({ items }) => (items ? JSON.stringify(items) : null)),
      ],
    });
  const asking = changes.filter(({ asks }, at) => asks && landed.has(at));
  if (asking.length > 0)
    await tx.query({
      name: 'tasks-ask',
      text: ASK,
      values: [
        day.first,
        day.last,
        asking.map(({ runId }) => runId),
        asking.map(({ task }) => task),
        asking.map(({ asks }) => asks!.turn),
        asking.map(({ asks }) => asks!.atMs),
      ],
    });
  return landed;
}
