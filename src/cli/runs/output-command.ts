/**
 * `drover runs output`: folded, of one host, live as it comes, the exact bytes of a stream, or the whole of it from the host. However much
 * it is, no more than a piece of it is in memory.
 */
import { dataOf, DroverApiError, watchRun, type Execution, type Run } from '@drover/sdk';
import type { Command } from 'commander';
import { command, type OutputForm } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { UsageError } from '../exit.ts';
import { Faults, number } from '../input.ts';
import { unseen } from './live-lines.ts';
import { isTerminal, note, out, paintOf, shownText, type StreamName } from '../out.ts';
import { paintState } from '../render.ts';
import { endingText, hostText } from './folded-text.ts';
import { executionsOf, readKept } from './executions.ts';
import { openSession, type Session } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

interface OutputFlags {
  readonly host?: string;
  readonly step?: string;
  readonly follow?: boolean;
  readonly attempt?: string;
  readonly raw?: boolean;
  readonly stream?: string;
  readonly full?: boolean;
  readonly json?: boolean;
  readonly output?: OutputForm;
}
type FetchRun = (session: Session, runId: string) => Promise<Run>;

const RANGE_BYTES = 1024 * 1024;
const OPEN = new Set(['waiting', 'dispatched', 'running']);

export function addOutputCommand(runs: Command, fetchRun: FetchRun): void {
  command(runs, 'output', {
    summary: 'show output: folded, of one host, or live',
    description:
      'Show the output of a run: equal outputs once with their hosts, or that of one host, or live as it comes.',
    examples: [
      'drover runs output ID',
      'drover runs output ID --host web-7',
      'drover runs output ID --follow',
      'drover runs output ID --host web-7 --raw >exact-bytes',
      'drover runs output ID --host web-7 --stream stderr --full >whole',
    ],
  })
    .argument('<id>', 'id, a beginning of it that fits one run, or last')
    .option('--host <name>', 'one host')
    .option('--step <name>', 'one step, of a run of a job')
    .option('-f, --follow', 'live, until the run has ended')
    .option('--attempt <n>', 'of an earlier attempt of one host (default: the last)')
    .option('--raw', 'exact bytes of one stream of one host, as they are kept')
    .option('--full', 'exact bytes, the whole of one stream: what is not kept comes from the host itself')
    .option('--stream <stream>', 'stdout or stderr, for --raw and --full (default: stdout)')
    .action(async (id: string, flags: OutputFlags) => {
      const stream = checked(flags);
      const session = openSession();
      const run = await fetchRun(session, id);
      process.exitCode = await show(session, run, flags, stream);
    });
}

function checked(flags: OutputFlags): StreamName {
  const faults = new Faults();
  const isExact = flags.raw === true || flags.full === true;
  if (flags.json && (isExact || flags.follow))
    faults.add('--json is a document at the end; it does not go with --raw, --full or --follow.');
  number(faults, '--attempt', flags.attempt, { least: 1, most: 1_000_000 });
  if (flags.attempt !== undefined && (flags.follow || flags.json))
    faults.add('--attempt shows what is over, of one host; it goes with neither --follow nor --json.');
  if (flags.full && flags.follow)
    faults.add('Give --full or --follow, not both: --follow --raw goes on to the end and leaves nothing out.');
  if (flags.stream !== undefined && !isExact)
    faults.add('--stream goes with --raw or --full; otherwise both are shown.');
  if (flags.stream !== undefined && flags.stream !== 'stdout' && flags.stream !== 'stderr')
    faults.add(`--stream is stdout or stderr, not ${JSON.stringify(flags.stream)}.`);
  if (isExact && isTerminal('stdout'))
    faults.add(
      'Exact bytes could command this terminal: send them to a file or a program (… >FILE, … | less). Without ' +
        '--raw and --full they are shown so that they cannot.',
    );
  faults.end();
  return flags.stream === 'stderr' ? 'stderr' : 'stdout';
}

async function show(session: Session, run: Run, asked: OutputFlags, stream: StreamName): Promise<number> {
  const task = await taskOf(session, run, asked.step);
  const flags = { ...asked, ...given({ task }) };
  if (flags.raw || flags.full || flags.attempt !== undefined) {
    const execution = await attemptOf(session, await oneExecution(session, run, flags), flags.attempt);
    if (!flags.raw && !flags.full) {
      await printHost(session, execution);
      return EXIT.succeeded;
    }
    const code = flags.full
      ? await printWhole(session, execution, stream)
      : flags.follow
        ? await new RawFollower(session, execution, stream).follow()
        : await printRaw(session, execution, stream);
    if (flags.stream === undefined) tellOther(execution);
    return code;
  }
  if (flags.host !== undefined) {
    const execution = await oneExecution(session, run, flags);
    if (flags.json) await (await import('./result.ts')).printMachine(session, run, flags);
    else if (flags.follow && OPEN.has(execution.state))
      return (await import('./follow.ts')).followToEnd(session, run, {
        live: true,
        ...given({ host: execution.host }),
        task: execution.task,
        watching: true,
      });
    else await printHost(session, execution);
    return EXIT.succeeded;
  }
  if (flags.follow)
    return (await import('./follow.ts')).followToEnd(session, run, {
      live: true,
      watching: true,
      ...given({ task }),
    });
  await (await import('./follow.ts')).printResult(session, run, flags);
  return EXIT.succeeded;
}

