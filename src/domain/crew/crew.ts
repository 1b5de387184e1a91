/**
 * The executions of one task in their owner's memory: their attempts, what was sent and heard of each, and what
 * follows. Pure: no I/O, no clock, no chance. It knows nothing of verdicts, of how many may be out at once, or of how
 * many may fail: it is told how many more to send, and when to stop.
 *
 * An order to run is sent only after `dispatched`, with its executor, is committed: whoever takes over sends it to that
 * same executor, whose journal knows, and to no other.
 */
import type { HostId, WorkerId } from '../../base/ids.ts';
import { isWorker, type Route } from '../run/executor.ts';
import { Changes } from './changes.ts';
import type { CrewOptions, Unreached } from './crew-options.ts';
import {
  askAnew,
  beginDelivery,
  forgetDelivery,
  nextOrder,
  noteAccepted,
  noteQueued,
  noteReturn,
  noteUndelivered,
  orderDueAt,
  type OrderKind,
} from './delivery.ts';
import { dueOf } from './due.ts';
import { endAnswer, type EndAnswer, isRepeated, notKeptAnswer } from './ends.ts';
import {
  executionOf,
  isWithAgent,
  type AttemptResult,
  type Execution,
  type FindRoute,
  type SeedExecution,
  type ToldEnd,
} from './execution.ts';
import { isOut, isTerminalExecution, type ExecutionState } from './execution-machine.ts';
import { askDueAt, endDueAt, guardedEnd, noteReach } from './guards.ts';
import { stateAfter } from './outcome.ts';
import { DROPPED, isEnding, reasonOfCancel, type StopKind, strongerStop } from './stop.ts';

export interface Order {
  readonly kind: OrderKind;
  readonly execution: Execution<unknown>;
  readonly route: Route;
}

/** Of the owner: its monotonic clock, and what is shown. */
export interface Now {
  readonly at: number;
  readonly ms: number;
}

/** Before another attempt is sent. */
const RETRY_PAUSE_MS = 1_000;
/**
 * Executions in flight for each millisecond between two looks at all of them. Events come in thousands of frames, and a look at
 * ten thousand hosts with each would be most of the owner's work; nothing that a look finds is in such a hurry.
 */
const LOOKS_PER_MS = 10;
/** Looked at as often as that where something is out: a change of the ways to hosts of which nobody told is seen then. */
const LOOK_MS_MAX = 15_000;
/** Until those are given up that had no way after the start deadline, or are asked about again of which it was not known. */
const GIVE_UP_MS = 250;

export class Crew<Stream = unknown> {
  readonly executions: readonly Execution<Stream>[];
  readonly changes = new Changes<Stream>();
  readonly #options: CrewOptions;
  readonly #byHost = new Map<HostId, Execution<Stream>[]>();
  readonly #ready = new Set<Execution<Stream>>();
  /** Waiting executions from this place on have not had their turn yet: neither are they sent, nor does their time run. */
  #turnsEnd: number;
  /** Before this place all are over, as it is written. */
  #overEnd = 0;
  readonly #parked = new Set<Execution<Stream>>();
  readonly #inFlight = new Set<Execution<Stream>>();
  /** In flight, and something has changed since the last orders: the others wait for the next look. */
  readonly #fresh = new Set<Execution<Stream>>();
  /** No look before, and one at last at this time; whatever is due in between may make it earlier. */
  #lookNotBeforeAt = 0;
  #lookDueAt = 0;
  /** When time lets something go out that waits, or gives it up. */
  #sendDueAt = 0;
  #ordersForAll = false;
  /** By the owner's monotonic clock. */
  #startDeadlineAt: number;
  #stopping: StopKind | undefined;
  /** The first stop by which what is out is ended. */
  #endedBy: StopKind | undefined;

