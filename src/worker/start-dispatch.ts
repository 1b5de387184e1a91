/**
 * From orders to starts: what servers assign waits in the lane it leaves by, and goes out as there is room. Nothing here is
 * durable: what is forgotten with the process is asked for anew by the owner.
 */
import { attemptId, type RunId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { jobLimits } from '../base/job-limits.ts';
import { limits } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { AttemptOrder } from '../conversation/words.ts';
import { ENGINES, type EngineName, type NamedExecutor } from '../domain/run/executor.ts';
import { PRIORITIES, type QueueWeights } from '../domain/placement/queue-pick.ts';
import type { AttemptEvent, LaneFigures, LaneName, ServerAssign } from '../protocol/link/worker-v1.ts';
import type { AgentLink, ExecutorLink } from './output-relay.ts';
import type { OwnRoom } from './own-room.ts';
import { StartLane } from './start-lane.ts';
import { StartFrames, StartRoom, type QueuedStart, type StartOrder } from './start-queue.ts';

/** As a rule it is one, and ten thousand agents need no set for it. */
type Attempts = string | Set<string> | undefined;

interface Linked {
  /** Attempts that went out and have not ended, as far as is known here. */
  out: Attempts;
  /** Those of them that went out from elsewhere, or before this worker began: it said so itself, when it linked. */
  told?: Attempts;
}
/** An executor that is here: an agent that is linked, or this worker itself with one of its engines. It has the lane of its kind. */
export type LinkedExecutor = LinkedAgent | LinkedEngine;
export interface LinkedAgent extends Linked {
  readonly executor: Extract<NamedExecutor, { kind: 'agent' }>;
  readonly link: AgentLink;
  readonly lane: 'agent';
}
export interface LinkedEngine extends Linked {
  readonly executor: Extract<NamedExecutor, { kind: 'worker' }>;
  readonly link: ExecutorLink & { send(order: AttemptOrder): boolean };
  readonly lane: EngineName;
}

export interface StartDispatchOptions {
  readonly capacity: Readonly<Record<LaneName, number>>;
  readonly weights: QueueWeights;
  readonly clock: Clock;
  readonly random: Random;
  readonly find: (hostId: string | undefined, executor: NamedExecutor) => LinkedExecutor | undefined;
  /** Whether the order's term is still the highest known. */
  readonly isCurrent: (order: { partition: number; term: number }) => boolean;
  readonly event: (a: string, event: AttemptEvent) => void;
  readonly watch: (start: QueuedStart) => void;
  /** Of this machine, where this worker carries out tasks on it. */
  readonly room?: OwnRoom;
}

/** Starts handed out per turn of the event loop, so that nothing else waits for a large fan-out. */
const STARTS_PER_TURN = 500;
/** An agent that has so much unread gets no more starts; its owner tries again. */
const UNREAD_BYTES_MAX = 2 * 1024 * 1024;
const ROOM_LOOK_MS = 10;
/** What has waited so long is told to wait. */
const TELL_AFTER_MS = 1_000;
/** Of what a worker does itself, which may be long. */
const OWN_LANES: readonly LaneName[] = ['process', 'calls'];
/** Of the places there no caller has all: so much is left for others, however long it lasts. */
const PART_LEFT = 0.1;
type Undelivered = Extract<AttemptEvent, { k: 'undelivered' }>;
const LANES = ['agent', ...ENGINES] as const satisfies readonly LaneName[];

function byLane<T>(make: (lane: LaneName) => T): Record<LaneName, T> {
  return Object.fromEntries(LANES.map((lane) => [lane, make(lane)])) as Record<LaneName, T>;
}

/** One for agents, and one for each engine. */
function laneOf(executor: NamedExecutor): LaneName {
  return executor.kind === 'agent' ? 'agent' : executor.engine;
}

export class StartDispatch {
  readonly #options: StartDispatchOptions;
  readonly #lanes: Record<LaneName, StartLane>;
  readonly #room = new StartRoom(limits.workerStartBytesMax);
  /** Cancelled, and given back at the latest when their time is over. */
  readonly #cancelled = new Set<string>();
  #starting = false;
  #telling = false;

  constructor(options: StartDispatchOptions) {
    const { capacity, clock, random, weights } = options;
    this.#options = options;
    const lane = (name: LaneName): StartLane => {
      const isOwn = OWN_LANES.includes(name);
      return new StartLane({
        capacity: capacity[name],
        queueMax: limits.workerQueueMax,
        queueBytesMax: isOwn ? jobLimits.workerOwnQueueBytesMax : jobLimits.workerQueueBytesMax,
        placesLeft: isOwn ? Math.ceil(capacity[name] * PART_LEFT) : 0,
        weights,
        clock,
        random,
      });
    };
    this.#lanes = byLane(lane);
  }

  get queued(): number {
    return LANES.reduce((sum, lane) => sum + this.#lanes[lane].length, 0);
  }

  figures(): Record<LaneName, LaneFigures> {
    return byLane((name) => {
      const lane = this.#lanes[name];
      return { underWay: lane.underWay, capacity: lane.capacity, queues: lane.figures() };
    });
  }

  assign(server: string, assign: ServerAssign): void {
    if (!this.#options.isCurrent(assign)) return;
    const priority = PRIORITIES.includes(assign.priority) ? assign.priority : 'normal';
    const frames = new StartFrames(assign);
    const cameAtMs = this.#options.clock.monotonicMs();
    for (const target of assign.targets) {
      const a = attemptId({
        runId: assign.runId as RunId,
        task: assign.task,
        ordinal: target.ordinal,
        attempt: target.attempt,
      });
      const name = laneOf(target.executor);
      const lane = this.#lanes[name];
      const order = { assign, target, server, frames, cameAtMs };
      const start: QueuedStart = { a, priority, order, queuedAtMs: cameAtMs, isTold: false, isWithdrawn: false };
      const executor = this.#options.find(target.hostId, target.executor);
      // It has its room already, and the first order may be lost: it waits for nobody's end, least of all its own.
      if (executor && has(executor.out, a)) {
        this.#startOne(start);
        continue;
      }
      if (!this.#mayTake(a, target.executor, assign.needs)) {
        this.#options.event(a, { k: 'undelivered', a, code: 'worker-full' });
        continue;
      }
      const answer = lane.offer(start);
      if (answer === 'full') this.#giveBack(a, executor, OWN_LANES.includes(name) ? 'worker-full' : 'agent-busy');
      else if (answer === 'known') this.#options.event(a, { k: 'queued', a });
    }
    this.#startQueued();
  }

  /**
   * True when nobody else need hear of it: it waited here, for this worker itself. An agent is asked also where it
   * waited here, for a server believes nobody else that an agent has not heard of an attempt.
   */
  cancel(a: string): boolean {
    for (const lane of Object.values(this.#lanes)) {
      const start = lane.withdraw(a);
      const executor = start?.order.target.executor;
      if (executor?.kind !== 'worker') continue;
      this.#options.room?.release(a);
      this.#options.event(a, { k: 'unknown', a, executor });
      return true;
    }
    return false;
  }

  /** Whether this machine has what a task wants of it, which is then promised to it. */
  #mayTake(a: string, executor: NamedExecutor, needs: ServerAssign['needs']): boolean {
    const { room } = this.#options;
    return !needs || executor.kind === 'agent' || executor.engine !== 'process' || room?.promise(a, needs) === true;
  }

  /** The attempt has ended, or never began: its room is free. */
  ended(executor: LinkedExecutor, a: string): void {
    this.#options.room?.release(a);
    if (!has(executor.out, a)) return;
    executor.out = without(executor.out, a);
    const lane = this.#lanes[executor.lane];
    if (has(executor.told, a)) {
      lane.told(countOf(executor.told), countOf(executor.told) - 1);
      executor.told = without(executor.told, a);
    }
    lane.ended([a]);
    if (lane.length > 0) this.#startQueued();
  }

  /**
   * Its executor has been told to end it. Most do at once; one whose host says nothing goes on looking, but not in our room:
   * the server settles such an attempt without a word to us.
   */
  cancelling(executor: LinkedExecutor, a: string): void {
    if (this.#cancelled.has(a) || !has(executor.out, a)) return;
    this.#cancelled.add(a);
    this.#options.clock.after(
      limits.workerCancelledRoomMs,
      () => {
        this.#cancelled.delete(a);
        this.ended(executor, a);
      },
      { unref: true },
    );
  }

  /** What a newly linked agent says it has under way takes room here: all of it, as long as nobody else waits for room. */
  underWay(executor: LinkedExecutor, attempts: Iterable<string>): void {
    for (const a of attempts) this.#begun(executor, a);
    const { out } = executor;
    executor.told = out instanceof Set ? new Set(out) : out;
    this.#lanes[executor.lane].told(0, countOf(out));
  }

  gone(executor: LinkedExecutor): void {
    this.#room.forget(executor.link);
    const lane = this.#lanes[executor.lane];
    lane.told(countOf(executor.told), 0);
    lane.ended(allOf(executor.out));
    executor.out = executor.told = undefined;
    if (lane.length > 0) this.#startQueued();
  }

  #begun(executor: LinkedExecutor, a: string, start?: QueuedStart): void {
    if (has(executor.out, a)) return;
    executor.out = including(executor.out, a);
    this.#lanes[executor.lane].begun(start);
  }

  #startQueued(): void {
    if (this.#starting) return;
    this.#starting = true;
    const lanes = Object.values(this.#lanes);
    const turn = (): void => {
      try {
        startSome();
      } catch (error) {
        // Whoever gave this one hears of the fault; the others go out with the next that comes, or ends.
        this.#starting = false;
        throw error;
      }
    };
    const startSome = (): void => {
      for (let n = 0; n < STARTS_PER_TURN; n++) {
        if (!this.#room.isLeft()) return void this.#options.clock.after(ROOM_LOOK_MS, turn);
        let isIdle = true;
        for (const lane of lanes) {
          const next = lane.length > 0 && lane.hasRoom ? lane.take() : undefined;
          if (!next) continue;
          this.#startOne(next);
          isIdle = false;
        }
        if (isIdle) {
          this.#starting = false;
          return this.#tellLater();
        }
      }
      this.#options.clock.soon(turn);
    };
    turn();
  }

  #startOne(start: QueuedStart): void {
    const { find, isCurrent, clock } = this.#options;
    const { a, order } = start;
    const { assign, target, frames, cameAtMs } = order;
    // While it waited here the partition may have gone to another server, which then sends it anew.
    if (!isCurrent(assign)) return this.#options.room?.release(a);
    const executor = find(target.hostId, target.executor);
    if (!executor) return this.#giveBack(a, undefined, 'host-not-linked');
    // It was signed for a time that is over: the owner signs it anew.
    if (executor.lane === 'agent' && clock.monotonicMs() - cameAtMs > limits.dispatchValidMs)
      return this.#giveBack(a, executor, 'agent-busy');
    // It would say so itself, unless it means to hold the room of others.
    if (executor.lane === 'agent' && countOf(executor.out) >= limits.executionsPerAgentMax && !has(executor.out, a))
      return this.#giveBack(a, executor, 'agent-busy');
    if (executor.link.bufferedBytes > UNREAD_BYTES_MAX) return this.#giveBack(a, executor, 'agent-busy');
    if (target.watch) this.#options.watch(start);
    const sent =
      executor.lane === 'agent'
        ? executor.link.sendEncoded(frames.encode(a, target.mac, target.hostName ?? '', target.watch === true))
        : executor.link.send(ownStart(a, order));
    if (!sent) return this.#giveBack(a, executor, 'host-not-linked');
    this.#begun(executor, a, start);
    if (executor.lane === 'agent') this.#room.sent(executor.link, assign.spec.length);
  }

  /** It was not handed on: unless it is under way by an earlier order, nothing of this machine is promised to it any more. */
  #giveBack(a: string, executor: LinkedExecutor | undefined, code: Undelivered['code']): void {
    if (!has(executor?.out, a)) this.#options.room?.release(a);
    this.#options.event(a, { k: 'undelivered', a, code });
  }

  /** Whoever sent what waits here should know, or it is sent again and again. */
  #tellLater(): void {
    if (this.#telling || this.queued === 0) return;
    this.#telling = true;
    this.#options.clock.after(
      TELL_AFTER_MS,
      () => {
        this.#telling = false;
        for (const lane of Object.values(this.#lanes))
          for (const a of lane.untold()) this.#options.event(a, { k: 'queued', a });
        if (!this.#starting) this.#tellLater();
      },
      { unref: true },
    );
  }
}

function has(attempts: Attempts, a: string): boolean {
  return attempts === a || (attempts instanceof Set && attempts.has(a));
}

function countOf(attempts: Attempts): number {
  return attempts instanceof Set ? attempts.size : attempts === undefined ? 0 : 1;
}

function allOf(attempts: Attempts): Iterable<string> {
  return attempts instanceof Set ? attempts : attempts === undefined ? [] : [attempts];
}

function including(attempts: Attempts, a: string): Attempts {
  if (attempts === undefined) return a;
  return attempts instanceof Set ? attempts.add(a) : new Set([attempts, a]);
}

function without(attempts: Attempts, a: string): Attempts {
  if (attempts === a) return undefined;
  if (attempts instanceof Set) attempts.delete(a);
  return attempts;
}

/** To an engine of this worker: in this very process nothing needs a mark. */
function ownStart(a: string, { assign, target }: StartOrder): AttemptOrder {
  return {
    t: 'start',
    a,
    server: assign.server,
    order: assign.order,
    validUntilMs: assign.validUntilMs,
    spec: assign.spec,
    ...given({ hostName: target.hostName }),
    ...given({ watch: target.watch || undefined }),
    target: given({ hostId: target.hostId, accountId: assign.accountId }),
  };
}
