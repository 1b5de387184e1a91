/**
 * What the owner of a partition decided, written in one transaction. The partition row is locked FOR SHARE first: a
 * takeover (an UPDATE of that row) waits until this commits, and after it this finds another term and writes nothing.
 * Executions change only if attempt and state still are what the owner thinks.
 *
 * Changes are grouped by the day of their runs, so that a batch takes the same few statements however many runs are in it, and each names
 * the bounds of one day: PostgreSQL then reads that day's partition alone.
 */
import type { AttemptKey, RunId } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import { isTerminalRun, RUN_STATES, RUN_TRANSITIONS, type RunState } from '../../../domain/flow/run-machine.ts';
import type {
  CommitResult,
  ExecutionChange,
  LateReportChange,
  NotKept,
  OwnerCommit,
} from '../../contract/owner-commit.ts';
import type { RunChange } from '../../contract/run.ts';
import type { TimelineEntry } from '../../contract/timeline.ts';
import { groupByRun } from '../by-run.ts';
import { bytes } from '../bytes.ts';
import { type Day, groupByDay, isOfDay } from '../day.ts';
import { columnOf, EXECUTION_COLUMNS, FRESH_ATTEMPT, listOf, ROUTE_COLUMNS } from '../execution/execution-columns.ts';
import { fenceKey, heldFences } from '../lease/fence.ts';
import { allAtOnce, type Apart, byHalves } from './apart.ts';
import { KEY_ROWS, keysOf } from './execution-keys.ts';
import { lateReportsWrite } from './late-report.ts';
import { outputValuesWrite } from '../output-value.ts';
import { agentsUninstalled } from './agents-uninstalled.ts';
import { type Executor, isDataRefused, type Pool } from '../pool.ts';
import { answeredSince, tasksWrite } from './tasks-write.ts';
import { timelineWrite } from '../timeline.ts';

/**
 * What several partitions have decided, each under its own term, in one transaction. Where the database refuses a value
 * in it, all is written once more by halves, so that one host's nonsense holds up no other.
 */
export async function ownerCommitMany(pool: Pool, commits: readonly OwnerCommit[]): Promise<readonly CommitResult[]> {
  try {
    return await pool.transaction((tx) => commitsWrite(tx, commits, allAtOnce));
  } catch (error) {
    if (!isDataRefused(error)) throw error;
    return pool.transaction((tx) => commitsWrite(tx, commits, byHalves(tx)));
  }
}

async function commitsWrite(
  tx: Executor,
  commits: readonly OwnerCommit[],
  apart: Apart,
): Promise<readonly CommitResult[]> {
  const held = await heldFences(
    tx,
    commits.map(({ fence }) => fence),
  );
  const own = commits.filter(({ fence }) => held.has(fenceKey(fence)));
  const written = await decisionsWrite(
    tx,
    {
      executions: own.flatMap(({ executions }) => executions),
      runs: own.flatMap(({ runs }) => runs),
      tasks: own.flatMap(({ tasks }) => tasks ?? []),
      timeline: own.flatMap(({ timeline }) => timeline),
      lateReports: own.flatMap(({ lateReports }) => lateReports ?? []),
    },
    apart,
  );
  let offset = 0;
  return commits.map((commit): CommitResult => {
    if (!own.includes(commit)) return { kind: 'fenced' };
    const [from, to] = [offset, (offset += commit.executions.length)];
    const runs = new Set(
      [...commit.runs, ...commit.executions, ...(commit.lateReports ?? [])].map(({ runId }) => runId),
    );
    return {
      kind: 'committed',
      refused: written.refused.flatMap((i) => (i >= from && i < to ? [i - from] : [])),
      stale: written.stale.filter((runId) => runs.has(runId)),
      notKept: written.notKept.filter(({ runId }) => runs.has(runId)),
    };
  });
}

