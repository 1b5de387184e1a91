/**
 * Follows a run to its end: a progress bar on a terminal, plain lines otherwise, failures as they come, and live output when asked for.
 * A server that goes away meanwhile is waited for; the run does not need us.
 */
import { DroverUnreachableError, watchRun, type Execution, type LiveOutput, type Run, type Schemas } from '@drover/sdk';
import { pause, systemClock } from '../../base/clock.ts';
import { isTerminalExecution } from '../../domain/crew/execution-machine.ts';
import { answer, type OutputForm } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { exitOfRun } from '../exit.ts';
import {
  Interrupts,
  listenForInterrupts,
  asksOf,
  onDisconnectOf,
  type HeldSignals,
  type OnDisconnect,
} from './interrupt.ts';
import { LiveLines, type LivePiece } from './live-lines.ts';
import { canAsk, isTerminal, note, out, paintOf } from '../out.ts';
import { isBad, paintState, progressLine, standingText } from '../render.ts';
import { endingText, hostText } from './folded-text.ts';
import { executionsOf, readKept } from './executions.ts';
import { printFolded, printMachine } from './result.ts';
import type { StepNames } from './run-steps.ts';
import type { Session } from '../servers/session.ts';
import { plainText, terminalText } from '../text-width.ts';

const FAILURES_SHOWN = 20;
const REDRAW_MS = 100;
const LEAVE_MS = 2_000;
/** Without a terminal progress goes to a log: seldom, and only when it has changed. */
const PLAIN_LINE_MS = 10_000;

/** What is told of what a run waits for, beside that it waits. */
const GOES_ON: readonly string[] = ['resumed', 'answered', 'approval-answered', 'approval-over', 'step-waits'];
const TOLD_AS: ReadonlyMap<string, string> = new Map([
  ['batch-asks', 'asks'],
  ['approval-asked', 'asks'],
  ['approval-answered', 'answered'],
  ['approval-over', 'approval'],
  ['step-waits', 'waits'],
]);

/** Which is to be answered, where one asks. */
function stepAsked({ asks }: Schemas['TimelineEntry']['detail']): string {
  const [one, ...others] = Array.isArray(asks) ? (asks as { readonly step?: unknown }[]) : [];
  return others.length === 0 && typeof one?.step === 'string' ? ` --step ${one.step}` : ' --step STEP';
}

export interface FollowFlags {
  readonly json?: boolean;
  readonly output?: OutputForm;
  readonly live?: boolean;
  readonly host?: string;
  /** Number of the only step that is shown, in a run of a job. */
  readonly task?: number;
  /** Somebody looks at a run that others may have made: an interrupt leaves it alone. */
  readonly watching?: boolean;
  readonly onDisconnect?: OnDisconnect;
  /** What came while the run was being made. */
  readonly held?: HeldSignals;
}

/** What a watch came to: its end, or that somebody left. */
interface Followed {
  readonly run: Run;
  readonly left?: 'detached' | 'cancelling';
}

/** Follows, prints the result, and says what to exit with. */
export async function followToEnd(session: Session, run: Run, flags: FollowFlags): Promise<number> {
  const followed = await new Follower(session, run, flags).follow();
  if (followed.left) {
    if (flags.json) await answer(flags, { run: followed.run }, () => '');
    // Nobody knows yet how it ends: what a shell would do after a success must not be done.
    return EXIT.failed;
  }
  await printResult(session, followed.run, flags);
  return exitOfRun(followed.run, () => executionsOf(session, run.id, { states: ['lost', 'not_started'] }));
}

export async function printResult(session: Session, run: Run, flags: FollowFlags): Promise<void> {
  if (flags.json) await printMachine(session, await withStages(session, run), flags);
  else await printFolded(session, run, { outputs: flags.live !== true, ...given({ task: flags.task }) });
}

/** A run of a job has its stages: an execution has the number of its step alone, and a gate has no execution. */
async function withStages(session: Session, run: Run): Promise<Run> {
  return run.job === undefined || 'stages' in run ? run : (await import('./run-steps.ts')).runDetail(session, run.id);
}

class Follower {
  readonly #session: Session;
  readonly #flags: FollowFlags;
  readonly #paint = paintOf('stderr');
  readonly #bar: boolean;
  readonly #lines = new LiveLines();
  readonly #abort = new AbortController();
  readonly #gone = new AbortController();
  #latest: Run;
  #steps: StepNames = new Map();
  #failures = 0;
  /** That the entries of the timeline have come to. */
  #round = 1;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #drawn = '';
  #stopDrawing: (() => void) | undefined;
  #isOver = false;
  #question: string | undefined;
  #left: 'detached' | 'cancelling' = 'detached';
  #cancelling: Promise<void> = Promise.resolve();

