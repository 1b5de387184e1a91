/**
 * What happens to a run, told to whoever watches. Durable events (run, execution, timeline) come from the store, read once for all watchers
 * of a run, so that a watcher who lost the connection goes on where it was; live output is best effort and never repeated.
 */
import { attemptId, type RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { EXECUTION_STATES, isTerminalExecution } from '../domain/crew/execution-machine.ts';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import type { AttemptPlace, LiveOutput } from '../fleet/fleet.ts';
import type { ExecutionRecord } from '../store/contract/execution.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import { closedAt, type EventPlace } from './event-place.ts';
import { HeldOutput, type OutputOf, type WatchedExecution } from './held-output.ts';
import { RunFeed, type FeedStore, type Piece } from './run-feed.ts';
import { hostOf, itemOf } from '../domain/run/subject.ts';

export type RunTold =
  | { readonly kind: 'events'; readonly events: Piece }
  | {
      readonly kind: 'output';
      readonly outputs: readonly (OutputOf & { readonly output: LiveOutput })[];
    }
  | { readonly kind: 'end'; readonly place: EventPlace; readonly run: RunRecord };

export interface EventSources {
  readonly store: FeedStore & Pick<Store, 'runSeqs' | 'executionList' | 'listen'>;
  readonly clock: Clock;
  /** Commits of this very process, at once. */
  onProgress(runId: RunId, callback: () => void): () => void;
  watchOutput(attempts: readonly AttemptPlace[], onOutput: (output: LiveOutput) => void): () => void;
}

/** Without any hint, the runs that are watched here are looked at this often, all by one question. */
const POLL_MS = 1_000;
/** Live output that a slow watcher has not taken; beyond it the oldest is dropped and counted. */
const OUTPUT_HELD_MAX = 4 * 1024 * 1024;
/** Live output of more hosts than this at once is nobody's reading. */
const WATCHED_HOSTS_MAX = 200;
/** How long the output of a run is held for the watcher that its creator has announced. */
const EXPECT_MS = 5_000;
/** So many announced watchers at once; the output of further runs is live from when they are watched. */
const EXPECTED_MAX = 100;
const EXPECTED_BYTES_MAX = 256 * 1024;

interface Watched {
  readonly feed: RunFeed;
  readonly stops: readonly (() => void)[];
  /** With output. */
  outputs: number;
  watchers: number;
  /** What runs, for watchers that come together. */
  live: Promise<readonly WatchedExecution[]> | undefined;
}

export class RunEventHub {
  readonly #sources: EventSources;
  readonly #eventsKeptMax: number;
  readonly #watched = new Map<RunId, Watched>();
  readonly #expected = new Map<RunId, HeldOutput>();
  #polling = false;

  /** `eventsKeptMax`: of all watched runs together. */
  constructor(sources: EventSources, eventsKeptMax: number = limits.watchedEventsKeptMax) {
    this.#sources = sources;
    this.#eventsKeptMax = eventsKeptMax;
  }

  /** Whether somebody wants the output of the run. */
  isWatched(runId: RunId): boolean {
    return (this.#watched.get(runId)?.outputs ?? 0) > 0 || this.#expected.has(runId);
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

  /** Ends when the run is terminal and everything of it has been told, or when the signal aborts. `run`: as it was just read. */
  async *subscribe(
    run: RunRecord,
    after: EventPlace,
    options: { output: boolean; signal: AbortSignal },
  ): AsyncGenerator<RunTold> {
    const { signal } = options;
    const watched = this.#join(run, after);
    let wake = (): void => undefined;
    const woken = (): void => wake();
    signal.addEventListener('abort', woken, { once: true });
    let held: HeldOutput | undefined;
    if (options.output) watched.outputs++;
    try {
      if (options.output) {
        held = this.#expected.get(run.id);
        this.#expected.delete(run.id);
        held ??= await this.#watchOutput(run.id, watched);
        held.onPush = woken;
      }
      const pieces = watched.feed.watch(after, signal, woken);
      try {
        for (;;) {
          const outputs = held?.take() ?? [];
          if (outputs.length > 0) yield { kind: 'output', outputs };
          // Whoever is woken before it waits must not wait.
          const woke = new Promise<void>((resolve) => (wake = resolve));
          const next = await pieces.next();
          if (next.done) {
            const rest = held?.take() ?? [];
            if (rest.length > 0) yield { kind: 'output', outputs: rest };
            if (next.value) yield { kind: 'end', place: closedAt(next.value.seq), run: next.value };
            return;
          }
          if (next.value && held) this.#watchMore(held, next.value);
          if (next.value) yield { kind: 'events', events: next.value };
          else if (held?.isEmpty !== false) await woke;
        }
      } finally {
        await pieces.return(undefined);
      }
    } finally {
      signal.removeEventListener('abort', woken);
      held?.end();
      if (options.output) watched.outputs--;
      this.#leave(run.id, watched);
    }
  }

  #join(run: RunRecord, after: EventPlace): Watched {
    let watched = this.#watched.get(run.id);
    if (!watched) {
      const kept = (): number => Math.floor(this.#eventsKeptMax / Math.max(1, this.#watched.size));
      const feed = new RunFeed(this.#sources.store, run, after, kept);
      const changed = (): void => feed.changed();
      watched = {
        feed,
        outputs: 0,
        watchers: 0,
        live: undefined,
        stops: [
          this.#sources.onProgress(run.id, changed),
          this.#sources.store.listen('progress', (payload) => payload === run.id && changed(), changed),
        ],
      };
      this.#watched.set(run.id, watched);
    }
    watched.watchers++;
    watched.feed.offer(run);
    this.#pollLater();
    return watched;
  }

  #leave(runId: RunId, watched: Watched): void {
    if (--watched.watchers > 0) return;
    this.#watched.delete(runId);
    for (const stop of watched.stops) stop();
  }

  async #watchOutput(runId: RunId, watched: Watched): Promise<HeldOutput> {
    watched.live ??= this.#liveExecutions(runId).finally(() => (watched.live = undefined));
    const live = await watched.live;
    const held = new HeldOutput(live, OUTPUT_HELD_MAX);
    held.end = this.#sources.watchOutput(live, (output) => held.push(output));
    return held;
  }

  /** Executions that came later: of steps that have their turn now, and further attempts. */
  #watchMore(held: HeldOutput, events: Piece): void {
    const fresh = events
      .flatMap((event) => (event.kind === 'execution' ? [event.execution] : []))
      .filter((execution) => !isTerminalExecution(execution.state) && !held.isOf(attemptId(execution)))
      .slice(0, Math.max(0, WATCHED_HOSTS_MAX - held.size));
    if (fresh.length === 0) return;
    const watched = [...new Map(fresh.map((execution) => [attemptId(execution), watchedOf(execution)])).values()];
    held.add(
      watched,
      this.#sources.watchOutput(watched, (output) => held.push(output)),
    );
  }

  async #liveExecutions(runId: RunId): Promise<readonly WatchedExecution[]> {
    const states = EXECUTION_STATES.filter((state) => !isTerminalExecution(state));
    const { items } = await this.#sources.store.executionList(runId, { states }, { limit: WATCHED_HOSTS_MAX });
    return items.map(watchedOf);
  }

  #pollLater(): void {
    if (this.#polling) return;
    this.#polling = true;
    this.#sources.clock.after(POLL_MS, () => void this.#poll(), { unref: true });
  }

  async #poll(): Promise<void> {
    // A database that does not answer is asked again with the next look.
    const seqs = await this.#sources.store.runSeqs([...this.#watched.keys()]).catch(() => []);
    for (const { id, seq } of seqs) {
      const feed = this.#watched.get(id)?.feed;
      if (feed && seq > feed.seq) feed.changed();
    }
    this.#polling = false;
    if (this.#watched.size > 0) this.#pollLater();
  }
}

function watchedOf(execution: ExecutionRecord): WatchedExecution {
  const host = hostOf(execution.subject);
  return {
    attempt: attemptId(execution),
    ...given({
      hostId: host?.id,
      hostName: host?.name,
      item: itemOf(execution.subject),
      executor: execution.route?.executor,
    }),
  };
}