/** By name; without one the only host of the run. */
/** By its number. */
async function taskOf(session: Session, run: Run, step: string | undefined): Promise<number | undefined> {
  if (step === undefined) return undefined;
  const { stepNamed, stepNames } = await import('./run-steps.ts');
  return stepNamed(await stepNames(session, run), step);
}

async function oneExecution(
  session: Session,
  { id: runId, job }: Run,
  { host, task }: { readonly host?: string; readonly task?: number },
): Promise<Execution> {
  let found: Execution | undefined;
  for await (const execution of executionsOf(session, runId, { host, task })) {
    if (found && job !== undefined && found.host === execution.host)
      throw new UsageError(`${hostText(found)} has several steps in this run: name one with --step.`);
    if (found) throw new UsageError('--raw, --full and --attempt show one host: name it with --host.');
    found = execution;
  }
  if (!found)
    throw new DroverApiError(404, {
      code: 'host-not-found',
      detail: `Run ${runId} has ${host === undefined ? 'no hosts.' : `no host ${host}. Its hosts: drover runs show ${runId} --all`}`,
    });
  return found;
}

/** As it was in an attempt that is over, or as it is. */
async function attemptOf(session: Session, execution: Execution, attempt: string | undefined): Promise<Execution> {
  if (attempt === undefined || Number(attempt) === execution.attempt) return execution;
  const { runId, task, ordinal } = execution;
  const { history } = dataOf(
    await session.patient.GET('/api/v1/runs/{runId}/executions/{task}/{ordinal}', {
      params: { path: { runId, task, ordinal } },
    }),
  );
  const found = history.find((past) => past.attempt === Number(attempt));
  if (found) return found;
  throw new UsageError(
    `${hostText(execution)} has had no attempt ${attempt} in this run: it is at attempt ${execution.attempt}.`,
  );
}

async function printHost(session: Session, execution: Execution): Promise<void> {
  for (const stream of ['stdout', 'stderr'] as const) {
    const { bytes, head, gap } = await readKept(session, execution, stream);
    const left =
      gap === 0
        ? ''
        : `\n${paintOf(stream).yellow(`… ${gap} bytes are not kept here${whereTheRestIs(execution, `--full --stream ${stream}`)}`)}\n`;
    const text = `${shownText(bytes.subarray(0, head), stream)}${left}${shownText(bytes.subarray(head), stream)}`;
    if (stream === 'stdout') await out(text);
    else process.stderr.write(text);
  }
  note(
    `${paintState(execution.state, paintOf('stderr'), `${plainText(hostText(execution))}: ${endingText(execution)}`)}` +
      `${OPEN.has(execution.state) ? '; its output comes when it has ended, or with --follow' : ''}`,
  );
}

/** Nobody shall take head and tail for the whole: that something is missing is an exit code too. */
async function printRaw(session: Session, execution: Execution, stream: StreamName): Promise<number> {
  const { head, tail, gap } = execution[stream];
  await copyRanges(session, execution, stream, { source: 'kept', from: 0, to: head + tail });
  return gap === 0
    ? EXIT.succeeded
    : tellMissing(
        `${gap} of ${execution[stream].size} bytes are not kept here and were left out after byte ${head}` +
          `${whereTheRestIs(execution, '--full')}`,
      );
}

async function printWhole(session: Session, execution: Execution, stream: StreamName): Promise<number> {
  // Until it has ended, secrets may stand in it in clear; so the host gives out only what came live.
  if (OPEN.has(execution.state))
    throw new DroverApiError(409, {
      code: 'output-not-available',
      detail: `${hostText(execution)} has not ended yet; the whole can be read then. What comes meanwhile: --follow --raw`,
    });
  // What is kept whole needs no host, which may be away.
  if (execution[stream].gap === 0) return printRaw(session, execution, stream);
  if (execution.executor?.kind === 'worker')
    throw new DroverApiError(409, {
      code: 'output-not-available',
      detail:
        execution.host === undefined
          ? 'On a worker nothing stays once the result is safe: of this output head and tail are kept (--raw). For ' +
            'large output that is to be read later, have the script send it somewhere.'
          : 'Over SSH nothing stays on the host once the result is safe: of this output head and tail are kept ' +
            '(--raw). For large output that is to be read later, have the script write a file, or install the agent: ' +
            `drover agents install -t ${execution.host}`,
    });
  await copyRanges(session, execution, stream, { source: 'host', from: 0, to: Number.POSITIVE_INFINITY });
  return EXIT.succeeded;
}