  constructor(session: Session, run: Run, flags: FollowFlags) {
    this.#session = session;
    this.#latest = run;
    this.#flags = flags;
    this.#bar = isTerminal('stderr');
  }

  async follow(): Promise<Followed> {
    const asks = asksOf(this.#flags, canAsk());
    const interrupts = new Interrupts({
      asks,
      onDisconnect: onDisconnectOf(this.#flags, asks),
      cancel: () => this.#cancel(),
      detach: () => this.#leave('detached'),
      leave: () => this.#leave('cancelling'),
      say: (line) => this.#say(line),
      question: (text) => this.#ask(text),
    });
    const stopListening = listenForInterrupts(interrupts, asks);
    if (this.#latest.job !== undefined)
      this.#steps = await (await import('./run-steps.ts')).stepNames(this.#session, this.#latest);
    const early = this.#flags.held?.release();
    if (early !== undefined) interrupts.disconnect(early);
    this.#draw();
    try {
      for await (const event of this.#events()) {
        if (event.event === 'execution') await this.#execution(event.data);
        else if (event.event === 'output') await this.#output(event.data);
        else if (event.event === 'timeline') await this.#happened(event.data);
        else this.#latest = event.data;
        if (event.event === 'end') return { run: event.data };
        this.#draw();
      }
      await this.#cancelSent();
      return { run: this.#latest, left: this.#left };
    } catch (error) {
      if (error instanceof DroverUnreachableError)
        throw new DroverUnreachableError(
          `${error.message}\nThe run goes on without us; come back to it with: drover runs watch ${this.#latest.id}`,
        );
      throw error;
    } finally {
      stopListening();
      this.#isOver = true;
      this.#stopDrawing?.();
      this.#clear();
    }
  }

  #events(): ReturnType<typeof watchRun> {
    const onAway = (error: Error): void =>
      this.#say(this.#paint.yellow(`${error.message}; waiting for it, the run goes on`));
    return watchRun(this.#session.options, this.#latest.id, {
      signal: this.#abort.signal,
      output: this.#flags.live === true,
      onAway,
    });
  }

  async #execution(execution: Execution): Promise<void> {
    if (!this.#isShown(execution)) return;
    if (this.#flags.live && isTerminalExecution(execution.state)) await this.#fillIn(execution);
    if (this.#flags.json || !isBad(execution.state)) return;
    this.#failures++;
    if (this.#failures <= FAILURES_SHOWN)
      this.#say(
        `${paintState(execution.state, this.#paint, '✗')} ${this.#nameOf(execution)}: ${endingText(execution)}` +
          `${execution.detail ? ` (${plainText(execution.detail)})` : ''}`,
      );
    if (this.#failures === FAILURES_SHOWN + 1) this.#say(this.#paint.dim('… further failures are in the result'));
  }

  /** What keeps it from going on, and how it goes on. What was asked in a round before the present one is over with it. */
  async #happened(entry: Schemas['TimelineEntry']): Promise<void> {
    const { id, round } = this.#latest;
    if (entry.kind === 'retried') this.#round = Number(entry.detail.round);
    if (this.#round < round) return;
    const next = new Map([
      ['paused', `drover runs resume ${id}`],
      ['batch-asks', `drover runs answer ${id} yes --batch ${String(entry.detail.batch)}`],
      ['approval-asked', `drover runs answer ${id} yes|no${stepAsked(entry.detail)} --reason TEXT`],
    ]).get(entry.kind);
    // Nothing goes on until somebody does something: whoever reads the document alone, at its end, would wait for ever.
    if (next === undefined && (this.#flags.json || !GOES_ON.includes(entry.kind))) return;
    const { timelineText } = await import('./timeline-text.ts');
    const told = `${TOLD_AS.get(entry.kind) ?? entry.kind}: ${timelineText(entry, new Map())}`;
    this.#say(this.#paint.yellow(next === undefined ? told : `${told} (${next})`));
  }

  #isShown({ host, task }: Pick<LivePiece, 'host' | 'task'>): boolean {
    const { host: only, task: step } = this.#flags;
    return (only === undefined || host === only) && (step === undefined || task === step);
  }

  /** With its step, in a run of a job. */
  #nameOf({ host, item, task }: Pick<LivePiece, 'host' | 'item' | 'task'>): string {
    const step = this.#steps.get(task);
    if (step === undefined) return plainText(hostText(given({ host, item })));
    return plainText(host !== undefined ? `${step} on ${host}` : item === undefined ? step : `${step} for ${item}`);
  }

  async #output({ host, item, task, ordinal, attempt, stream, offset, base64 }: LiveOutput): Promise<void> {
    if (!this.#flags.live || !this.#isShown({ host, task })) return;
    await this.#take({ host, item, task, ordinal, attempt, stream, offset, bytes: Buffer.from(base64, 'base64') });
  }

  /** What did not come live is in the record. */
  async #fillIn(execution: Execution): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const { host, item, task, ordinal, attempt } = execution;
      const at = { host, item, task, ordinal, attempt, stream };
      const { size, head } = execution[stream];
      if (size > this.#lines.shown(at)) {
        const kept = await readKept(this.#session, execution, stream);
        await this.#take({ ...at, offset: 0, bytes: kept.bytes.subarray(0, head) });
        await this.#take({ ...at, offset: size - (kept.bytes.length - head), bytes: kept.bytes.subarray(head) });
      }
      await this.#write(at, this.#lines.flush(at));
    }
  }

  async #take(piece: LivePiece): Promise<void> {
    await this.#write(piece, this.#lines.take(piece));
  }

  async #write(
    { stream, ...of }: Pick<LivePiece, 'host' | 'item' | 'task' | 'stream'>,
    lines: readonly string[],
  ): Promise<void> {
    if (lines.length === 0) return;
    this.#clear();
    const [mark, paint] = [stream === 'stdout' ? '│' : '┆', paintOf(stream)];
    const text = lines
      .map((line) => `${paint.dim(`${this.#nameOf(of)} ${mark}`)} ${isTerminal(stream) ? terminalText(line) : line}\n`)
      .join('');
    if (stream === 'stdout') await out(text);
    else process.stderr.write(text);
    this.#draw();
  }

  #cancel(): void {
    const answered = this.#session.patient.POST('/api/v1/runs/{runId}/cancel', {
      params: { path: { runId: this.#latest.id } },
      signal: this.#gone.signal,
    });
    this.#cancelling = answered.then(
      () => undefined,
      (error: Error & { code?: string }) =>
        void (this.#gone.signal.aborted || error.code === 'run-already-finished' || this.#say(error.message)),
    );
  }

  /** Whoever leaves gives the cancel a moment to be sent, and does not wait for a server that is away. */
  async #cancelSent(): Promise<void> {
    await Promise.race([this.#cancelling, pause(systemClock, LEAVE_MS, this.#gone.signal)]);
    this.#gone.abort();
  }

  #leave(how: 'detached' | 'cancelling'): void {
    this.#left = how;
    this.#abort.abort();
    this.#say(
      `${how === 'detached' ? 'detached, the run goes on' : 'left; it is being cancelled'}; come back to it ` +
        `with: drover runs watch ${this.#latest.id}`,
    );
  }

  /** A question stands where the bar was; whatever is told meanwhile goes above it. */
  #ask(question: string | undefined): void {
    this.#question = question;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
    this.#draw();
  }

  #say(line: string): void {
    this.#clear();
    note(line);
    this.#draw();
  }

  #clear(): void {
    if (this.#bar && this.#drawn !== '') process.stderr.write('\r\x1b[K');
    if (this.#bar) this.#drawn = '';
  }

  /** Not more often than it can be read, but the latest is always shown in the end. A question is always there. */
  #draw(): void {
    if (this.#isOver || (this.#flags.json && this.#question === undefined)) return;
    const waitMs =
      this.#question !== undefined
        ? 0
        : this.#drawnAt + (this.#bar ? REDRAW_MS : PLAIN_LINE_MS) - systemClock.monotonicMs();
    if (waitMs > 0) {
      this.#stopDrawing ??= systemClock.after(waitMs, () => {
        this.#stopDrawing = undefined;
        this.#draw();
      });
      return;
    }
    this.#drawnAt = systemClock.monotonicMs();
    const line =
      this.#question ??
      (this.#bar
        ? progressLine(this.#latest, process.stderr.columns || 80, this.#paint)
        : `${this.#latest.id}: ${standingText(this.#latest, this.#paint)}`);
    if (line === this.#drawn) return;
    this.#drawn = line;
    process.stderr.write(this.#bar ? `\r\x1b[K${line}` : `${line}\n`);
  }
}
