/** How executions ended, and what they wrote: outputs that several hosts share once, under their names. Pure: text in, text out. */
import { createHash } from 'node:crypto';
import { exitCodeOf, rowsOf, signalOf, statusOf, type Outcome } from '../../domain/crew/outcome.ts';
import { foldNames } from '../../domain/target/fold-names.ts';
import { paintState, stateWord, type Paint } from '../render.ts';
import { plainText } from '../text-width.ts';

/** Where it runs, or for what, for people: its host, its item, or that a worker carries it out. No host can be called that. */
export function hostText({
  host,
  item,
}: {
  readonly host?: string | undefined;
  readonly item?: string | undefined;
}): string {
  return host ?? item ?? '(worker)';
}

export interface Ending {
  readonly state: string;
  readonly outcome?: Outcome | undefined;
  readonly reason?: string | undefined;
}

export function endingText(ending: Ending): string {
  const how = howText(ending.outcome);
  // Signal and reason are the words of a host.
  return plainText([stateWord(ending.state), how, ending.reason].filter(Boolean).join(', '));
}

function howText(outcome: Outcome | undefined): string | undefined {
  const [code, status, rows] = [exitCodeOf(outcome), statusOf(outcome), rowsOf(outcome)];
  if (status !== undefined) return `answered ${status}`;
  if (rows !== undefined) return rows === 1 ? '1 row' : `${rows} rows`;
  return signalOf(outcome) ?? (code ? `exit ${code}` : undefined);
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
  const hosts = group.hosts.length === 0 && group.count > 0 ? [hostText({})] : group.hosts;
  const more = group.count > hosts.length ? ` … and ${group.count - hosts.length} more` : '';
  const head =
    `${paint.bold(`── ${plainText(foldNames(hosts))}${more}`)} ${paint.dim(`(${group.count})`)} ` +
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
