/** The real ledger over an engine that runs nothing, with its journal in memory: a test decides how each attempt ends. */
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import type { ScriptWork } from '../../src/domain/work/script.ts';
import type {
  AttemptSink,
  AttemptStart,
  AttemptSubject,
  Engine,
  ScriptOrder,
  Held,
  Trace,
} from '../../src/ledger/engine.ts';
import { Ledger, type StartAnswer } from '../../src/ledger/ledger.ts';
import type { FinishedOutput, OnLive, OutputRange, Outputs } from '../../src/ledger/outputs.ts';
import { describeStream } from '../../src/ledger/stream-report.ts';
import type { ExecutionSpec, ReportedOutcome, StreamReport } from '../../src/protocol/link/agent-v1.ts';
import { MemoryFiles } from './memory-files.ts';

const START: AttemptStart = { pid: 4242, atMs: 1 };

interface Ending {
  readonly stdout?: Uint8Array;
  readonly exitCode?: number;
}

class MemoryOutputs implements Outputs {
  readonly stdout = new Map<string, Buffer>();
  readonly watched = new Set<string>();
  onLive: OnLive = () => undefined;

  async start(_attempts: unknown, onLive: OnLive): Promise<void> {
    this.onLive = onLive;
  }
  async stop(): Promise<void> {}
  open(): void {}
  watch(attempt: string, on: boolean): void {
    if (on) this.watched.add(attempt);
    else this.watched.delete(attempt);
  }
  isWatched(attempt: string): boolean {
    return this.watched.has(attempt);
  }
  async finish(attempt: string): Promise<FinishedOutput> {
    const bytes = this.#of(attempt, 1);
    const whole = { size: bytes.length, head: bytes.length, tail: 0 };
    const stdout = await describeStream(whole, async (offset, length) => bytes.subarray(offset, offset + length));
    return { stdout, stderr: { size: 0, head: 0, tail: 0 } };
  }
  async readKept(
    attempt: string,
    stream: 1 | 2,
    _report: StreamReport,
    offset: number,
    length: number,
  ): Promise<Buffer> {
    return this.#of(attempt, stream).subarray(offset, offset + length);
  }
  async readWhole(attempt: string, stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined> {
    if (!this.stdout.has(attempt)) return undefined;
    const whole = this.#of(attempt, stream);
    return {
      bytes: whole.subarray(offset, offset + length),
      size: whole.length,
      eof: offset + length >= whole.length,
    };
  }
  async recorded(): Promise<void> {}
  async forget(attempts: readonly string[]): Promise<void> {
    for (const attempt of attempts) this.stdout.delete(attempt);
  }

  #of(attempt: string, stream: 1 | 2): Buffer {
    return (stream === 1 ? this.stdout.get(attempt) : undefined) ?? Buffer.alloc(0);
  }
}

class MemoryEngine implements Engine<ScriptWork> {
  readonly name = 'memory';
  readonly kinds = ['script'] as const;
  readonly bootId = 'boot';
  readonly effects: string[] = [];
  readonly targets = new Map<string, AttemptSubject>();
  readonly running = new Map<string, AttemptSink>();
  onStart: (attempt: AttemptId, order: ScriptOrder) => Ending | undefined = () => ({});
  finish: (attempt: string, ending: Ending) => void = () => undefined;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  traceOf(): { bytes: Uint8Array; isSecret: boolean } {
    return { bytes: new Uint8Array(0), isSecret: false };
  }
  begin(attempt: AttemptId, order: ScriptOrder, subject: AttemptSubject, sink: AttemptSink): Held {
    this.effects.push(attempt);
    this.targets.set(attempt, subject);
    const held = this.#hold(attempt, sink);
    sink.started(START, {});
    const ending = this.onStart(attempt, order);
    // Not in the same breath: no process ends before its start was told.
    if (ending) setImmediate(() => this.finish(attempt, ending));
    return held;
  }
  async resume(attempt: AttemptId, _trace: Trace, sink: AttemptSink): Promise<Held> {
    return this.#hold(attempt, sink);
  }
  reopen(): undefined {}

  #hold(attempt: AttemptId, sink: AttemptSink): Held {
    this.running.set(attempt, sink);
    return { stop: () => sink.ended({ outcome: { kind: 'cancelled', end: { kind: 'exited', code: 0 } } }) };
  }
}

export class MemoryLedger extends Ledger {
  /** Ended at once, each; undefined leaves it running. */
  onStart: (attempt: AttemptId, order: ScriptOrder) => Ending | undefined = () => ({});
  readonly #room: { attempts: number };
  readonly #lost = new Set<string>();
  readonly #engine: MemoryEngine;
  readonly #outputs: MemoryOutputs;

  constructor({ files = new MemoryFiles() }: { readonly files?: MemoryFiles } = {}) {
    const [engine, outputs] = [new MemoryEngine(), new MemoryOutputs()];
    const room = { attempts: Number.POSITIVE_INFINITY };
    super({
      engine,
      outputs,
      journal: { path: '/journal', files },
      get attemptsMax() {
        return room.attempts;
      },
      clock: systemClock,
      log: silentLog,
    });
    this.#engine = engine;
    this.#outputs = outputs;
    this.#room = room;
    engine.onStart = (attempt, order) => this.onStart(attempt, order);
    engine.finish = (attempt, ending) => this.finish(attempt as AttemptId, ending);
  }

  /** Attempts that it takes at once. */
  set capacity(attempts: number) {
    this.#room.attempts = attempts;
  }

  /** Every attempt that had its effect, in order: an attempt twice in here is a broken promise. */
  get effects(): readonly string[] {
    return this.#engine.effects;
  }

  /** Where each attempt was to go. */
  get targets(): ReadonlyMap<string, AttemptSubject> {
    return this.#engine.targets;
  }

  get watched(): ReadonlySet<string> {
    return this.#outputs.watched;
  }

  /** As if it were so long ago that nothing is known of it here any more. */
  loseTombstone(attempt: AttemptId): void {
    this.#lost.add(attempt);
  }

  override stateOf(attempt: AttemptId): ReturnType<Ledger['stateOf']> {
    const state = super.stateOf(attempt);
    return state === 'settled' && this.#lost.has(attempt) ? undefined : state;
  }

  override async startAttempt(attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): Promise<StartAnswer> {
    const answer = await super.startAttempt(attempt, spec, subject);
    if (answer === 'settled' && this.#lost.has(attempt)) this.#engine.effects.push(attempt);
    return answer;
  }

  finish(
    attempt: AttemptId,
    { stdout = new Uint8Array(0), exitCode = 0 }: Ending = {},
    outcome: ReportedOutcome = { kind: 'exited', code: exitCode },
  ): void {
    this.#outputs.stdout.set(attempt, Buffer.from(stdout));
    this.#engine.running.get(attempt)?.ended({ outcome, finishedAtMs: 2 });
  }

  /** As if its script had just written this. */
  output(attempt: AttemptId, stream: 1 | 2, offset: number, bytes: Uint8Array, skipped: number): void {
    this.#outputs.onLive(attempt, stream, offset, bytes, skipped);
  }
}
