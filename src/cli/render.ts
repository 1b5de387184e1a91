/** How runs look on a terminal. Pure: text in, text out. */
import { createHash } from 'node:crypto';
import { formatDurationMs } from '../base/duration.ts';
import type { ExecutionState } from '../domain/crew/execution-machine.ts';
import { exitCodeOf, signalOf, type Outcome } from '../domain/crew/outcome.ts';
import { foldNames } from '../domain/target/fold-names.ts';
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
const BAD: ReadonlySet<string> = new Set<ExecutionState>(['failed', 'timed_out', 'lost', 'not_started']);
const WORDS: Readonly<Record<string, string>> = { timed_out: 'timed out', not_started: 'not started' };

function stateWord(state: string): string {
  return WORDS[state] ?? state;
}

/** Whether somebody has to look at it. */
export function isBad(state: string): boolean {
  return BAD.has(state);
}

export function paintState(state: string, paint: Paint, text = stateWord(state)): string {
  if (state === 'succeeded') return paint.green(text);
  if (isBad(state)) return paint.red(text);
  return ['cancelled', 'skipped', 'stopping'].includes(state) ? paint.yellow(text) : text;
}

export function countsLine(counts: Readonly<Record<string, number>>, paint: Paint): string {
  return (
    ORDER.filter((state) => (counts[state] ?? 0) > 0)
      .map((state) => paintState(state, paint, `${counts[state]} ${stateWord(state)}`))
      .join(', ') || 'nothing to do'
  );
}

/** One line: bar, share, counts. Fits the width, so that it can be drawn over. */
export function progressLine(
  counts: Readonly<Record<string, number>>,
  total: number,
  width: number,
  paint: Paint,
): string {
  const open = (counts.waiting ?? 0) + (counts.dispatched ?? 0) + (counts.running ?? 0);
  const done = total - open;
  const plain = countsLine(counts, createPaint(false));
  const share = `${done}/${total}`;
  // The last column stays free: some terminals go to the next line when it is filled.
  const cells = Math.max(0, Math.min(30, Math.max(10, width - 60), width - 1 - share.length - 3 - plain.length));
  const room = width - 1 - cells - share.length - 3;
  const filled = total === 0 ? cells : Math.floor((done / total) * cells);
  return (
    `${'█'.repeat(filled)}${paint.dim('░'.repeat(cells - filled))} ${share}  ` +
    `${plain.length <= room ? countsLine(counts, paint) : cutText(plain, Math.max(1, room))}`
  );
}

export interface Ending {
  readonly state: string;
  readonly outcome?: Outcome | undefined;
  readonly reason?: string | undefined;
}

export function endingText(ending: Ending): string {
  const code = exitCodeOf(ending.outcome);
  const how = signalOf(ending.outcome) ?? (code ? `exit ${code}` : undefined);
  // Signal and reason are the words of a host.
  return plainText([stateWord(ending.state), how, ending.reason].filter(Boolean).join(', '));
}

/** What is kept of a stream: head and tail, and how much between them is not. */
export interface Kept {
  readonly bytes: Buffer;
  readonly head: number;
  readonly gap: number;
}
export interface FoldedGroup {
  readonly ending: Ending;
  readonly hosts: readonly string[];
  readonly count: number;
  readonly stdout: Kept;
  readonly stderr: Kept;
  /** What sets it apart from a group before it that looks the same. */
  readonly difference?: string | undefined;
}

/**
 * Groups whose outputs differ in bytes that nobody sees: a newline at the end, or what a terminal must not be given.
 * Digests are held, not outputs.
 */
export class Likenesses {
  readonly #seen = new Map<string, Readonly<Record<'stdout' | 'stderr', Digests>>>();

  /** How a group differs from the one before it that looks the same, if there is one. `looks` is its folded text without the hosts. */
  difference(looks: string, group: Pick<FoldedGroup, 'stdout' | 'stderr'>): string | undefined {
    const mine = { stdout: digestsOf(group.stdout.bytes), stderr: digestsOf(group.stderr.bytes) };
    const key = digest(looks);
    const before = this.#seen.get(key);
    if (!before) return void this.#seen.set(key, mine);
    const found = (['stdout', 'stderr'] as const).flatMap((stream) => {
      if (mine[stream].exact === before[stream].exact) return [];
      if (mine[stream].exact === before[stream].ended) return [`a newline at the end of its ${stream}`];
      if (mine[stream].ended === before[stream].exact) return [`no newline at the end of its ${stream}`];
      return [`other bytes in its ${stream} that are not shown (--raw gives them)`];
    });
    return `as above, but with ${found.join(' and ')}`;
  }
}

/** Of an output as it is, and as it would be with a newline more. */
interface Digests {
  readonly exact: string;
  readonly ended: string;
}

function digestsOf(bytes: Buffer): Digests {
  return { exact: digest(bytes), ended: digest(bytes, '\n') };
}

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('base64');
}

/** Output that several hosts share, once, under their names. `decode` makes text of bytes. */
export function foldedText(group: FoldedGroup, paint: Paint, decode: (bytes: Uint8Array) => string): string {
  const more = group.count > group.hosts.length ? ` … and ${group.count - group.hosts.length} more` : '';
  const head =
    `${paint.bold(`── ${plainText(foldNames(group.hosts))}${more}`)} ${paint.dim(`(${group.count})`)} ` +
    `${paintState(group.ending.state, paint, endingText(group.ending))}` +
    `${group.difference === undefined ? '' : ` ${paint.yellow(`(${group.difference})`)}`}`;
  const [stdout, stderr] = [block(group.stdout, paint, decode), block(group.stderr, paint, decode)];
  return [head, stdout, stderr === '' ? '' : `${paint.dim('stderr:')}\n${stderr}`].filter(Boolean).join('\n');
}

function block({ bytes, head, gap }: Kept, paint: Paint, decode: (bytes: Uint8Array) => string): string {
  if (gap === 0) return decode(bytes).replace(/\n$/, '');
  const [before, after] = [
    decode(bytes.subarray(0, head)).replace(/\n$/, ''),
    decode(bytes.subarray(head)).replace(/\n$/, ''),
  ];
  return [
    before,
    paint.yellow(
      `… ${gap} bytes are not kept here; a host with an agent still has them: drover runs output RUN --host HOST --full`,
    ),
    after,
  ]
    .filter(Boolean)
    .join('\n');
}

export function verdictLine(
  run: {
    id: string;
    state: string;
    counts: Readonly<Record<string, number>>;
    hostCount: number;
    durationMs?: number | undefined;
  },
  paint: Paint,
): string {
  const took = run.durationMs === undefined ? '' : ` in ${formatDurationMs(run.durationMs)}`;
  return (
    `${paintState(run.state, paint, paint.bold(stateWord(run.state)))}: ${countsLine(run.counts, paint)} of ` +
    `${run.hostCount}${took}  ${paint.dim(run.id)}`
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