async function decisionsWrite(
  tx: Executor,
  commit: Required<Omit<OwnerCommit, 'fence'>>,
  apart: Apart,
): Promise<Omit<Extract<CommitResult, { kind: 'committed' }>, 'kind'>> {
  const refused: number[] = [];
  const notKept: NotKept[] = [];
  const stale = await reopenedRuns(tx, commit.runs);
  for (const [day, changes] of groupByDay(commit.tasks, ({ runId }) => runId))
    for (const runId of await answeredSince(tx, day, changes)) stale.add(runId);
  const current = commit.executions.flatMap(({ runId }, i) => (stale.has(runId) ? [] : [i]));
  const landed = new Set<number>();
  for (const [day, indexes] of groupByDay(current, (i) => commit.executions[i]!.runId)) {
    const bad = await apart(indexes, async (some) => {
      const changes = some.map((i) => commit.executions[i]!);
      for (const n of await executionsWrite(tx, day, changes)) landed.add(some[n]!);
    });
    for (const { item, why } of bad) notKept.push({ ...keyOf(commit.executions[item]!), why });
  }
  commit.executions.forEach((_, i) => landed.has(i) || refused.push(i));
  for (const i of refused) stale.add(commit.executions[i]!.runId);
  const tasks = commit.tasks.filter(({ runId }) => !stale.has(runId));
  for (const [day, changes] of groupByDay(tasks, ({ runId }) => runId)) {
    const written = await tasksWrite(tx, day, changes);
    for (const [at, { runId }] of changes.entries()) if (!written.has(at)) stale.add(runId);
  }
  // A run of which the owner's view was stale is read again and written then; its counts would be wrong now.
  const changed = commit.runs.filter(({ runId }) => !stale.has(runId));
  for (const [day, changes] of groupByDay(changed, ({ runId }) => runId)) await runsWrite(tx, day, changes);
  const reports = commit.lateReports.filter((report) => !stale.has(report.runId));
  const late: TimelineEntry[] = [];
  for (const [runId, indexes] of groupByRun(reports)) {
    const bad = await apart(indexes, async (some) => {
      late.push(
        ...(await lateWrite(
          tx,
          runId,
          some.map((i) => reports[i]!),
        )),
      );
    });
    for (const { item, why } of bad) notKept.push({ ...keyOf(reports[item]!), why });
  }
  await timelineWrite(tx, [...commit.timeline.filter((entry) => !stale.has(entry.runId)), ...late]);
  return { refused, stale: [...stale], notKept };
}

function keyOf({ runId, task, ordinal, attempt }: AttemptKey): AttemptKey {
  return { runId, task, ordinal, attempt };
}

/** Runs that their owner believes over and that a retry has opened since. Locked until the commit, so that none is opened meanwhile. */
async function reopenedRuns(tx: Executor, changes: readonly RunChange[]): Promise<Set<RunId>> {
  const reopened = new Set<RunId>();
  const ended = changes.filter(({ endedRound }) => endedRound !== undefined);
  for (const { runId, endedRound } of ended.sort((a, b) => (a.runId < b.runId ? -1 : 1))) {
    const { rowCount } = await tx.query({
      name: 'run-round',
      text: 'SELECT 1 FROM run WHERE id = $1 AND round = $2 FOR NO KEY UPDATE',
      values: [runId, endedRound],
    });
    if (rowCount === 0) reopened.add(runId);
  }
  return reopened;
}

const HOSTS_NAMED_MAX = 20;

/** What was told too late to change anything; what of it is news belongs on the timeline. */
async function lateWrite(tx: Executor, runId: RunId, reports: readonly LateReportChange[]): Promise<TimelineEntry[]> {
  const news = await lateReportsWrite(tx, runId, reports);
  // Of the others nothing is kept: whoever tells of an attempt again and again would fill the tables with what nobody can read.
  const kept = news.map(({ at }) => reports[at]!);
  await blobsWrite(tx, kept);
  await outputValuesWrite(tx, kept);
  const hosts = [...new Set(news.map(({ hostName }) => hostName))].sort();
  const { seq, receivedAtMs: atMs } = reports[0]!;
  return hosts.length === 0
    ? []
    : [
        {
          runId,
          seq,
          kind: 'late-report',
          atMs,
          detail: { hosts: hosts.slice(0, HOSTS_NAMED_MAX), count: hosts.length },
        },
      ];
}

