/**
 * What happens to a run, told to whoever watches. Durable events (run, execution, timeline) come from the store by the run's seq,
 * so a watcher that lost its connection goes on where it was; live output is best effort and never repeated.
 */
import { attemptId, type RunId } from '../base/ids.ts';
import { EXECUTION_STATES, isTerminalExecution } from '../domain/run/execution-machine.ts';
import { isTerminalRun } from '../domain/run/run-machine.ts';
import type { Clock } from '../base/clock.ts';
import type { AttemptPlace, LiveOutput } from '../fleet/fleet.ts';
import type { ExecutionRecord, RunRecord, Store, TimelineEntry } from '../store/store.ts';

export type RunEvent =
  | { readonly kind: 'run'; readonly seq: number; readonly run: RunRecord }
  | { readonly kind: 'execution'; readonly seq: number; readonly execution: ExecutionRecord }
  | { readonly kind: 'timeline'; readonly seq: number; readonly entry: TimelineEntry }
  | { readonly kind: 'output'; readonly output: LiveOutput; readonly hostName: string }
  | { readonly kind: 'end'; readonly seq: number; readonly run: RunRecord };

export interface EventSources {
  readonly store: Store;
  readonly clock: Clock;
  /** Commits of this very process, at once. */
  onProgress(runId: RunId, callback: () => void): () => void;
  watchOutput(attempts: readonly AttemptPlace[], onOutput: (output: LiveOutput) => void): () => void;
}

/** Without any hint, a run of another server is looked at this often. */
const POLL_MS = 1_000;
/** Read at once; what is more is read after it. */
const CHANGES_PAGE = 2_000;
const TIMELINE_PAGE = 1_000;
/** Live output that a slow watcher has not taken; beyond it the oldest is dropped and counted. */
const OUTPUT_HELD_MAX = 4 * 1024 * 1024;
/** Live output of more hosts than this at once is nobody's reading. */
const WATCHED_HOSTS_MAX = 200;
/** How long the output of a run is held for the watcher that its creator has announced. */
const EXPECT_MS = 5_000;
/** So many announced watchers at once; the output of further runs is live from when they are watched. */
const EXPECTED_MAX = 100;
const EXPECTED_BYTES_MAX = 256 * 1024;
const NOTHING = new Uint8Array(0);

type WatchedExecution = AttemptPlace & { readonly hostName: string };

export class RunEventHub {
  readonly #sources: EventSources;
  readonly #watched = new Map<RunId, number>();
  readonly #expected = new Map<RunId, HeldOutput>();

  constructor(sources: EventSources) {
    this.#sources = sources;
  }

  isWatched(runId: RunId): boolean {
    return this.#watched.has(runId) || this.#expected.has(runId);
  }

