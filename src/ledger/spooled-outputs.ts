/**
 * Output that scripts write themselves, into files of a spool, never to a pipe: they cannot be blocked by us, and do
 * not notice when we are gone. The files are rewritten without secrets when the attempt has ended, and stay for
 * `spoolKeptMs`, whoever has the rest of it by then.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { StreamReport } from '../protocol/link/agent-v1.ts';
import { LiveTail } from './live-tail.ts';
import { SharedMasks, type Mask } from './mask.ts';
import type { FinishedOutput, OnLive, OutputFacts, OutputRange, Outputs } from './outputs.ts';
import type { Spool } from './spool.ts';
import { toldValues } from './told-values.ts';

const NOTHING: StreamReport = { size: 0, head: 0, tail: 0 };
const PRUNE_EVERY_MS = 10 * 60_000;

export interface SpooledOutputsOptions {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly log: Log;
}

export class SpooledOutputs implements Outputs {
  readonly #options: SpooledOutputsOptions;
  readonly #masks = new SharedMasks();
  readonly #facts = new Map<string, OutputFacts>();
  readonly #watched = new Set<string>();
  readonly #tails = new Map<string, LiveTail>();
  /** Ended, and not forgotten: nothing more is written, and what was has been told. */
  readonly #finished = new Set<string>();
  #onLive: OnLive = () => undefined;
  #cancelPump: (() => void) | undefined;
  #cancelPrune = (): void => undefined;
  #isStopped = false;

  constructor(options: SpooledOutputsOptions) {
    this.#options = options;
  }

  async start(attempts: ReadonlyMap<string, { readonly report?: unknown }>, onLive: OnLive): Promise<void> {
    const { spool, clock, log } = this.#options;
    this.#onLive = onLive;
    const prune = (): void => {
      spool
        .prune(clock.nowMs() - limits.spoolKeptMs, (attempt) => attempts.has(attempt))
        .catch((error: unknown) => log.warn({ err: error }, 'old output could not be removed'));
      this.#cancelPrune = clock.after(PRUNE_EVERY_MS, prune, { unref: true });
    };
    prune();
    // Whoever was here before may have been killed between the record and this.
    for (const [attempt, { report }] of attempts) if (report) await this.recorded(attempt);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelPump?.();
    this.#cancelPrune();
    for (const attempt of [...this.#tails.keys()]) this.#endTail(attempt);
  }

  open(attempt: string, facts: OutputFacts): void {
    if (this.#facts.has(attempt)) return;
    this.#facts.set(attempt, facts);
    if (this.#watched.has(attempt)) this.#tail(attempt, facts);
  }

  watch(attempt: string, on: boolean): void {
    if (!on) {
      this.#watched.delete(attempt);
      this.#endTail(attempt);
      return;
    }
    this.#watched.add(attempt);
    const facts = this.#facts.get(attempt);
    if (facts) this.#tail(attempt, facts);
  }

  isWatched(attempt: string): boolean {
    return this.#watched.has(attempt);
  }

  async finish(attempt: string): Promise<FinishedOutput> {
    const { spool } = this.#options;
    const facts = this.#facts.get(attempt);
    // Before the last look at what was written: whoever watches sees it too.
    const mask = await this.#masks.of(facts?.secrets ?? []);
    this.#finished.add(attempt);
    this.#tails.get(attempt)?.finish();
    this.#tails.delete(attempt);
    if (!facts) {
      // What is there may hold secrets, and nobody knows which.
      await spool.remove(attempt);
      return { stdout: NOTHING, stderr: NOTHING };
    }
    const { keptBytes } = facts;
    if (!mask.isEmpty) await spool.scrub(attempt, mask);
    const isIncomplete = !(await spool.hasStreams(attempt));
    const [stdout, stderr, values] = await Promise.all([
      spool.describe(attempt, 1, keptBytes),
      spool.describe(attempt, 2, keptBytes),
      spool.readValues(attempt),
    ]);
    // Where all of it is gone that is said once; and what never began has no files.
    const told = isIncomplete && values === 'gone' ? {} : toldValues(values, mask);
    return { stdout, stderr, isIncomplete, ...told };
  }

  async recorded(attempt: string): Promise<void> {
    await this.#options.spool
      .removeValues(attempt)
      .catch((error: unknown) => this.#options.log.warn({ attempt, err: error }, 'a file of output values is left'));
  }

  readKept(attempt: string, stream: 1 | 2, report: StreamReport, offset: number, length: number): Promise<Uint8Array> {
    return this.#options.spool.readKept(attempt, stream, report, offset, length);
  }

  async readWhole(attempt: string, stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined> {
    const range = await this.#options.spool.read(attempt, stream, offset, length);
    return range && { ...range, eof: offset + range.bytes.length >= range.size };
  }

  async forget(attempts: readonly string[]): Promise<void> {
    for (const attempt of attempts) {
      this.#facts.delete(attempt);
      this.#watched.delete(attempt);
      this.#finished.delete(attempt);
      this.#endTail(attempt);
    }
  }

  #tail(attempt: string, facts: OutputFacts): void {
    if (this.#tails.has(attempt) || this.#finished.has(attempt)) return;
    this.#masks.of(facts.secrets).then(
      (mask) => this.#tailMasked(attempt, facts, mask),
      (error: unknown) =>
        this.#options.log.error({ attempt, err: error }, 'live output cannot be masked; it is not told'),
    );
  }

  #tailMasked(attempt: string, facts: OutputFacts, mask: Mask): void {
    const isWanted = this.#watched.has(attempt) && this.#facts.get(attempt) === facts && !this.#isStopped;
    if (!isWanted || this.#tails.has(attempt) || this.#finished.has(attempt)) return;
    const { spool } = this.#options;
    const tail = new LiveTail({
      files: { 1: spool.file(attempt, 'stdout'), 2: spool.file(attempt, 'stderr') },
      mask,
      onOutput: (stream, offset, bytes, skipped) => this.#onLive(attempt, stream, offset, bytes, skipped),
    });
    this.#tails.set(attempt, tail);
    this.#pumpIn(0);
  }

  #endTail(attempt: string): void {
    this.#tails.get(attempt)?.close();
    this.#tails.delete(attempt);
  }

  #pumpIn(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancelPump?.();
    this.#cancelPump = this.#options.clock.after(delayMs, () => this.#pump());
  }

  #pump(): void {
    this.#cancelPump = undefined;
    const now = this.#options.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const tail of this.#tails.values()) next = Math.min(next, tail.pump(now));
    if (next !== Number.POSITIVE_INFINITY) this.#pumpIn(Math.max(limits.sweepMsMin, next - now));
  }
}
