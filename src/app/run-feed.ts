/**
 * The durable events of one run, read once for all its watchers. Its reader asks the store for what is new, a bounded piece at a time, and
 * keeps the last pieces. Each watcher has its own place: from a kept piece it goes on without asking anybody; one that comes late, or is
 * slower than the run, first reads what is not kept any more by itself, piece by piece, as fast as it takes them.
 */
import type { RunId } from '../base/ids.ts';
import { isTerminalRun } from '../domain/flow/run-machine.ts';
import type { ExecutionRecord } from '../store/contract/execution.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { Store } from '../store/contract/store.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import { closedAt, comparePlaces, type EventPlace } from './event-place.ts';

export type DurableEvent =
  | { readonly kind: 'timeline'; readonly place: EventPlace; readonly entry: TimelineEntry }
  | { readonly kind: 'execution'; readonly place: EventPlace; readonly execution: ExecutionRecord }
  /** Its counts and its times; without its tasks, since there is one for each commit. */
  | { readonly kind: 'run'; readonly place: EventPlace; readonly run: RunRecord };

/** Events in the order of their places; one object for all watchers, so that it need be encoded only once. */
export type Piece = readonly DurableEvent[];

export type FeedStore = Pick<Store, 'runHead' | 'timelineAfter' | 'executionChanges'>;

/** Executions of one read: a few MiB at most. */
const READ_MAX = 2_000;
/** Events of one piece: what a watcher is given between two turns of others. */
const PIECE_MAX = 200;
/** Not before any task or ordinal. */
const LAST = 2_147_483_647;

export class RunFeed {
  readonly #store: FeedStore;
  readonly #runId: RunId;
  readonly #keptMax: () => number;
  /** The last pieces; the first of them has the number `#firstPiece`. */
  readonly #kept: Piece[] = [];
  #firstPiece = 0;
  #keptEvents = 0;
  /** All before and at this place that is not in `#kept` was dropped from it, or was never read here. */
  #keptAfter: EventPlace;
  #readTo: EventPlace;
  #run: RunRecord;
  #changed = true;
  #reading = false;
  #failed: unknown;
  readonly #wakes = new Set<() => void>();

  /** `keptMax`: events that may be kept now. */
  constructor(store: FeedStore, run: RunRecord, from: EventPlace, keptMax: () => number) {
    this.#store = store;
    this.#runId = run.id;
    this.#run = run;
    this.#keptMax = keptMax;
    this.#keptAfter = from;
    this.#readTo = from;
  }

  get seq(): number {
    return this.#run.seq;
  }

