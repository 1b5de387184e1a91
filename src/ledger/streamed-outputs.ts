/**
 * Output that comes as bytes, taken in by an engine from wherever its scripts run: masked before it touches anything,
 * head and tail of it kept here until the server has it. What is left out between the two may still be where it was
 * written.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { StreamReport } from '../protocol/link/agent-v1.ts';
import { IncomingOutput } from './incoming-output.ts';
import { KeptStream } from './kept-stream.ts';
import { SharedMasks } from './mask.ts';
import type { FinishedOutput, OnLive, OutputFacts, OutputRange, Outputs } from './outputs.ts';
import type { ToldValues } from './told-values.ts';

export interface StreamedOutputsOptions {
  /** Of files of large output; nobody else's. It is there. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Streams {
  readonly kept: Readonly<Record<1 | 2, KeptStream>>;
  /** Until it has ended. */
  incoming: IncomingOutput | undefined;
  values: ToldValues;
}

export class StreamedOutputs implements Outputs {
  readonly #options: StreamedOutputsOptions;
  readonly #masks = new SharedMasks();
  readonly #streams = new Map<string, Streams>();
  readonly #watched = new Set<string>();
  #stopping = new AbortController().signal;
  #onLive: OnLive = () => undefined;

  constructor(options: StreamedOutputsOptions) {
    this.#options = options;
  }

  /** What is there of an attempt without an end is taken in again from the beginning. */
  async start(
    attempts: ReadonlyMap<string, { readonly report?: FinishedOutput }>,
    onLive: OnLive,
    stopping: AbortSignal,
  ): Promise<void> {
    this.#onLive = onLive;
    this.#stopping = stopping;
    for (const file of readdirSync(this.#options.dir))
      if (!attempts.get(file.replace(/\.[12]$/, ''))?.report) rmSync(join(this.#options.dir, file), { force: true });
    for (const [attempt, { report }] of attempts) {
      if (!report) continue;
      const reopened = (stream: 1 | 2): Promise<KeptStream> =>
        KeptStream.reopen(`${this.#path(attempt)}.${stream}`, stream === 1 ? report.stdout : report.stderr);
      this.#streams.set(attempt, {
        kept: { 1: await reopened(1), 2: await reopened(2) },
        incoming: undefined,
        values: {},
      });
    }
  }

  async stop(): Promise<void> {
    for (const { kept } of this.#streams.values()) await Promise.all([kept[1].close(), kept[2].close()]);
  }

  open(attempt: string, { keptBytes, secrets }: OutputFacts): void {
    if (this.#streams.has(attempt)) return;
    const { clock, log } = this.#options;
    const incoming = new IncomingOutput({
      path: this.#path(attempt),
      keptBytes,
      mask: this.#masks.of(secrets),
      clock,
      log,
      stopping: this.#stopping,
      onLive: (...live) => this.#onLive(attempt, ...live),
    });
    this.#streams.set(attempt, { kept: incoming.kept, incoming, values: {} });
    if (this.#watched.has(attempt)) incoming.watch(true);
  }

  /** Where an engine puts what comes; undefined before `open`, and once it has ended. */
  incoming(attempt: string): IncomingOutput | undefined {
    return this.#streams.get(attempt)?.incoming;
  }

  watch(attempt: string, on: boolean): void {
    if (on) this.#watched.add(attempt);
    else this.#watched.delete(attempt);
    this.incoming(attempt)?.watch(on);
  }

  isWatched(attempt: string): boolean {
    return this.#watched.has(attempt);
  }

  async finish(attempt: string): Promise<FinishedOutput> {
    // Nothing has come of what never began.
    this.open(attempt, { keptBytes: 0, secrets: [] });
    const streams = this.#streams.get(attempt)!;
    await streams.incoming?.finish();
    const values = await streams.incoming?.values();
    if (values) streams.values = values;
    streams.incoming = undefined;
    const [stdout, stderr] = await Promise.all([streams.kept[1].describe(), streams.kept[2].describe()]);
    return { stdout, stderr, ...streams.values };
  }

  /** Nothing of it is here but in the record. */
  async recorded(): Promise<void> {}

  async readKept(
    attempt: string,
    stream: 1 | 2,
    _report: StreamReport,
    offset: number,
    length: number,
  ): Promise<Uint8Array> {
    return (await this.#streams.get(attempt)?.kept[stream].readKept(offset, length)) ?? new Uint8Array(0);
  }

  async readWhole(attempt: string, stream: 1 | 2, offset: number, length: number): Promise<OutputRange | undefined> {
    const kept = this.#streams.get(attempt)?.kept[stream];
    if (!kept || kept.hasGap) return undefined;
    const bytes = await kept.read(offset, length);
    return { bytes, size: kept.size, eof: offset + bytes.length >= kept.size };
  }

  async forget(attempts: readonly string[]): Promise<void> {
    const gone = attempts.flatMap((attempt) => {
      this.#watched.delete(attempt);
      const streams = this.#streams.get(attempt);
      this.#streams.delete(attempt);
      return streams ? [streams.kept[1].remove(), streams.kept[2].remove()] : [];
    });
    await Promise.all(gone);
  }

  #path(attempt: string): string {
    return join(this.#options.dir, attempt);
  }
}