  /**
   * Somebody who has just created a run is about to watch it: its output is held from the first byte, because a short script is over
   * before its watcher has asked. The first watcher with output takes it; after a few seconds nobody does.
   */
  expectWatcher(runId: RunId, executions: readonly WatchedExecution[]): void {
    if (this.#expected.size >= EXPECTED_MAX || executions.length > WATCHED_HOSTS_MAX) return;
    const held = new HeldOutput(executions, EXPECTED_BYTES_MAX);
    const stopWatch = this.#sources.watchOutput(executions, (output) => held.push(output));
    const cancel = this.#sources.clock.after(EXPECT_MS, () => held.end(), { unref: true });
    this.#expected.set(runId, held);
    held.end = () => {
      cancel();
      stopWatch();
      if (this.#expected.get(runId) === held) this.#expected.delete(runId);
    };
  }

  /** Ends when the run is terminal and everything of it has been told, or when the signal aborts. */
  async *subscribe(
    runId: RunId,
    afterSeq: number,
    options: { output: boolean; signal: AbortSignal },
  ): AsyncGenerator<RunEvent> {
    const held = options.output ? this.#expected.get(runId) : undefined;
    if (held) this.#expected.delete(runId);
    const subscription = new Subscription(this.#sources, runId, options, held);
    if (options.output) this.#watched.set(runId, (this.#watched.get(runId) ?? 0) + 1);
    try {
      yield* subscription.events(afterSeq);
    } finally {
      subscription.close();
      const left = (this.#watched.get(runId) ?? 1) - 1;
      if (left > 0) this.#watched.set(runId, left);
      else this.#watched.delete(runId);
    }
  }
}

/** Live output that waits for its watcher: so much of it, then the oldest goes and is counted. */
class HeldOutput {
  readonly #hostNames: ReadonlyMap<string, string>;
  readonly #bytesMax: number;
  #output: LiveOutput[] = [];
  #bytes = 0;
  /** What was dropped of each stream and not told yet: it is told with the next piece, or by itself if none comes. */
  readonly #dropped = new Map<string, LiveOutput>();
  onPush: () => void = () => undefined;
  /** Stops the flow. */
  end: () => void = () => undefined;

  constructor(executions: readonly WatchedExecution[], bytesMax: number) {
    this.#hostNames = new Map(executions.map(({ attempt, hostName }) => [attempt, hostName]));
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#output.length === 0;
  }

  push(output: LiveOutput): void {
    this.#output.push(output);
    this.#bytes += output.bytes.length;
    while (this.#bytes > this.#bytesMax) {
      const { bytes, ...piece } = this.#output.shift()!;
      this.#bytes -= bytes.length;
      const key = `${piece.attempt} ${piece.stream}`;
      const skipped = (this.#dropped.get(key)?.skipped ?? 0) + piece.skipped + bytes.length;
      this.#dropped.set(key, { ...piece, offset: piece.offset + bytes.length, bytes: NOTHING, skipped });
    }
    this.onPush();
  }

  *drain(): Generator<RunEvent> {
    while (this.#output.length > 0) {
      const output = this.#output.shift()!;
      this.#bytes -= output.bytes.length;
      const key = `${output.attempt} ${output.stream}`;
      const skipped = output.skipped + (this.#dropped.get(key)?.skipped ?? 0);
      this.#dropped.delete(key);
      yield { kind: 'output', output: { ...output, skipped }, hostName: this.#hostNames.get(output.attempt) ?? '' };
    }
    for (const output of this.#dropped.values())
      yield { kind: 'output', output, hostName: this.#hostNames.get(output.attempt) ?? '' };
    this.#dropped.clear();
  }
}

class Subscription {
  readonly #sources: EventSources;
  readonly #runId: RunId;
  readonly #wantsOutput: boolean;
  readonly #signal: AbortSignal;
  readonly #stops: (() => void)[] = [];
  #held: HeldOutput | undefined;
  #changed = true;
  #wake: () => void = () => undefined;

  constructor(
    sources: EventSources,
    runId: RunId,
    options: { output: boolean; signal: AbortSignal },
    held: HeldOutput | undefined,
  ) {
    this.#sources = sources;
    this.#runId = runId;
    this.#wantsOutput = options.output;
    this.#signal = options.signal;
    this.#held = held;
    const changed = (): void => {
      this.#changed = true;
      this.#wake();
    };
    this.#stops.push(
      sources.onProgress(runId, changed),
      sources.store.listen('progress', (payload) => payload === runId && changed(), changed),
    );
    options.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#held?.end();
  }

  async *events(afterSeq: number): AsyncGenerator<RunEvent> {
    const { store } = this.#sources;
    let seq = afterSeq;
    if (this.#wantsOutput) await this.#watchOutput();
    while (!this.#signal.aborted) {
      if (this.#held) yield* this.#held.drain();
      if (this.#changed) {
        this.#changed = false;
        const run = await store.runFetch(this.#runId);
        if (!run) return;
        if (run.seq > seq) {
          yield* this.#entries(seq, run.seq);
          yield* this.#changes(seq, run.seq);
          seq = run.seq;
          yield { kind: 'run', seq, run };
        }
        if (isTerminalRun(run.state)) {
          if (this.#held) yield* this.#held.drain();
          return yield { kind: 'end', seq, run };
        }
      }
      await this.#pause();
    }
  }

  async *#entries(afterSeq: number, throughSeq: number): AsyncGenerator<RunEvent> {
    for (let seq = afterSeq, more = true; more; ) {
      const read = await this.#sources.store.timelineList(this.#runId, { afterSeq: seq, limit: TIMELINE_PAGE });
      more = read.length === TIMELINE_PAGE;
      // The last seq of a full page may have more entries than are in it: all of them come with the next.
      const cut = more ? read.at(-1)!.seq : Number.POSITIVE_INFINITY;
      for (const entry of read)
        if (entry.seq < cut && entry.seq <= throughSeq) yield { kind: 'timeline', seq: entry.seq, entry };
      seq = cut - 1;
    }
  }

  async *#changes(afterSeq: number, throughSeq: number): AsyncGenerator<RunEvent> {
    const between = { afterSeq, throughSeq };
    for (let cursor: string | undefined, more = true; more; ) {
      const page = { limit: CHANGES_PAGE, ...(cursor === undefined ? {} : { cursor }) };
      const { items, next } = await this.#sources.store.executionChanges(this.#runId, between, page);
      for (const execution of items) yield { kind: 'execution', seq: execution.seq, execution };
      [cursor, more] = [next, next !== undefined];
    }
  }

  async #watchOutput(): Promise<void> {
    if (!this.#held) {
      const states = EXECUTION_STATES.filter((state) => !isTerminalExecution(state));
      const page = { limit: WATCHED_HOSTS_MAX };
      const { items } = await this.#sources.store.executionList(this.#runId, { states }, page);
      const live = items.map((execution) => ({
        attempt: attemptId(execution),
        hostId: execution.hostId,
        hostName: execution.hostName,
        ...(execution.via === 'ssh' && execution.workerId ? { ssh: execution.workerId } : {}),
      }));
      const held = (this.#held = new HeldOutput(live, OUTPUT_HELD_MAX));
      held.end = this.#sources.watchOutput(live, (output) => held.push(output));
    }
    this.#held.onPush = () => this.#wake();
  }

  #pause(): Promise<void> {
    if (this.#changed || this.#held?.isEmpty === false || this.#signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#sources.clock.after(POLL_MS, () => {
        this.#changed = true;
        resolve();
      });
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
