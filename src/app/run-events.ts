/**
 * What happens to a run, told to whoever watches. Durable events (run, execution, timeline) come from the store by the run's seq,
 * so a watcher that lost its connection goes on where it was; live output is best effort and never repeated.
 */
import { attemptId, type AttemptId, type HostId, type RunId } from '../base/ids.ts';
import { isTerminalExecution } from '../domain/run/execution-machine.ts';
import { isTerminalRun } from '../domain/run/run-machine.ts';
import type { Clock } from '../base/clock.ts';
import type { LiveOutput } from '../fleet/fleet.ts';
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
  watchOutput(attempts: readonly { attempt: AttemptId; hostId: HostId }[], onOutput: (output: LiveOutput) => void): () => void;
}

/** Without any hint, a run of another server is looked at this often. */
const POLL_MS = 1_000;
/** Larger than any commit, so that one seq is never cut in two. */
const CHANGES_MAX = 20_000;
/** Live output that a slow watcher has not taken; beyond it the oldest is dropped and counted. */
const OUTPUT_HELD_MAX = 4 * 1024 * 1024;
/** Live output of more hosts than this at once is nobody's reading. */
const WATCHED_HOSTS_MAX = 200;

export class RunEventHub {
  readonly #sources: EventSources;
  readonly #watched = new Map<RunId, number>();

  constructor(sources: EventSources) {
    this.#sources = sources;
  }

  isWatched(runId: RunId): boolean {
    return this.#watched.has(runId);
  }

  /** Ends when the run is terminal and everything of it has been told, or when the signal aborts. */
  async *subscribe(runId: RunId, afterSeq: number, options: { output: boolean; signal: AbortSignal }): AsyncGenerator<RunEvent> {
    const subscription = new Subscription(this.#sources, runId, options);
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

class Subscription {
  readonly #sources: EventSources;
  readonly #runId: RunId;
  readonly #wantsOutput: boolean;
  readonly #signal: AbortSignal;
  readonly #stops: (() => void)[] = [];
  readonly #hostNames = new Map<string, string>();
  #stopOutput: () => void = () => undefined;
  #output: LiveOutput[] = [];
  #outputBytes = 0;
  #changed = true;
  #wake: () => void = () => undefined;

  constructor(sources: EventSources, runId: RunId, options: { output: boolean; signal: AbortSignal }) {
    this.#sources = sources;
    this.#runId = runId;
    this.#wantsOutput = options.output;
    this.#signal = options.signal;
    const changed = (): void => {
      this.#changed = true;
      this.#wake();
    };
    this.#stops.push(sources.onProgress(runId, changed), sources.store.listen('progress', (payload) => payload === runId && changed(), changed));
    options.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#stopOutput();
  }

  async *events(afterSeq: number): AsyncGenerator<RunEvent> {
    const { store } = this.#sources;
    let seq = afterSeq;
    if (this.#wantsOutput) await this.#watchOutput();
    while (!this.#signal.aborted) {
      yield* this.#drainOutput();
      if (this.#changed) {
        this.#changed = false;
        const run = await store.runFetch(this.#runId);
        if (!run) return;
        if (run.seq > seq) {
          for (const entry of await store.timelineList(this.#runId, { afterSeq: seq, limit: 1_000 })) if (entry.seq <= run.seq) yield { kind: 'timeline', seq: entry.seq, entry };
          for (const execution of await store.executionChanges(this.#runId, seq, CHANGES_MAX)) if (execution.seq <= run.seq) yield { kind: 'execution', seq: execution.seq, execution };
          seq = run.seq;
          yield { kind: 'run', seq, run };
        }
        if (isTerminalRun(run.state)) {
          yield* this.#drainOutput();
          return yield { kind: 'end', seq, run };
        }
      }
      await this.#pause();
    }
  }

  async #watchOutput(): Promise<void> {
    const { items } = await this.#sources.store.executionList(this.#runId, {}, { limit: WATCHED_HOSTS_MAX });
    const live = items.filter((execution) => !isTerminalExecution(execution.state)).map((execution) => ({ attempt: attemptId(execution), hostId: execution.hostId, hostName: execution.hostName }));
    for (const { attempt, hostName } of live) this.#hostNames.set(attempt, hostName);
    this.#stopOutput = this.#sources.watchOutput(live, (output) => this.#hold(output));
  }

  #hold(output: LiveOutput): void {
    this.#output.push(output);
    this.#outputBytes += output.bytes.length;
    while (this.#outputBytes > OUTPUT_HELD_MAX) {
      const dropped = this.#output.shift()!;
      this.#outputBytes -= dropped.bytes.length;
      const next = this.#output.findIndex((held) => held.attempt === dropped.attempt && held.stream === dropped.stream);
      if (next >= 0) this.#output[next] = { ...this.#output[next]!, skipped: this.#output[next]!.skipped + dropped.skipped + dropped.bytes.length };
    }
    this.#wake();
  }

  *#drainOutput(): Generator<RunEvent> {
    while (this.#output.length > 0) {
      const output = this.#output.shift()!;
      this.#outputBytes -= output.bytes.length;
      yield { kind: 'output', output, hostName: this.#hostNames.get(output.attempt) ?? '' };
    }
  }

  #pause(): Promise<void> {
    if (this.#changed || this.#output.length > 0 || this.#signal.aborted) return Promise.resolve();
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