/** What is once known stays known: a later change that does not say it again does not take it away. */
const KEPT: readonly string[] = ['dispatched_at_ms', 'started_at_ms'];
const ROUTE: readonly string[] = ROUTE_COLUMNS.map(([name]) => name);

const KEYS: readonly string[] = ['task', 'attempt', 'allowed'];

const WRITTEN: typeof EXECUTION_COLUMNS = [['run_id', 'uuid', (c) => c.runId], ...EXECUTION_COLUMNS];

/**
 * Most columns of a batch say the same in every row: such a one travels once, beside an empty array, which unnest fills with NULLs.
 * Each row then has the one value or its own.
 */
const EXECUTIONS_WRITE = ((): string => {
  const value = (name: string): string => {
    const at = WRITTEN.findIndex(([column]) => column === name);
    return `coalesce(c.${name}, $${2 * at + 5}::${WRITTEN[at]![1]})`;
  };
  const written = (name: string): string => {
    if (KEPT.includes(name)) return `coalesce(${value(name)}, e.${name})`;
    // A way has its columns together: that of a worker has an engine, that of an agent an instance.
    return ROUTE.includes(name)
      ? `CASE WHEN ${value('executor_kind')} IS NULL THEN e.${name} ELSE ${value(name)} END`
      : value(name);
  };
  const sets = EXECUTION_COLUMNS.filter(([name]) => !KEYS.includes(name)).map(([name]) => `${name} = ${written(name)}`);
  const arrays = WRITTEN.map(([, type], at) => `$${2 * at + 4}::${type}[]`);
  return `UPDATE execution e SET ${sets.join(', ')}
    FROM unnest($3::int[], ${arrays.join(', ')}) WITH ORDINALITY AS c(ordinal, ${WRITTEN.map(([name]) => name).join(', ')}, n)
    WHERE ${isOfDay('e.run_id')} AND e.run_id = ${value('run_id')} AND e.task = ${value('task')}
      AND e.ordinal = c.ordinal AND e.attempt = ${value('attempt')}
      AND position(',' || e.state || ',' IN ${value('allowed')}) > 0
    RETURNING c.n`;
})();

/**
 * Answers which of the changes landed. Two changes of one execution in a batch would race each other: the owner folds them.
 *
 * What it costs, in µs of PostgreSQL's CPU per execution (all its processes; PostgreSQL 18, 2 shared cores, November 2026; medians of
 * five runs of 10,000 hosts, durable): dispatched 8; final without output 7, with one output for all 8, with an output of
 * 100 bytes of its own each 13. Final with one output, in batches of 5,000: 8, of 500: 10, of 50: 18.
 * Tried and left: a prepared UPDATE per row in one transaction 101; rows as jsonb_to_recordset 9, for half of the columns; an index on
 * (run_id, seq) 10 or on (run_id, state) 11, and with either no update is heap-only any more; fillfactor 100 instead of 50: 9.
 */
async function executionsWrite(tx: Executor, day: Day, changes: readonly ExecutionChange[]): Promise<Set<number>> {
  const { rows } = await tx.query<{ n: number }>({
    name: 'executions-write',
    text: EXECUTIONS_WRITE,
    values: [
      day.first,
      day.last,
      listOf(
        'int',
        changes.map((change) => change.ordinal),
      ),
      ...WRITTEN.flatMap(([, type, pick]) => columnOf(type, changes.map(pick))),
    ],
  });
  const landed = new Set(rows.map((row) => row.n - 1));
  const written = changes.filter((_change, i) => landed.has(i));
  await blobsWrite(tx, written);
  await outputValuesWrite(tx, written);
  await digestsWrite(tx, day, written);
  await attemptsReopen(
    tx,
    day,
    written.filter((change) => change.retry),
  );
  await agentsUninstalled(
    tx,
    day,
    written.filter((change) => change.uninstalls),
  );
  return landed;
}