  /** `turnsEnd`: so many of them, in their order, have their turn already. */
  constructor(
    options: CrewOptions,
    seeds: readonly SeedExecution[],
    nowAt: number,
    turnsEnd = Number.POSITIVE_INFINITY,
  ) {
    this.#options = options;
    this.#turnsEnd = Math.min(turnsEnd, seeds.length);
    this.#startDeadlineAt = nowAt + options.policy.startDeadlineMs - Math.max(0, options.roundAgeMs);
    this.executions = seeds.map((seed, at) => {
      const execution = executionOf<Stream>(seed, nowAt);
      this.changes.add(seed);
      if (seed.state === 'waiting' && at < this.#turnsEnd) this.#ready.add(execution);
      if (isOut(seed.state)) this.#inFlight.add(execution);
      if (seed.subject.kind === 'none') return execution;
      const same = this.#byHost.get(seed.subject.id);
      if (same) same.push(execution);
      else this.#byHost.set(seed.subject.id, [execution]);
      return execution;
    });
  }

  /** Whether nothing of it waits or is out. */
  get isOver(): boolean {
    return (
      this.#inFlight.size + this.#ready.size + this.#parked.size === 0 && this.isOverBefore(Number.POSITIVE_INFINITY)
    );
  }

  /** Whether all before this place are over, as it is written. */
  isOverBefore(end: number): boolean {
    const { executions } = this;
    const wanted = Math.min(end, executions.length);
    while (this.#overEnd < wanted && isTerminalExecution(executions[this.#overEnd]!.dbState)) this.#overEnd++;
    return this.#overEnd >= wanted;
  }

  at(task: number, ordinal: number): Execution<Stream> | undefined {
    const guess = this.executions[ordinal];
    return guess?.task === task && guess.ordinal === ordinal
      ? guess
      : this.executions.find((e) => e.task === task && e.ordinal === ordinal);
  }

  inFlight(): Iterable<Execution<Stream>> {
    return this.#inFlight;
  }

  /** When there is something to do that nobody will tell of, by the owner's monotonic clock: `look` and `send` are due then. */
  get dueAt(): number {
    const lookAt =
      this.#inFlight.size > 0 ? Math.max(this.#lookNotBeforeAt, this.#lookDueAt) : Number.POSITIVE_INFINITY;
    return Math.min(lookAt, this.#hasWaiting ? this.#sendDueAt : Number.POSITIVE_INFINITY);
  }

  get #hasWaiting(): boolean {
    return this.#ready.size + this.#parked.size > 0 || (this.#stopping !== undefined && this.#hasLater);
  }

  /** Whether some wait whose turn has not come. */
  get #hasLater(): boolean {
    return this.#turnsEnd < this.executions.length;
  }

  // — what is heard —

  /** `atMs` is the host's word, for display; the time that it has is counted from `nowAt`. */
  onStarted(execution: Execution<Stream>, attempt: number, atMs: number, nowAt: number): void {
    if (attempt !== execution.attempt || execution.retry) return;
    execution.heardFrom = 'executor';
    if (execution.state !== 'dispatched') return;
    execution.startedAtMs = atMs;
    execution.runningSinceAt = nowAt;
    this.#move(execution, 'running');
    this.#lookInTimeFor(execution, nowAt);
  }

  onAccepted(execution: Execution<Stream>, attempt: number): void {
    if (attempt === execution.attempt) noteAccepted(execution);
  }

  onQueued(execution: Execution<Stream>, attempt: number): void {
    if (attempt === execution.attempt) noteQueued(execution);
  }

  onResult(execution: Execution<Stream>, attempt: number, told: ToldEnd<Stream>, nowAt: number): EndAnswer {
    const startedAtMs = told.startedAtMs ?? (attempt === execution.attempt ? execution.startedAtMs : undefined);
    const result: AttemptResult<Stream> = {
      ...told,
      ...reasonOfCancel(told.outcome, this.#endedBy),
      to: stateAfter(told.outcome, this.#options.policy.success, startedAtMs !== undefined),
    };
    const answer = endAnswer(execution, attempt, result.to);
    if (answer !== 'news') return answer;
    if (execution.dbState === 'lost') execution.settledLate = true;
    execution.result = result;
    execution.startedAtMs = startedAtMs;
    if (this.#stopping === undefined && isRepeated(execution, result, this.#options.policy.retries)) {
      execution.retry = true;
      execution.failures++;
      execution.notBeforeAt = nowAt + RETRY_PAUSE_MS;
    }
    this.#move(execution, result.to);
    return 'taken';
  }

  /** The executor never heard of it, and takes no order of before any more. `instance`: which start of the agent says so. */
  onUnknown(execution: Execution<Stream>, attempt: number, now: Now, instance?: string): void {
    const nowMs = now.ms;
    if (attempt !== execution.attempt || execution.retry || execution.dbState !== execution.state) return;
    if (execution.state === 'dispatched' && instance !== execution.route?.instance)
      // The start that was given the order may have carried it out, and may be another copy of the agent: it is not given twice.
      this.#lose(
        execution,
        'The agent began anew before it had told whether it took the order, and knows nothing of it now.',
        nowMs,
      );
    else if (execution.state === 'running') this.#lose(execution, 'The agent no longer knows of the attempt.', nowMs);
    else if (execution.state === 'dispatched' && this.#endedBy !== undefined)
      // It was out, and nothing ran.
      this.#settle(execution, { ...DROPPED[this.#endedBy], to: 'cancelled', finishedAtMs: nowMs });
    else if (execution.state === 'dispatched' && this.#isTooLate(execution, now.at))
      this.#giveUpReturned(execution, nowMs);
    else if (execution.state === 'dispatched') {
      forgetDelivery(execution);
      this.#fresh.add(execution);
    }
  }

  /** It has come back, again and again, for longer than it may wait. */
  #isTooLate({ returns, returnedSince }: Execution<Stream>, nowAt: number): boolean {
    return returns > 0 && nowAt - returnedSince > this.#options.policy.startDeadlineMs;
  }

  #giveUpReturned(execution: Execution<Stream>, finishedAtMs: number): void {
    this.#settle(execution, {
      to: 'not_started',
      reason: 'start-deadline',
      detail: `The host took no order before the start deadline; it came back ${execution.returns} times.`,
      finishedAtMs,
    });
  }

