/**
 * One way out of a worker (over its agents, or over SSH): three queues, by weighted draw, and room for so many executions at
 * once. What finds no room waits here, oldest first within its class, and can be taken back by a cancel.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { pickQueue, PRIORITIES, type Priority, type QueueWeights } from '../domain/placement/queue-pick.ts';
import type { QueueFigures } from '../protocol/link/worker-v1.ts';
import { StartQueue, type QueuedStart } from './start-queue.ts';

export interface StartLaneOptions {
  /** Executions under way at once. */
  readonly capacity: number;
  /** Starts that may wait, all classes together. */
  readonly queueMax: number;
  readonly weights: QueueWeights;
  readonly clock: Clock;
  readonly random: Random;
}

export class StartLane {
  readonly #options: StartLaneOptions;
  readonly #queues: Record<Priority, StartQueue> = {
    high: new StartQueue(),
    normal: new StartQueue(),
    low: new StartQueue(),
  };
  readonly #waiting = new Map<string, QueuedStart>();
  readonly #started: Record<Priority, { starts: number; waitedMs: number }> = {
    high: { starts: 0, waitedMs: 0 },
    normal: { starts: 0, waitedMs: 0 },
    low: { starts: 0, waitedMs: 0 },
  };
  /** Executors by how many attempts of theirs only their own word says are under way. */
  readonly #tellers = new Map<number, number>();
  #underWay = 0;

  constructor(options: StartLaneOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.size;
  }

  get hasRoom(): boolean {
    const { capacity } = this.#options;
    return this.#underWay < capacity || this.#underWay - this.#beyondShares() < capacity;
  }

  /**
   * An executor's own word takes no more than a fair part of the room from what waits: what is left is a part as well.
   * So whoever says much keeps nobody from starting; where it is true, more may be under way than there is room for,
   * until that has ended.
   */
  #beyondShares(): number {
    const { capacity } = this.#options;
    const share = capacity / (1 + [...this.#tellers.values()].reduce((sum, executors) => sum + executors, 0));
    let beyond = 0;
    for (const [attempts, executors] of this.#tellers) beyond += executors * Math.max(0, attempts - share);
    return beyond;
  }

  /**
   * `known`: the very attempt waits here already, and goes out by the newer order when its turn comes. Another server
   * may have signed it.
   */
  offer(start: QueuedStart): 'taken' | 'known' | 'full' {
    const known = this.#waiting.get(start.a);
    if (known) {
      known.order = start.order;
      return 'known';
    }
    if (this.#waiting.size >= this.#options.queueMax) return 'full';
    this.#waiting.set(start.a, start);
    this.#queues[start.priority].push(start);
    return 'taken';
  }

  /** Takes a waiting start back; undefined when it does not wait here (any more). */
  withdraw(a: string): QueuedStart | undefined {
    const start = this.#waiting.get(a);
    if (!start) return undefined;
    this.#waiting.delete(a);
    this.#queues[start.priority].withdraw(start);
    return start;
  }

  /** The next to start; undefined when nothing waits. Room is for the caller to look at, and to count with `begun`. */
  take(): QueuedStart | undefined {
    const { high, normal, low } = this.#queues;
    // As a rule all that waits is of one class, and there is nothing to draw.
    const priority =
      high.length + low.length === 0
        ? 'normal'
        : pickQueue(
            { high: high.length, normal: normal.length, low: low.length },
            this.#options.random,
            this.#options.weights,
          );
    const start = priority && this.#queues[priority].take();
    if (!start) return undefined;
    this.#waiting.delete(start.a);
    const figures = this.#started[priority];
    figures.starts++;
    figures.waitedMs += this.#options.clock.monotonicMs() - start.queuedAtMs;
    return start;
  }

  begun(): void {
    this.#underWay++;
  }

  ended(count: number): void {
    this.#underWay -= count;
  }

  /** Those waiting that nobody has been told of yet; each is given once. */
  *untold(): Generator<string> {
    for (const start of this.#waiting.values()) {
      if (start.isTold) continue;
      start.isTold = true;
      yield start.a;
    }
  }

  /** Of the attempts that have begun, one executor's own word was all that told of `before`, and now is of `now`. */
  told(before: number, now: number): void {
    const count = (attempts: number, by: 1 | -1): void => {
      const executors = (this.#tellers.get(attempts) ?? 0) + by;
      if (executors === 0) this.#tellers.delete(attempts);
      else this.#tellers.set(attempts, executors);
    };
    if (before > 0) count(before, -1);
    if (now > 0) count(now, 1);
  }

  get underWay(): number {
    return this.#underWay;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  figures(): Record<Priority, QueueFigures> {
    const nowMs = this.#options.clock.monotonicMs();
    return Object.fromEntries(
      PRIORITIES.map((priority) => {
        const queue = this.#queues[priority];
        const oldest = queue.peek();
        return [
          priority,
          {
            length: queue.length,
            oldestMs: oldest ? Math.round(nowMs - oldest.queuedAtMs) : 0,
            starts: this.#started[priority].starts,
            waitedMs: Math.round(this.#started[priority].waitedMs),
          },
        ];
      }),
    ) as Record<Priority, QueueFigures>;
  }
}
