/**
 * The time of a simulated world: events in the order of their instants, each carried out whole, with all promises that follow from it,
 * before the next. Every process has clocks of its own, may be slow, and may die at any instant; what it had planned dies with it.
 */
import { createHash, type Hash } from 'node:crypto';
import { othersTurn, type Clock } from '../../src/base/clock.ts';
import { seededRandom, type Random } from '../../src/base/random.ts';

interface Event {
  atMs: number;
  readonly seq: number;
  readonly process: SimProcess | undefined;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Something that must never be was seen. */
export class Violation extends Error {}

export class Simulation {
  readonly seed: number;
  readonly random: Random;
  nowMs = 0;
  events = 0;
  /** Injected faults by kind. */
  readonly faults = new Map<string, number>();
  readonly violations: string[] = [];
  readonly #heap: Event[] = [];
  #seq = 0;
  readonly #hash: Hash = createHash('sha256');
  readonly #onLine: ((line: string) => void) | undefined;

  /** `onLine` is told of everything that happens. */
  constructor(seed: number, onLine?: (line: string) => void) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.#onLine = onLine;
  }

  get faultCount(): number {
    return [...this.faults.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Of everything that has happened: the same for the same seed. */
  get digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  note(line: string): void {
    const text = `${this.nowMs.toFixed(1)} ${line}`;
    this.#hash.update(text);
    this.#onLine?.(text);
  }

  fault(kind: string, what: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
    this.note(`FAULT ${kind} ${what}`);
  }

  violate(what: string): void {
    this.violations.push(what);
    this.note(`VIOLATION ${what}`);
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  between(least: number, most: number): number {
    return least + this.random.next() * (most - least);
  }

  /** From 0 to one below. */
  below(n: number): number {
    return Math.floor(this.random.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** A UUID that the seed decides. */
  newId(): string {
    const hex = Array.from({ length: 32 }, () => this.below(16).toString(16)).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** `process`: whose it is; it never happens once that is dead, and waits while that is stopped. */
  after(delayMs: number, run: () => void, process?: SimProcess): () => void {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const event: Event = { atMs, seq: ++this.#seq, process, run, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Until the instant, or until `isOver` says so. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    for (let event = this.#heap[0]; event && event.atMs <= untilMs; event = this.#heap[0]) {
      this.#pop();
      const { process } = event;
      if (event.isCancelled || (process && !process.isAlive)) continue;
      if (process && process.stoppedUntilMs > event.atMs) {
        event.atMs = process.stoppedUntilMs;
        this.#push(event);
        continue;
      }
      this.nowMs = Math.max(this.nowMs, event.atMs);
      this.events++;
      try {
        event.run();
      } catch (error) {
        this.violate(`${process?.name ?? 'the world'} threw: ${(error as Error).stack ?? String(error)}`);
      }
      await othersTurn();
      if (this.violations.length > 0 || isOver()) return;
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq);
}

const EPOCH_MS = 1_900_000_000_000;
/** What a process does after another thing that it did costs it so much time. */
const TURN_MS = 0.01;

export class SimProcess {
  readonly name: string;
  /** Where it runs: partitions of the network part machines. */
  readonly machine: string;
  readonly clock: Clock;
  isAlive = true;
  stoppedUntilMs = 0;
  readonly #sim: Simulation;

  /** `wall` is the machine's clock, which may be wrong and may jump. */
  constructor(sim: Simulation, name: string, machine: string, wall: { readonly aheadMs: number }) {
    this.#sim = sim;
    this.name = name;
    this.machine = machine;
    const bornMs = sim.nowMs;
    this.clock = {
      nowMs: () => Math.round(EPOCH_MS + sim.nowMs + wall.aheadMs),
      monotonicMs: () => 1_000 + sim.nowMs - bornMs,
      after: (delayMs, callback) => sim.after(delayMs, callback, this),
      soon: (callback) => void sim.after(TURN_MS, callback, this),
    };
  }

  /** Its answer comes when it can take it; never, once it is dead. */
  async later<T>(delayMs: number, work: () => T | Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => this.#sim.after(delayMs, resolve, this));
    return work();
  }

  stopUntil(atMs: number): void {
    this.stoppedUntilMs = Math.max(this.stoppedUntilMs, atMs);
  }

  kill(): void {
    this.isAlive = false;
  }
}

/** The clock that nobody's is compared with but the database's. */
export function trueTime(sim: Simulation): number {
  return Math.round(EPOCH_MS + sim.nowMs);
}
