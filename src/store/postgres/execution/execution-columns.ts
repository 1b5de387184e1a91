/** What a change of an execution says, column by column, as the arrays of a set-based statement. */
import { exitCodeOf, rowsOf, signalOf, statusOf, type Outcome } from '../../../domain/crew/outcome.ts';
import type { Executor, RouteTaken } from '../../../domain/run/executor.ts';
import type { ExecutionChange } from '../../contract/owner-commit.ts';
import { bytes } from '../bytes.ts';

export type Cell = string | number | boolean | Buffer | null;

type Column<T> = readonly [name: string, type: string, pick: (from: T) => Cell];
type ExecutionColumn = Column<ExecutionChange>;

/** Who has the attempt, as the tables say it. */
export const EXECUTOR_COLUMNS: readonly Column<Executor | undefined>[] = [
  ['executor_kind', 'text', (executor) => executor?.kind ?? null],
  ['executor_id', 'uuid', (executor) => executor?.id ?? null],
  ['engine', 'text', (executor) => (executor?.kind === 'worker' ? executor.engine : null)],
];

/** That two rows name the same executor. */
export function isSameExecutorSql(one: string, other: string): string {
  return (
    `${one}.executor_kind = ${other}.executor_kind AND ${one}.executor_id = ${other}.executor_id AND ${one}.engine ` +
    `IS NOT DISTINCT FROM ${other}.engine`
  );
}

/** The way of an attempt: written whole, or not at all. */
export const ROUTE_COLUMNS: readonly Column<RouteTaken | undefined>[] = [
  ...EXECUTOR_COLUMNS.map(
    ([name, type, pick]): Column<RouteTaken | undefined> => [name, type, (r) => pick(r?.executor)],
  ),
  ['instance', 'uuid', (route) => route?.instance ?? null],
  ['worker_id', 'uuid', (route) => route?.workerId ?? null],
];

/** How an attempt ended: the kind, and beside it how its process did, or what a call was answered: people look for executions by it. */
const OUTCOME_COLUMNS: readonly Column<Outcome | undefined>[] = [
  ['outcome', 'text', (outcome) => outcome?.kind ?? null],
  ['exit_code', 'int', (outcome) => exitCodeOf(outcome) ?? null],
  ['signal', 'text', (outcome) => signalOf(outcome) ?? null],
  ['status', 'int', (outcome) => statusOf(outcome) ?? null],
  ['row_count', 'bigint', (outcome) => rowsOf(outcome) ?? null],
];

/** Besides the ordinal: name, type, value. */
export const EXECUTION_COLUMNS: readonly ExecutionColumn[] = [
  ['task', 'int', (c) => c.task],
  ['attempt', 'int', (c) => c.attempt],
  ['allowed', 'text', (c) => `,${c.from.join(',')},`],
  ['state', 'text', (c) => c.to],
  ...ROUTE_COLUMNS.map(([name, type, pick]): ExecutionColumn => [name, type, (c) => pick(c.route)]),
  ['dispatched_at_ms', 'bigint', (c) => c.dispatchedAtMs ?? null],
  ['started_at_ms', 'bigint', (c) => c.startedAtMs ?? null],
  ['finished_at_ms', 'bigint', (c) => c.finishedAtMs ?? null],
  ...OUTCOME_COLUMNS.map(([name, type, pick]): ExecutionColumn => [name, type, (c) => pick(c.outcome)]),
  ['reason', 'text', (c) => c.reason ?? null],
  ['detail', 'text', (c) => c.detail ?? null],
  ['settled_late', 'boolean', (c) => c.settledLate ?? false],
  ['seq', 'bigint', (c) => c.seq],
  ['out_size', 'bigint', (c) => c.stdout?.size ?? 0],
  ['out_head', 'int', (c) => c.stdout?.head ?? 0],
  ['out_tail', 'int', (c) => c.stdout?.tail ?? 0],
  ['out_digest', 'bytea', (c) => bytes(c.stdout?.digest)],
  ['err_size', 'bigint', (c) => c.stderr?.size ?? 0],
  ['err_head', 'int', (c) => c.stderr?.head ?? 0],
  ['err_tail', 'int', (c) => c.stderr?.tail ?? 0],
  ['err_digest', 'bytea', (c) => bytes(c.stderr?.digest)],
];

/** Columns that a new attempt starts without. */
export const FRESH_ATTEMPT = `state = 'waiting', attempt = attempt + 1,
  ${ROUTE_COLUMNS.map(([name]) => `${name} = NULL`).join(', ')},
  dispatched_at_ms = NULL, started_at_ms = NULL, finished_at_ms = NULL,
  outcome = NULL, exit_code = NULL, signal = NULL, status = NULL, row_count = NULL, reason = NULL, detail = NULL, settled_late = false,
  out_size = 0, out_head = 0, out_tail = 0, out_digest = NULL,
  err_size = 0, err_head = 0, err_tail = 0, err_digest = NULL`;

/**
 * A column of a set-based statement: the list of its values, and the one value instead, beside an empty list, where all
 * are the same. An empty list unnests to NULLs, so that a statement takes `coalesce(row, one)`. What is the same in ten
 * thousand rows travels once.
 */
export function columnOf(type: string, cells: readonly Cell[]): [unknown, Cell] {
  const first = cells[0] ?? null;
  const isSame =
    first instanceof Buffer
      ? (cell: Cell): boolean => cell instanceof Buffer && first.equals(cell)
      : (cell: Cell): boolean => cell === first;
  return cells.every(isSame) ? [[], first] : [listOf(type, cells), null];
}

/** Whose values are written without anything in them that a list would have to escape. */
const PLAIN: readonly string[] = ['int', 'bigint', 'uuid'];

/**
 * As the driver takes it; it escapes every value with two regular expressions, which for numbers and ids is most of
 * what a batch costs there.
 */
export function listOf(type: string, cells: readonly Cell[]): unknown {
  if (!PLAIN.includes(type)) return cells;
  let list = '';
  for (const cell of cells) list += list === '' ? (cell ?? 'NULL') : `,${cell ?? 'NULL'}`;
  return `{${list}}`;
}
