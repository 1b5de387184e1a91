/**
 * Calls back for each of many things when its time has come: a heap of due times, and one timer of the clock for the
 * earliest. Setting a later time costs nothing: the earlier one comes, finds that it is not due yet, and is put back.
 */
import type { Clock } from '../base/clock.ts';

interface Entry<T> {
  /** By the monotonic clock; where it stands in the heap. */
  at: number;
  /** Undefined once an earlier one has taken its place, or it was taken out. */
  one: T | undefined;
}

/** What is due within so many milliseconds is called together. */
const STEP_MS = 10;
/** Entries that mean nothing, in a heap that is small otherwise. */
const LEFT_MAX = 1_000;

/** Node's timers end at 24.8 days, and a longer one comes at once: what is further away is looked at in between. */
const WAIT_MS_MAX = 3_600_000;

export class Timers<T extends object> {
  readonly #clock: Pick<Clock, 'after' | 'monotonicMs'>;
  readonly #onDue: (one: T) => void;
  #heap: Entry<T>[] = [];
  readonly #entries = new Map<T, { readonly entry: Entry<T>; dueAt: number }>();
  #armedAt = Number.POSITIVE_INFINITY;
  #cancel = (): void => undefined;

  constructor(clock: Pick<Clock, 'after' | 'monotonicMs'>, onDue: (one: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Of how many things a time is set. */
  get size(): number {
    return this.#entries.size;
  }

  /** What it holds for them, and for what was taken out. */
  get entryCount(): number {
    return this.#heap.length;
  }

  /** `dueAt` by the monotonic clock, in the place of what was set before; it may be past. Infinity: never. */
  set(one: T, dueAt: number): void {
    if (dueAt === Number.POSITIVE_INFINITY) return this.delete(one);
    const known = this.#entries.get(one);
    if (known && known.entry.at <= dueAt) {
      known.dueAt = dueAt;
      return;
    }
    const entry = { at: dueAt, one };
    this.#entries.set(one, { entry, dueAt });
    this.#push(entry);
    if (known) this.#leave(known.entry);
    this.#arm();
  }

  delete(one: T): void {
    const known = this.#entries.get(one);
    if (!known) return;
    this.#entries.delete(one);
    this.#leave(known.entry);
    if (this.#entries.size === 0) this.stop();
  }

  /** An entry that means nothing any more goes when its time comes, or when most of the heap is such. */
  #leave(entry: Entry<T>): void {
    entry.one = undefined;
    if (this.#heap.length < 2 * this.#entries.size + LEFT_MAX) return;
    const live = this.#heap.filter(({ one }) => one !== undefined).sort((a, b) => a.at - b.at);
    this.#heap = live;
  }

  /** Forgets all of them. */
  stop(): void {
    this.#cancel();
    this.#armedAt = Number.POSITIVE_INFINITY;
    this.#heap = [];
    this.#entries.clear();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || first.at >= this.#armedAt) return;
    this.#cancel();
    this.#armedAt = first.at;
    this.#cancel = this.#clock.after(
      Math.min(WAIT_MS_MAX, Math.max(STEP_MS, first.at - this.#clock.monotonicMs())),
      () => this.#fire(),
    );
  }

  #fire(): void {
    this.#armedAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonicMs();
    const due: T[] = [];
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      const known = first.one && this.#entries.get(first.one);
      if (!first.one || !known) continue;
      if (known.dueAt <= now) {
        this.#entries.delete(first.one);
        due.push(first.one);
      } else {
        first.at = known.dueAt;
        this.#push(first);
      }
    }
    for (const one of due) this.#onDue(one);
    this.#arm();
  }

  // — the heap: no entry is earlier than the one above it —

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]!.at <= entry.at) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below++;
      if (below >= heap.length || heap[below]!.at >= last.at) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}