/** The settled attempt moves to the history and the next one waits, in the same transaction as its outcome. */
async function attemptsReopen(tx: Executor, day: Day, changes: readonly ExecutionChange[]): Promise<void> {
  if (changes.length === 0) return;
  const match = `${isOfDay('e.run_id')} AND e.run_id = k.run_id AND e.task = k.task AND e.ordinal = k.ordinal`;
  await tx.query(
    `INSERT INTO execution_history SELECT e.* FROM execution e, ${KEY_ROWS} WHERE ${match} ON CONFLICT DO NOTHING`,
    keysOf(day, changes),
  );
  await tx.query(
    `UPDATE execution e SET ${FRESH_ATTEMPT}, failures_in_round = failures_in_round + 1 FROM ${KEY_ROWS} WHERE ${match}`,
    keysOf(day, changes),
  );
}

async function blobsWrite(tx: Executor, changes: readonly (ExecutionChange | LateReportChange)[]): Promise<void> {
  const blobs = new Map<string, { runId: RunId; digest: Uint8Array; bytes: Uint8Array }>();
  for (const { runId, stdout, stderr } of changes) {
    for (const stream of [stdout, stderr]) {
      if (stream?.digest && stream.inline)
        blobs.set(`${runId}${Buffer.from(stream.digest).toString('latin1')}`, {
          runId,
          digest: stream.digest,
          bytes: stream.inline,
        });
    }
  }
  if (blobs.size === 0) return;
  // In key order, so that two batches of one run can never wait for each other.
  const sorted = [...blobs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, blob]) => blob);
  await tx.query({
    name: 'blobs-write',
    text: `INSERT INTO output_blob (run_id, digest, bytes)
      SELECT *
      FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])
      ON CONFLICT DO NOTHING`,
    values: [
      sorted.map((blob) => blob.runId),
      sorted.map((blob) => bytes(blob.digest)),
      sorted.map((blob) => bytes(blob.bytes)),
    ],
  });
}

/** States from which each state may be entered; a run never moves otherwise, whatever its owner thinks. */
const FROM_STATES = Object.fromEntries(
  RUN_STATES.map((to) => [
    to,
    RUN_STATES.filter((from) => from === to || (RUN_TRANSITIONS[from] as readonly RunState[]).includes(to)),
  ]),
) as Record<RunState, RunState[]>;

async function runsWrite(tx: Executor, day: Day, changes: readonly RunChange[]): Promise<void> {
  const terminal = changes.map(({ to }) => to !== undefined && isTerminalRun(to));
  await tx.query({
    name: 'runs-write',
    // An end is noted for whoever is to be told of it, by the statement that makes it one.
    text: `WITH written AS (
           UPDATE run
           SET state = coalesce(c.state, run.state), counts = c.counts, seq = greatest(run.seq, c.seq),
             started_at_ms = coalesce(run.started_at_ms, c.started_at_ms),
             finished_at_ms = CASE WHEN c.terminal THEN coalesce(c.finished_at_ms, run.finished_at_ms) ELSE run.finished_at_ms END
           FROM unnest(
             $3::uuid[], $4::text[], $5::jsonb[], $6::bigint[], $7::bigint[], $8::boolean[], $9::bigint[], $10::text[]
           )
             AS c(id, state, counts, seq, started_at_ms, terminal, finished_at_ms, allowed)
           WHERE ${isOfDay('run.id')} AND run.id = c.id AND (c.state IS NULL OR position(',' || run.state || ',' IN c.allowed) > 0)
           RETURNING run.id, run.round, run.state, run.counts, run.finished_at_ms, c.terminal)
           INSERT INTO run_ended (run_id, round, state, counts, at_ms)
           SELECT id, round, state, counts, finished_at_ms
           FROM written
           WHERE terminal AND EXISTS (SELECT FROM channel)
           ON CONFLICT DO NOTHING`,
    values: [
      day.first,
      day.last,
      changes.map((change) => change.runId),
      changes.map((change) => change.to ?? null),
      changes.map((change) => JSON.stringify(change.counts)),
      changes.map((change) => change.seq),
      changes.map((change) => change.startedAtMs ?? null),
      terminal,
      changes.map((change) => change.finishedAtMs ?? null),
      changes.map((change) => (change.to ? `,${FROM_STATES[change.to].join(',')},` : null)),
    ],
  });
  const ended = changes.filter((_, i) => terminal[i]);
  if (ended.length > 0)
    await tx.query({
      name: 'runs-inactive',
      text: 'DELETE FROM run_active WHERE run_id = ANY ($1)',
      values: [ended.map((change) => change.runId)],
    });
}