/** Over SSH nothing stays on the host once the result is safe; an agent keeps the whole for days. */
function whereTheRestIs(execution: Execution, flags: string): string {
  if (execution.host === undefined) return ', nor on the worker any more: nothing stays there';
  return execution.executor?.kind === 'worker'
    ? ', nor on the host any more: over SSH nothing stays there'
    : `; they are on the host: ${flags}`;
}

/** Range by range; the answer is where it ended. A server that restarts in between is waited for, and nothing is printed twice. */
async function copyRanges(
  session: Session,
  at: Pick<Execution, 'runId' | 'task' | 'ordinal' | 'attempt'>,
  stream: StreamName,
  range: { readonly source: 'kept' | 'host'; readonly from: number; readonly to: number },
): Promise<number> {
  const { runId, task, ordinal, attempt } = at;
  let offset = range.from;
  while (offset < range.to) {
    const length = Math.min(RANGE_BYTES, range.to - offset);
    const { data, response } = await session.patient.GET('/api/v1/runs/{runId}/executions/{task}/{ordinal}/output', {
      params: { path: { runId, task, ordinal }, query: { stream, attempt, source: range.source, offset, length } },
      parseAs: 'arrayBuffer',
    });
    const bytes = Buffer.from((data ?? new ArrayBuffer(0)) as unknown as ArrayBuffer);
    await out(bytes);
    offset += bytes.length;
    if (bytes.length === 0 || response.headers.get('drover-output-eof') === 'true') break;
  }
  return offset;
}

/** Exact bytes while they come. Live output may skip some; then nothing more is written until the rest can be read from the record. */
class RawFollower {
  readonly #session: Session;
  readonly #first: Execution;
  readonly #stream: StreamName;
  #attempt: number;
  #shown = 0;
  #hasGap = false;
  readonly #missing: string[] = [];

  constructor(session: Session, first: Execution, stream: StreamName) {
    this.#session = session;
    this.#first = first;
    this.#stream = stream;
    this.#attempt = first.attempt;
  }

  async follow(): Promise<number> {
    // It may have ended before anybody could follow it: nothing of it is left out for that.
    if (!OPEN.has(this.#first.state)) await this.#finish(this.#first);
    else await this.#followLive();
    return this.#missing.length === 0 ? EXIT.succeeded : tellMissing(this.#missing.join('\n'));
  }

  async #followLive(): Promise<void> {
    const { runId, task, ordinal } = this.#first;
    const onAway = (error: Error): void => note(`${error.message}; waiting for it, the run goes on`);
    for await (const { event, data } of watchRun(this.#session.options, runId, { output: true, onAway })) {
      if (
        (event !== 'output' && event !== 'execution') ||
        data.task !== task ||
        data.ordinal !== ordinal ||
        data.attempt < this.#attempt
      )
        continue;
      if (data.attempt > this.#attempt) await this.#begin(data.attempt);
      if (event === 'execution') await this.#finish(data);
      else if (data.stream === this.#stream)
        await this.#take({ offset: data.offset, bytes: Buffer.from(data.base64, 'base64') });
    }
  }

  async #take(piece: { readonly offset: number; readonly bytes: Buffer }): Promise<void> {
    this.#hasGap ||= piece.offset > this.#shown;
    if (this.#hasGap) return;
    const fresh = unseen(piece, this.#shown);
    await out(fresh);
    this.#shown += fresh.length;
  }

  /** What has not come live, once the attempt has ended. */
  async #finish(execution: Execution): Promise<void> {
    if (OPEN.has(execution.state)) return;
    const { size, gap } = execution[this.#stream];
    if (size <= this.#shown) return;
    try {
      this.#shown = await copyRanges(this.#session, execution, this.#stream, {
        source: gap === 0 ? 'kept' : 'host',
        from: this.#shown,
        to: size,
      });
      if (this.#shown < size) throw new Error('There is no more of it.');
    } catch (error) {
      this.#missing.push(
        `The last ${size - this.#shown} of ${size} bytes of attempt ${execution.attempt} are missing: ${(error as Error).message}`,
      );
      this.#shown = size;
    }
  }

  /** A new attempt: what is still missing of the one before is past live output, but in its record. */
  async #begin(attempt: number): Promise<void> {
    const { runId, task, ordinal } = this.#first;
    const { history } = dataOf(
      await this.#session.patient.GET('/api/v1/runs/{runId}/executions/{task}/{ordinal}', {
        params: { path: { runId, task, ordinal } },
      }),
    );
    const before = history.find((past) => past.attempt === this.#attempt);
    if (before) await this.#finish(before);
    note(`drover: attempt ${attempt}`);
    [this.#attempt, this.#shown, this.#hasGap] = [attempt, 0, false];
  }
}

/**
 * Exact bytes are of one stream. Who did not say which is told that there is another, and nobody takes the one for all
 * that was written.
 */
function tellOther({ stderr, ...of }: Execution): void {
  if (stderr.size > 0)
    note(
      `drover: this is the standard output of ${plainText(hostText(of))}; it wrote ${stderr.size} bytes to standard ` +
        'error too: --stream stderr',
    );
}

function tellMissing(text: string): number {
  note(`drover: ${text}`);
  return EXIT.failed;
}
