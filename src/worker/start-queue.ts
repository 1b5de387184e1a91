/** Starts on their way from servers to agents: what waits at the worker, and how much agents may have unread. */
import type { Priority } from '../domain/placement/queue-pick.ts';
import { FrameTemplate } from '../link/frame-template.ts';
import type { ServerAssign } from '../protocol/link/worker-v1.ts';

export interface QueuedStart {
  readonly a: string;
  readonly priority: Priority;
  /** By the monotonic clock: since when it waits. */
  readonly queuedAtMs: number;
  /** The newest order for it. */
  order: StartOrder;
  isTold: boolean;
  isWithdrawn: boolean;
}

/** One attempt of an assignment, as a server has ordered it. */
export interface StartOrder {
  readonly assign: ServerAssign;
  readonly target: ServerAssign['targets'][number];
  /** The link by which it came. */
  readonly server: string;
  readonly frames: StartFrames;
  /** By the monotonic clock. */
  readonly cameAtMs: number;
}

type OrderOfAll = Pick<ServerAssign, 'server' | 'order' | 'validUntilMs' | 'spec'>;

/** The starts of one assignment: own to each agent are only the attempt, the name of its host and the mark that makes it valid. */
export class StartFrames {
  readonly #assign: OrderOfAll;
  #plain: FrameTemplate | undefined;
  #watched: FrameTemplate | undefined;

  constructor(assign: OrderOfAll) {
    this.#assign = assign;
  }

  encode(a: string, mac: Uint8Array, hostName: string, isWatched: boolean): Buffer {
    const template = isWatched
      ? (this.#watched ??= this.#template({ watch: true }))
      : (this.#plain ??= this.#template({}));
    return template.encode(a, hostName, mac);
  }

  #template(more: object): FrameTemplate {
    const { server, order, validUntilMs, spec } = this.#assign;
    return new FrameTemplate({ t: 'start', server, order, validUntilMs, spec, ...more }, ['a', 'hostName', 'mac']);
  }
}

/** First in, first out; taking is a step of an index, because shifting a long array moves all of it. */
class StartQueue {
  #items: QueuedStart[] = [];
  #head = 0;
  #withdrawn = 0;

  /** Of those that are still wanted. */
  get length(): number {
    return this.#items.length - this.#head - this.#withdrawn;
  }

  push(start: QueuedStart): void {
    this.#items.push(start);
  }

  withdraw(start: QueuedStart): void {
    start.isWithdrawn = true;
    this.#withdrawn++;
  }

  /** The oldest that is still wanted. */
  peek(): QueuedStart | undefined {
    while (this.#items[this.#head]?.isWithdrawn) {
      this.#withdrawn--;
      this.#step();
    }
    return this.#items[this.#head];
  }

  take(): QueuedStart | undefined {
    const start = this.peek();
    if (start) this.#step();
    return start;
  }

  #step(): void {
    this.#head++;
    // A queue that never runs empty must not keep what it has handed out.
    if (this.#head < 1_024 || this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}

/** A queue for each caller, and they take turns: who sends much waits for what he sent himself. */
export class CallerQueues {
  /** Those in which somebody waits, in the order of their turns. */
  readonly #queues = new Map<string, StartQueue>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  has(caller: string): boolean {
    return (this.#queues.get(caller)?.length ?? 0) > 0;
  }

  push(start: QueuedStart): void {
    const caller = callerOf(start);
    let queue = this.#queues.get(caller);
    if (!queue) this.#queues.set(caller, (queue = new StartQueue()));
    queue.push(start);
    this.#length++;
  }

  withdraw(start: QueuedStart): void {
    this.#queues.get(callerOf(start))!.withdraw(start);
    this.#length--;
  }

  /** Of the next whose turn it is and who may; undefined where nobody who waits may. */
  take(may: (caller: string) => boolean): QueuedStart | undefined {
    for (const [caller, queue] of this.#queues) {
      if (queue.length > 0 && !may(caller)) continue;
      this.#queues.delete(caller);
      const start = queue.take();
      if (!start) continue;
      if (queue.length > 0) this.#queues.set(caller, queue);
      this.#length--;
      return start;
    }
    return undefined;
  }

  /** The oldest of all. */
  peek(): QueuedStart | undefined {
    let oldest: QueuedStart | undefined;
    for (const queue of this.#queues.values()) {
      const first = queue.peek();
      if (first && (!oldest || first.queuedAtMs < oldest.queuedAtMs)) oldest = first;
    }
    return oldest;
  }
}

/** Of an order that does not say it, as of a server of before, nobody knows it. */
export function callerOf({ order }: QueuedStart): string {
  return order.assign.caller ?? '';
}

/**
 * Starts that agents have not read yet are bounded for all agents together: a large script for a large fleet waits here once,
 * instead of in the send buffer of every link. Links are counted only when what was sent since might be too much.
 */
export class StartRoom {
  readonly #bytesMax: number;
  readonly #links = new Set<{ readonly bufferedBytes: number }>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  isLeft(): boolean {
    if (this.#bytes <= this.#bytesMax) return true;
    this.#bytes = 0;
    for (const link of this.#links) {
      if (link.bufferedBytes === 0) this.#links.delete(link);
      this.#bytes += link.bufferedBytes;
    }
    return this.#bytes <= this.#bytesMax;
  }

  sent(link: { readonly bufferedBytes: number }, bytes: number): void {
    this.#links.add(link);
    this.#bytes += bytes;
  }

  forget(link: { readonly bufferedBytes: number }): void {
    this.#links.delete(link);
  }
}