  /** Its end was told and cannot be kept; see `notKeptAnswer`. */
  onNotKept(execution: Execution<Stream>, attempt: number, nowMs: number): 'settled' | 'taken' | 'ignored' {
    const answer = notKeptAnswer(execution, attempt);
    if (answer !== 'lost') return answer;
    this.#lose(
      execution,
      'What its executor told of the end could not be kept; the log of the server says why.',
      nowMs,
    );
    return 'taken';
  }

  /** No order for it can be written, whatever happens: as it was read it waits, nothing ran, and it is over. */
  onOrderNotKept(execution: Execution<Stream>, nowMs: number): void {
    this.#settle(execution, {
      to: 'not_started',
      reason: 'internal',
      detail: 'The order for it could not be written; the log of the server says why.',
      finishedAtMs: nowMs,
    });
  }

  /** Its order may not go out any more. @returns whether it is over: not where an order of before may have reached its executor. */
  onForbidden(execution: Execution<Stream>, why: Unreached, nowMs: number): boolean {
    if (execution.sends > 1) return false;
    this.#giveUp(execution, nowMs, why);
    return true;
  }

  /** A worker says that it has not handed the order on. */
  onUndelivered(execution: Execution<Stream>, attempt: number, nowAt: number, retryAfterMs: number): void {
    if (!this.#mayReturn(execution, attempt)) return;
    if (noteUndelivered(execution, nowAt, retryAfterMs)) this.#return(execution, nowAt, retryAfterMs);
    else this.#lookInTimeFor(execution, nowAt);
  }

  /**
   * By the agent's own word, in answer to the latest order: it has not taken it, and takes none of before. `instance`:
   * which start of it says so.
   */
  onBusy(execution: Execution<Stream>, attempt: number, nowAt: number, retryAfterMs: number, instance?: string): void {
    if (this.#mayReturn(execution, attempt) && instance === execution.route?.instance)
      this.#return(execution, nowAt, retryAfterMs);
  }

  #mayReturn({ attempt: present, state, dbState, retry }: Execution<Stream>, attempt: number): boolean {
    return attempt === present && state === 'dispatched' && dbState === 'dispatched' && !retry;
  }

  #return(execution: Execution<Stream>, nowAt: number, retryAfterMs: number): void {
    execution.notBeforeAt = nowAt + noteReturn(execution, nowAt, retryAfterMs);
    this.#inFlight.delete(execution);
    this.#move(execution, 'waiting');
    this.#ready.add(execution);
  }

  onLinked(hostId: HostId): void {
    for (const execution of this.#byHost.get(hostId) ?? []) {
      if (this.#parked.delete(execution)) this.#ready.add(execution);
      if (this.#inFlight.has(execution) && isWithAgent(execution)) this.#askAnew(execution);
    }
  }

  onUnlinked(hostId: HostId, nowAt: number): void {
    for (const execution of this.#byHost.get(hostId) ?? [])
      if (this.#inFlight.has(execution) && isWithAgent(execution)) {
        execution.unlinkedAt ||= nowAt;
        this.#lookInTimeFor(execution, nowAt);
      }
  }

  /** A worker is there (again), or the ways to hosts are others than before. */
  onRoutesChanged(workerId?: WorkerId): void {
    this.#lookDueAt = 0;
    for (const execution of this.#parked) this.#ready.add(execution);
    this.#parked.clear();
    for (const execution of this.#inFlight)
      if (workerId !== undefined && isWorker(execution.route?.executor, workerId)) this.#askAnew(execution);
  }

  #askAnew(execution: Execution<Stream>): void {
    askAnew(execution);
    this.#fresh.add(execution);
  }

  // — what follows —

  /** What waits of it has its turn only now: until then nobody was to be reached. */
  beginTurn(nowAt: number): void {
    this.#startDeadlineAt = nowAt + this.#options.policy.startDeadlineMs;
    for (const execution of [...this.#ready, ...this.#parked]) execution.returnedSince = nowAt;
    this.#sendDueAt = nowAt;
  }

  /** So many of them, in their order, have their turn from now on: those that had none until now have all of their time. */
  letOut(end: number, nowAt: number): void {
    if (end <= this.#turnsEnd) return;
    const from = this.#turnsEnd;
    this.#turnsEnd = Math.min(end, this.executions.length);
    for (const execution of this.executions.slice(from, this.#turnsEnd))
      if (execution.dbState === 'waiting') this.#ready.add(execution);
    this.beginTurn(nowAt);
  }

  /** Nothing is sent and nobody is waited for until `beginTurn`; what is out goes on, and a stop ends what waits. */
  hold(now: Now): void {
    this.#sendDueAt = Number.POSITIVE_INFINITY;
    if (this.#stopping) this.#dropWaiting(this.#stopping, now.ms);
  }

  /** Nothing more is sent or tried again; of the two kinds, a cancel is the stronger. */
  stop(how: StopKind): void {
    if (this.#stopping === how || strongerStop(this.#stopping, how) !== how) return;
    this.#stopping = how;
    if (isEnding(how)) this.#endedBy ??= how;
    // Whoever is to be ended is told at once.
    if (this.#endedBy) [this.#lookNotBeforeAt, this.#lookDueAt] = [0, 0];
  }

  /** What time has done to those that are out: losses, and ends that nobody told. */
  look(now: Now, findRoute: FindRoute<Stream>): void {
    if (now.at < this.#lookNotBeforeAt) return;
    this.#lookNotBeforeAt = now.at + this.#inFlight.size / LOOKS_PER_MS;
    this.#lookDueAt = now.at + LOOK_MS_MAX;
    this.#ordersForAll = true;
    const { policy, guardMs } = this.#options;
    for (const execution of this.#inFlight) {
      if (execution.dbState !== execution.state || execution.retry) continue;
      const route = findRoute(execution);
      noteReach(execution, route, now.at);
      const end = guardedEnd(execution, route, policy, guardMs, now.at);
      if (end) this.#settle(execution, { ...end, finishedAtMs: now.ms });
    }
  }

  /** Sends up to `start` of what waits, in order, as far as there is a way; where it is stopped, what waits is over. */
  send(start: number, now: Now, findRoute: FindRoute<Stream>): void {
    this.#sendDueAt = this.#stopping ? Number.POSITIVE_INFINITY : this.#startDeadlineAt;
    if (this.#stopping) return this.#dropWaiting(this.#stopping, now.ms);
    const late = now.at >= this.#startDeadlineAt;
    if (late) {
      this.#sendDueAt = Number.POSITIVE_INFINITY;
      for (const execution of this.#parked) this.#giveUp(execution, now.ms);
    }
    let left = start;
    const unsure: Execution<Stream>[] = [];
    for (const execution of this.#ready) {
      if (left <= 0) break;
      if (execution.retry || execution.dbState !== 'waiting') continue;
      if (execution.notBeforeAt > now.at) {
        this.#sendDueAt = Math.min(this.#sendDueAt, execution.notBeforeAt);
        continue;
      }
      this.#ready.delete(execution);
      if (this.#isTooLate(execution, now.at)) {
        this.#giveUpReturned(execution, now.ms);
        continue;
      }
      const route = findRoute(execution);
      if (!route) {
        const never = this.#options.never(execution);
        if (never === 'unsure' && !late) unsure.push(execution);
        else if (never !== undefined && never !== 'unsure') this.#giveUp(execution, now.ms, never);
        else if (late && execution.failures === 0) this.#giveUp(execution, now.ms);
        else {
          this.#parked.add(execution);
          if (late) this.#sendDueAt = Math.min(this.#sendDueAt, now.at + GIVE_UP_MS);
        }
        continue;
      }
      left--;
      this.#inFlight.add(execution);
      beginDelivery(execution, route, now.ms);
      this.#move(execution, 'dispatched');
    }
    for (const execution of unsure) {
      this.#sendDueAt = Math.min(this.#sendDueAt, now.at + GIVE_UP_MS);
      this.#ready.add(execution);
    }
  }

  /** Of what waits nothing can be carried out, wherever it went: it is over. */
  refuse(why: Unreached, nowMs: number): void {
    for (const execution of [...this.#ready, ...this.#parked])
      if (!execution.retry && execution.dbState === 'waiting') this.#giveUp(execution, nowMs, why);
  }

  #giveUp(execution: Execution<Stream>, finishedAtMs: number, why = this.#options.unreached(execution)): void {
    this.#settle(execution, { to: 'not_started', ...why, finishedAtMs });
  }

  #dropWaiting(how: StopKind, nowMs: number): void {
    const later = this.executions.slice(this.#turnsEnd).filter(({ state }) => state === 'waiting');
    this.#turnsEnd = this.executions.length;
    for (const execution of [...this.#ready, ...this.#parked, ...later])
      if (!execution.retry && execution.dbState === 'waiting')
        this.#settle(execution, { ...DROPPED[how], finishedAtMs: nowMs });
  }

  /** Orders that are due for what is committed as out; the caller sends them and they count as sent. */
  orders(nowAt: number, findRoute: FindRoute<Stream>): Order[] {
    const { policy, guardMs } = this.#options;
    const orders: Order[] = [];
    for (const execution of this.#ordersForAll ? this.#inFlight : this.#fresh) {
      if (execution.dbState !== execution.state || execution.retry || !isOut(execution.state)) continue;
      const isCancelled = this.#endedBy !== undefined;
      const isEnding = isCancelled || nowAt >= endDueAt(execution, policy, guardMs);
      // Most have theirs: where they are is not looked up before something is due.
      if (nowAt >= orderDueAt(execution, isEnding)) {
        const route = findRoute(execution);
        noteReach(execution, route, nowAt);
        const next = nextOrder(execution, route, isEnding, isCancelled, nowAt);
        const kind = next === 'start' && nowAt >= askDueAt(execution, policy) ? 'query' : next;
        if (kind && route) orders.push({ kind, execution, route });
      }
      this.#lookInTimeFor(execution, nowAt);
    }
    this.#ordersForAll = false;
    this.#fresh.clear();
    return orders;
  }

  /** Something about it may be due before the next look. */
  #lookInTimeFor(execution: Execution<Stream>, nowAt: number): void {
    const { policy, guardMs } = this.#options;
    const at = dueOf(execution, policy, guardMs, this.#endedBy !== undefined, nowAt);
    if (at < this.#lookDueAt) this.#lookDueAt = at;
  }

  /** The write of its change to `state` has landed. */
  committed(execution: Execution<Stream>, state: ExecutionState): void {
    if (this.changes.committed(execution, state)) this.#ready.add(execution);
    if (isTerminalExecution(execution.state) && !this.changes.has(execution)) execution.result = undefined;
    else if (this.#inFlight.has(execution)) this.#fresh.add(execution);
  }

  #lose(execution: Execution<Stream>, detail: string, finishedAtMs: number): void {
    this.#settle(execution, { to: 'lost', reason: 'status-unknown', detail, finishedAtMs });
  }

  #settle(
    execution: Execution<Stream>,
    result: Omit<AttemptResult<Stream>, 'to'> & { readonly to: ExecutionState },
  ): void {
    execution.result = result as AttemptResult<Stream>;
    this.#move(execution, result.to);
  }

  #move(execution: Execution<Stream>, to: ExecutionState): void {
    this.changes.move(execution, to);
    if (!isTerminalExecution(to)) return;
    this.#inFlight.delete(execution);
    this.#ready.delete(execution);
    this.#parked.delete(execution);
  }
}
