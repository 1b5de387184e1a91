/** How runs look on a terminal. Pure: text in, text out. */
import { formatDurationMs } from '../base/duration.ts';
import type { ExecutionState } from '../domain/crew/execution-machine.ts';
import type { RunState } from '../domain/flow/run-machine.ts';
import { cutText, padText, plainText, textWidth } from './text-width.ts';

export interface Paint {
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

export function createPaint(colour: boolean): Paint {
  const code =
    (on: number, off: number) =>
    (text: string): string =>
      colour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { green: code(32, 39), red: code(31, 39), yellow: code(33, 39), dim: code(2, 22), bold: code(1, 22) };
}

const ORDER = [
  'succeeded',
  'failed',
  'timed_out',
  'lost',
  'not_started',
  'cancelled',
  'skipped',
  'running',
  'dispatched',
  'waiting',
] as const satisfies readonly ExecutionState[];
/** Ends that are no fault of theirs. */
const LEFT: ReadonlySet<string> = new Set<ExecutionState>(['cancelled', 'skipped']);
const BAD: ReadonlySet<string> = new Set<ExecutionState>(['failed', 'timed_out', 'lost', 'not_started']);
const WORDS: Readonly<Record<string, string>> = { timed_out: 'timed out', not_started: 'not started' };

export function stateWord(state: string): string {
  return WORDS[state] ?? state;
}

/** Whether somebody has to look at it. */
export function isBad(state: string): boolean {
  return BAD.has(state);
}

export function paintState(state: string, paint: Paint, text = stateWord(state)): string {
  if (state === 'succeeded') return paint.green(text);
  if (isBad(state)) return paint.red(text);
  return ['cancelled', 'skipped', 'stopping', 'paused'].includes(state) ? paint.yellow(text) : text;
}

/** Empty where none is counted. */
export function countsLine(counts: Readonly<Record<string, number>>, paint: Paint): string {
  return ORDER.filter((state) => (counts[state] ?? 0) > 0)
    .map((state) => paintState(state, paint, `${counts[state]} ${stateWord(state)}`))
    .join(', ');
}

interface RunStanding {
  readonly state: RunState;
  readonly counts: Readonly<Record<string, number>>;
  readonly hostCount: number;
  readonly job?: unknown;
  readonly finishedAt?: string | undefined;
  /** Something of it waits for an answer. */
  readonly asks?: boolean | undefined;
}

/** Whether more may come than is counted: steps of a job are counted once they have their turn. */
function mayGrow({ finishedAt, job }: RunStanding): boolean {
  return job !== undefined && finishedAt === undefined;
}

/** What has been carried out of it. Steps that wait for people or for a time are carried out by nobody. */
export function carriedOut(run: RunStanding, paint: Paint): string {
  const counts = countsLine(run.counts, paint);
  if (counts !== '') return mayGrow(run) ? `${counts} so far` : counts;
  if (run.finishedAt !== undefined) return run.state === 'skipped' ? 'nothing to do' : '';
  return 'nothing carried out yet';
}

/** How it stands while it is followed. */
export function standingText(run: RunStanding, paint: Paint): string {
  const total = totalOfRun(run);
  const of = mayGrow(run) || total === 0 ? '' : ` of ${total}`;
  return `${run.asks ? 'asks; ' : ''}${carriedOut(run, paint)}${of}`;
}

/** One line: bar, share, counts. Fits the width, so that it can be drawn over. The bar is full only when nothing more can come. */
export function progressLine(run: RunStanding, width: number, paint: Paint): string {
  const { counts } = run;
  const total = totalOfRun(run);
  const open = (counts.waiting ?? 0) + (counts.dispatched ?? 0) + (counts.running ?? 0);
  const done = total - open;
  const textIn = (by: Paint): string => `${run.asks ? 'asks; ' : ''}${carriedOut(run, by)}`;
  const plain = textIn(createPaint(false));
  const share = total === 0 ? '' : ` ${done}/${total}`;
  // The last column stays free: some terminals go to the next line when it is filled.
  const cells = Math.max(0, Math.min(30, Math.max(10, width - 60), width - 1 - share.length - 2 - plain.length));
  const room = width - 1 - cells - share.length - 2;
  const most = mayGrow(run) ? Math.max(0, cells - 1) : cells;
  const filled = total === 0 ? 0 : Math.min(most, Math.floor((done / total) * cells));
  return (
    `${'█'.repeat(filled)}${paint.dim('░'.repeat(cells - filled))}${share}  ` +
    `${plain.length <= room ? textIn(paint) : cutText(plain, Math.max(1, room))}`
  );
}

/** Hosts of a command; of a job, and of a task without hosts, the executions that there are so far. */
function totalOfRun({ counts, hostCount, job }: Pick<RunStanding, 'counts' | 'hostCount' | 'job'>): number {
  return job === undefined && hostCount > 0 ? hostCount : Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function verdictLine(
  run: RunStanding & { readonly id: string; readonly durationMs?: number | undefined },
  paint: Paint,
): string {
  const took = run.durationMs === undefined ? '' : ` in ${formatDurationMs(run.durationMs)}`;
  const total = totalOfRun(run);
  const unit = run.job === undefined ? '' : total === 1 ? ' execution' : ' executions';
  const of = total === 0 || mayGrow(run) ? '' : ` of ${total}${unit}`;
  const left = run.state === 'succeeded' && badIn(run.counts, []).length > 0;
  const state = `${stateWord(run.state)}${run.asks ? ', asks' : ''}`;
  const what = carriedOut(run, paint);
  return (
    `${paintState(run.state, paint, paint.bold(state))}${what === '' ? '' : `: ${what}`}${of}${took}` +
    `${left ? '; the job goes on where those of some steps do not succeed' : ''}  ${paint.dim(run.id)}`
  );
}

/** What a new round of executions in these states leaves as it is, with the options for it; undefined where that is nothing. */
export function leftOutText(
  counts: Readonly<Record<string, number>>,
  states: readonly ExecutionState[],
): string | undefined {
  const left = badIn(counts, states).map(
    (state) => `${counts[state]} ${stateWord(state)} (--${state.replace('_', '-')})`,
  );
  return left.length === 0 ? undefined : `not done again: ${left.join(', ')}`;
}

/** States that are ends, and no successes, of which there are some. */
function badIn(counts: Readonly<Record<string, number>>, but: readonly ExecutionState[]): ExecutionState[] {
  return ORDER.filter(
    (state) => (counts[state] ?? 0) > 0 && (BAD.has(state) || LEFT.has(state)) && !but.includes(state),
  );
}

/** Columns as wide as their widest cell, two spaces apart. Cells are names and texts of others: shown, never obeyed. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => plainText(cell)));
  const widths = header.map((_, column) => cells.reduce((widest, row) => Math.max(widest, textWidth(row[column]!)), 0));
  return cells
    .map((row) =>
      row
        .map((cell, column) => padText(cell, widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `2026-03-01 12:00:00 +01:00`: the time of this place with its zone, or UTC. */
export function timeText(iso: string | undefined, utc: boolean): string {
  if (iso === undefined) return '';
  const at = new Date(iso);
  const offset = utc ? 0 : -at.getTimezoneOffset();
  const local = new Date(at.getTime() + offset * 60_000).toISOString();
  const two = (value: number): string => String(value).padStart(2, '0');
  const zone =
    offset === 0
      ? 'UTC'
      : `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${zone}`;
}

/** Nothing for what is not known. */
export function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : `${Math.round(bytes / 1_048_576)} MiB`;
}