/**
 * Large output has come as chunks before its report: its digest is that of the chunks, whatever the report says. Chunks
 * that are not what the report promises are not shown as its output.
 */
const DIGESTS_WRITE = ((): string => {
  const stream = (name: 'out' | 'err', number: 1 | 2): string => `
    SELECT e.run_id, e.task, e.ordinal, ${number} AS stream, coalesce(sum(length(c.bytes)), 0) = e.${name}_head + e.${name}_tail AS whole,
      sha256(
        coalesce(string_agg(c.bytes, ''::bytea ORDER BY c.seq), ''::bytea)
          || int8send(e.${name}_size - e.${name}_head - e.${name}_tail)
      ) AS digest
    FROM ${KEY_ROWS} JOIN execution e ON ${isOfDay('e.run_id')} AND e.run_id = k.run_id AND e.task = k.task AND e.ordinal = k.ordinal
    LEFT JOIN output_chunk c ON ${isOfDay('c.run_id')} AND c.run_id = e.run_id AND c.task = e.task
      AND c.ordinal = e.ordinal AND c.attempt = e.attempt AND c.stream = ${number}
    WHERE e.${name}_digest IS NOT NULL AND e.${name}_head + e.${name}_tail > $6
    GROUP BY e.run_id, e.task, e.ordinal, e.${name}_size, e.${name}_head, e.${name}_tail`;
  const sets = (['out', 'err'] as const).map(
    (
      name,
    ) => `${name}_digest = CASE WHEN ${name}.whole IS NULL THEN e.${name}_digest WHEN ${name}.whole THEN ${name}.digest END,
      ${name}_head = CASE WHEN ${name}.whole IS false THEN 0 ELSE e.${name}_head END,
      ${name}_tail = CASE WHEN ${name}.whole IS false THEN 0 ELSE e.${name}_tail END`,
  );
  return `WITH o AS (${stream('out', 1)}), r AS (${stream('err', 2)})
    UPDATE execution e SET ${sets.join(', ')}
    FROM ${KEY_ROWS} LEFT JOIN o AS out USING (run_id, task, ordinal) LEFT JOIN r AS err USING (run_id, task, ordinal)
    WHERE ${isOfDay('e.run_id')} AND e.run_id = k.run_id AND e.task = k.task AND e.ordinal = k.ordinal`;
})();

/** As many reports as have chunks come no faster than chunks are written, so a commit has few of them. */
async function digestsWrite(tx: Executor, day: Day, changes: readonly ExecutionChange[]): Promise<void> {
  const chunked = changes.filter((change) =>
    [change.stdout, change.stderr].some(
      (stream) => stream?.digest && stream.head + stream.tail > limits.outputInlineBytesMax,
    ),
  );
  if (chunked.length > 0)
    await tx.query({
      name: 'digests-write',
      text: DIGESTS_WRITE,
      values: [...keysOf(day, chunked), limits.outputInlineBytesMax],
    });
}