  /** Something may be new: one reader looks, however often this is called. */
  changed(): void {
    this.#changed = true;
    if (!this.#reading && this.#wakes.size > 0) void this.#read();
  }

  /** A newer record, from whoever has just read it. */
  offer(run: RunRecord): void {
    if (run.seq > this.#readTo.seq) this.changed();
  }

  /**
   * Pieces after the place, until the run is over and everything of it was told, or the signal aborts. `undefined`:
   * nothing now; `wake` says when to look again.
   */
  async *watch(
    after: EventPlace,
    signal: AbortSignal,
    wake: () => void,
  ): AsyncGenerator<Piece | undefined, RunRecord | undefined> {
    const woken = (): void => wake();
    this.#wakes.add(woken);
    if (this.#failed !== undefined) this.#changed = true;
    if (this.#changed && !this.#reading) void this.#read();
    let place = after;
    try {
      for (let next: number | undefined; !signal.aborted; ) {
        if (this.#failed !== undefined) throw this.#failed;
        if (next === undefined || next < this.#firstPiece) {
          next = undefined;
          if (comparePlaces(place, this.#keptAfter) < 0) {
            const missed = await this.#catchUp(place);
            for (const piece of piecesOf(missed.events)) yield piece;
            place = missed.to;
            continue;
          }
          next = this.#firstPiece;
        }
        const piece: Piece | undefined = this.#kept[next - this.#firstPiece];
        if (piece) {
          next++;
          const rest =
            comparePlaces(piece[0]!.place, place) > 0
              ? piece
              : piece.filter((event) => comparePlaces(event.place, place) > 0);
          if (comparePlaces(piece.at(-1)!.place, place) > 0) place = piece.at(-1)!.place;
          if (rest.length > 0) yield rest;
        } else if (isTerminalRun(this.#run.state) && !this.#changed && !this.#reading) return this.#run;
        else yield undefined;
      }
      return undefined;
    } finally {
      this.#wakes.delete(woken);
    }
  }

  /**
   * What lies between a watcher's place and what is kept: the next events of it, and how far they go. What changed
   * meanwhile has moved to a later place, which is kept.
   */
  async #catchUp(place: EventPlace): Promise<{ events: Piece; to: EventPlace }> {
    const end = this.#keptAfter;
    const read = await eventsAfter(this.#store, this.#runId, place, end.seq, READ_MAX);
    const events = read.filter((event) => comparePlaces(event.place, end) <= 0);
    return { events, to: events.length < READ_MAX ? end : events.at(-1)!.place };
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#failed = undefined;
    try {
      while (this.#changed && this.#wakes.size > 0) {
        this.#changed = false;
        const run = await this.#store.runHead(this.#runId);
        if (!run) break;
        while (this.#readTo.seq < run.seq || this.#readTo.phase !== 'closed') {
          const events = await eventsAfter(this.#store, this.#runId, this.#readTo, run.seq, READ_MAX);
          // Less than asked for: the rest up to this seq is nothing, and the run closes it.
          const isWhole = events.length < READ_MAX;
          this.#keep(isWhole ? [...events, { kind: 'run', place: closedAt(run.seq), run }] : events);
          if (isWhole) break;
        }
        this.#run = run;
      }
    } catch (error) {
      this.#failed = error;
    }
    this.#reading = false;
    for (const wake of this.#wakes) wake();
  }

  #keep(events: Piece): void {
    this.#kept.push(...piecesOf(events));
    this.#keptEvents += events.length;
    this.#readTo = events.at(-1)!.place;
    const keptMax = this.#keptMax();
    while (this.#keptEvents > keptMax && this.#kept.length > 1) {
      const dropped = this.#kept.shift()!;
      this.#firstPiece++;
      this.#keptEvents -= dropped.length;
      this.#keptAfter = dropped.at(-1)!.place;
    }
    for (const wake of this.#wakes) wake();
  }
}

/**
 * The next events after a place, up to a seq, in order; fewer than `limit` only where there are no more. The run's own
 * are not among them.
 */
async function eventsAfter(
  store: FeedStore,
  runId: RunId,
  after: EventPlace,
  toSeq: number,
  limit: number,
): Promise<DurableEvent[]> {
  const { seq, phase, major, minor } = after;
  const [entries, executions] = await Promise.all([
    store.timelineAfter(runId, phase === 'timeline' ? { seq: seq - 1, skip: major + 1 } : { seq, skip: 0 }, {
      toSeq,
      limit,
    }),
    store.executionChanges(
      runId,
      phase === 'execution'
        ? { seq, task: major, ordinal: minor }
        : { seq: phase === 'timeline' ? seq - 1 : seq, task: LAST, ordinal: LAST },
      { toSeq, limit },
    ),
  ]);
  const numbered = new Map<number, number>();
  const events: DurableEvent[] = entries.map((entry) => {
    const first = phase === 'timeline' && entry.seq === seq ? major + 1 : 0;
    const number = numbered.get(entry.seq) ?? first;
    numbered.set(entry.seq, number + 1);
    return { kind: 'timeline', place: { seq: entry.seq, phase: 'timeline', major: number, minor: 0 }, entry };
  });
  for (const execution of executions)
    events.push({
      kind: 'execution',
      place: { seq: execution.seq, phase: 'execution', major: execution.task, minor: execution.ordinal },
      execution,
    });
  return events.sort((a, b) => comparePlaces(a.place, b.place)).slice(0, limit);
}

function* piecesOf(events: Piece): Generator<Piece> {
  for (let i = 0; i < events.length; i += PIECE_MAX) yield events.slice(i, i + PIECE_MAX);
}
