/**
 * One way out of a worker (over its agents, or over SSH): three queues, by weighted draw, and room for so many executions at
 * once. What finds no room waits here and can be taken back by a cancel; within its class callers take turns, and what is
 * of one caller goes oldest first. What waits is bounded in number, and in the bytes of what it carries out.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { pickQueue, PRIORITIES, type Priority, type QueueWeights } from '../domain/placement/queue-pick.ts';
import type { QueueFigures } from '../protocol/link/worker-v1.ts';
import type { ServerAssign } from '../protocol/link/worker-v1.ts';
import { callerOf, CallerQueues, type QueuedStart } from './start-queue.ts';

export interface StartLaneOptions {
  /** Executions under way at once. */
  readonly capacity: number;
  /** Starts that may wait, all classes together. */
  readonly queueMax: number;
  /** What they carry out, together; of an assignment to many that is once. Beyond it, as beyond `queueMax`, each caller has one. */
  readonly queueBytesMax: number;
  /** Places that one caller leaves free, however much of his waits: what is long takes them for long. */
  readonly placesLeft: number;
  readonly weights: QueueWeights;
  readonly clock: Clock;
  readonly random: Random;
}

export class StartLane {
  readonly #options: StartLaneOptions;
  readonly #queues: Record<Priority, CallerQueues> = {
    high: new CallerQueues(),
    normal: new CallerQueues(),
    low: new CallerQueues(),
  };
  readonly #waiting = new Map<string, QueuedStart>();
  /** Assignments of which some wait, and how many. */
  readonly #assigns = new Map<ServerAssign, number>();
  #bytes = 0;
  /** Callers of what has begun here and goes on, and how much of each does; empty where callers leave no places. */
  readonly #callers = new Map<string, string>();
  readonly #ofCaller = new Map<string, number>();
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
      // Its caller is the same: he is that of the run.
      this.#hold(start);
      this.#letGo(known);
      known.order = start.order;
      return 'known';
    }
    const { queueMax, queueBytesMax } = this.#options;
    const { assign } = start.order;
    const more = this.#assigns.has(assign) ? 0 : assign.spec.length;
    const isFull = this.#waiting.size >= queueMax || (more > 0 && this.#bytes + more > queueBytesMax);
    // Whatever others have waiting here, one of each caller waits among them.
    if (isFull && PRIORITIES.some((priority) => this.#queues[priority].has(callerOf(start)))) return 'full';
    this.#hold(start);
    this.#waiting.set(start.a, start);
    this.#queues[start.priority].push(start);
    return 'taken';
  }

  /** Takes a waiting start back; undefined when it does not wait here (any more). */
  withdraw(a: string): QueuedStart | undefined {
    const start = this.#waiting.get(a);
    if (!start) return undefined;
    this.#waiting.delete(a);
    this.#letGo(start);
    this.#queues[start.priority].withdraw(start);
    return start;
  }

  /** The next to start; undefined when none may. Room is for whoever asks to look at, and to count with `begun`. */
  take(): QueuedStart | undefined {
    const { high, normal, low } = this.#queues;
    // As a rule all that waits is of one class, and there is nothing to draw.
    const drawn =
      high.length + low.length === 0
        ? 'normal'
        : pickQueue(
            { high: high.length, normal: normal.length, low: low.length },
            this.#options.random,
            this.#options.weights,
          );
    if (!drawn) return undefined;
    // Where none of its callers may have more, others go on.
    for (const priority of [drawn, ...PRIORITIES.filter((one) => one !== drawn)]) {
      const start = this.#queues[priority].take((caller) => this.#mayHaveMore(caller));
      if (!start) continue;
      this.#waiting.delete(start.a);
      this.#letGo(start);
      const figures = this.#started[priority];
      figures.starts++;
      figures.waitedMs += this.#options.clock.monotonicMs() - start.queuedAtMs;
      return start;
    }
    return undefined;
  }

  /** `start`: what has begun; absent for what began before, or elsewhere, of which nobody here knows whose it is. */
  begun(start?: QueuedStart): void {
    this.#underWay++;
    if (!start || this.#options.placesLeft === 0) return;
    const caller = callerOf(start);
    this.#callers.set(start.a, caller);
    this.#ofCaller.set(caller, (this.#ofCaller.get(caller) ?? 0) + 1);
  }

  ended(attempts: Iterable<string>): void {
    for (const a of attempts) {
      this.#underWay--;
      const caller = this.#callers.get(a);
      if (caller === undefined) continue;
      this.#callers.delete(a);
      const left = this.#ofCaller.get(caller)! - 1;
      if (left === 0) this.#ofCaller.delete(caller);
      else this.#ofCaller.set(caller, left);
    }
  }

  #mayHaveMore(caller: string): boolean {
    const { capacity, placesLeft } = this.#options;
    return placesLeft === 0 || (this.#ofCaller.get(caller) ?? 0) < Math.max(1, capacity - placesLeft);
  }

  #hold({ order: { assign } }: QueuedStart): void {
    const count = this.#assigns.get(assign) ?? 0;
    if (count === 0) this.#bytes += assign.spec.length;
    this.#assigns.set(assign, count + 1);
  }

  #letGo({ order: { assign } }: QueuedStart): void {
    const count = this.#assigns.get(assign)! - 1;
    if (count > 0) return void this.#assigns.set(assign, count);
    this.#assigns.delete(assign);
    this.#bytes -= assign.spec.length;
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
