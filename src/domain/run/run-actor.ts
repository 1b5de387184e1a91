/**
 * A run in its owner's memory: what it knows, and what follows from what it hears. Pure: no I/O, no clock, no chance. The owner
 * feeds it events and the time, takes the changes to commit, and only after the commit carries out the orders that follow.
 *
 * `state` is what the actor has decided, `dbState` what is committed. Several decisions about one execution before a commit
 * fold into one write from dbState to state. An order to run is sent only after `dispatched`, with its executor, is
 * committed: whoever takes over sends it to that same executor, whose journal knows, and to no other.
 */
import { assert } from '../../base/assert.ts';
import type { ErrorCode } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { HostId, RunId, WorkerId } from '../../base/ids.ts';
import {
  executionOf,
  isOut,
  isWithAgent,
  type AttemptResult,
  type Execution,
  type FindRoute,
  type SeedExecution,
  type SeedRun,
  type ToldEnd,
} from './execution.ts';
import {
  canExecutionMove,
  emptyCounts,
  isFailure,
  isTerminalExecution,
  type ExecutionCounts,
  type ExecutionState,
} from './execution-machine.ts';
import { isSameExecutor, isWorker, type Route } from './executor.ts';
import { failuresTolerated } from './failure-limit.ts';
import { askAgainAfterMs, RESEND_MS, returnPauseMs, silenceMsMax } from './order-pace.ts';
import { EXIT_ZERO, stateAfter } from './outcome.ts';
import { isSettled, isTerminalRun, runVerdict, type RunState } from './run-machine.ts';
import type { RunSpec } from './spec.ts';

export type Order = {
  readonly kind: 'start' | 'cancel' | 'query';
  readonly execution: Execution<unknown>;
  readonly route: Route;
};

export interface RunView {
  readonly counts: ExecutionCounts;
  readonly state: RunState;
}

/** Why a host had no turn before the start deadline. */
export interface Unreached {
  readonly reason: ErrorCode;
  readonly detail: string;
}
/**
 * Executions in flight for each millisecond between two looks at all of them. Events come in thousands of frames, and a look at
 * ten thousand hosts with each would be most of the owner's work; nothing that a look finds is in such a hurry.
 */
const LOOKS_PER_MS = 10;

export class RunActor<Stream = unknown> {
  readonly id: RunId;
  readonly spec: RunSpec;
  readonly executions: Execution<Stream>[];
  readonly round: number;
  state: RunState;
  seq: number;
  dbCounts: ExecutionCounts;
  cancelRequestedBy: string | undefined;
  limitExceeded = false;
  readonly #byHost = new Map<HostId, Execution<Stream>[]>();
  readonly #ready = new Set<Execution<Stream>>();
  readonly #parked = new Set<Execution<Stream>>();
  readonly #inFlight = new Set<Execution<Stream>>();
  readonly #dirty = new Set<Execution<Stream>>();
  /** In flight, and something has changed since the last orders: the others wait for the next look. */
  readonly #fresh = new Set<Execution<Stream>>();
  #lookDueAt = 0;
  #ordersForAll = false;
  /** By the owner's monotonic clock. */
  readonly #startDeadlineAt: number;
  #failures = 0;

  constructor(run: SeedRun, spec: RunSpec, seeds: readonly SeedExecution[], nowAt: number) {
    this.id = run.id;
    this.spec = spec;
    this.state = run.state;
    this.round = run.round;
    this.seq = run.seq;
    this.dbCounts = emptyCounts();
    this.cancelRequestedBy = run.cancelRequestedAtMs === undefined ? undefined : (run.cancelRequestedBy ?? '');
    // Stopping without a cancel was for the failures; that a late truth makes them fewer does not start what was not to start.
    this.limitExceeded = run.state === 'stopping' && run.cancelRequestedAtMs === undefined;
    this.#startDeadlineAt = nowAt + spec.startDeadlineMs - Math.max(0, run.roundAgeMs);
    this.executions = seeds.map((seed) => {
      const execution = executionOf<Stream>(seed, nowAt);
      this.dbCounts[seed.state]++;
      if (isFailure(seed.state)) this.#failures++;
      if (seed.state === 'waiting') this.#ready.add(execution);
      if (isOut(seed.state)) this.#inFlight.add(execution);
      const same = this.#byHost.get(seed.hostId);
      if (same) same.push(execution);
      else this.#byHost.set(seed.hostId, [execution]);
      return execution;
    });
  }

  get isFinished(): boolean {
    return isTerminalRun(this.state) && this.#dirty.size === 0;
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0;
  }

  /** Whether something waits for the commit; that a process runs is news, but short scripts end before it is told. */
  get hasUrgentChanges(): boolean {
    for (const execution of this.#dirty) if (execution.state !== 'running') return true;
    return false;
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

  // — what is heard —

  onCancelRequested(by: string): void {
    this.cancelRequestedBy ??= by;
    this.#lookDueAt = 0;
  }

  /** `atMs` is the host's word, for display; the time that it has is counted from `nowAt`. */
  onStarted(execution: Execution<Stream>, attempt: number, atMs: number, nowAt: number): void {
    if (attempt !== execution.attempt || execution.retry) return;
    execution.heardFrom = 'executor';
    if (execution.state !== 'dispatched') return;
    execution.startedAtMs = atMs;
    execution.runningSinceAt = nowAt;
    this.#move(execution, 'running');
  }

  onAccepted(execution: Execution<Stream>, attempt: number): void {
    if (attempt === execution.attempt) [execution.heardFrom, execution.silentSince] = ['executor', 0];
  }

  /** It waits its turn at the worker: no need to send it again. */
  onQueued(execution: Execution<Stream>, attempt: number): void {
    if (attempt !== execution.attempt || execution.heardFrom === 'executor' || execution.cancelSentAt > 0) return;
    [execution.heardFrom, execution.silentSince] = ['queue', 0];
  }

  /** `settled`: already known (acknowledge), `taken`: will be committed, `superseded`: of an attempt that is history, `ignored`: not ours to take. */
  onResult(
    execution: Execution<Stream>,
    attempt: number,
    told: ToldEnd<Stream>,
    nowAt: number,
  ): 'settled' | 'taken' | 'superseded' | 'ignored' {
    if (attempt > execution.attempt) return 'ignored';
    const startedAtMs = told.startedAtMs ?? (attempt === execution.attempt ? execution.startedAtMs : undefined);
    const to = stateAfter(told.outcome, EXIT_ZERO, startedAtMs !== undefined);
    const result: AttemptResult<Stream> = { ...told, to };
    if (attempt < execution.attempt) return result.to === 'lost' ? 'settled' : 'superseded';
    if (execution.retry) return 'taken';
    // A loss that is being written is not what its agent says: that comes again, and settles it late.
    if (execution.result) return execution.state === 'lost' && result.to !== 'lost' ? 'ignored' : 'taken';
    if (isTerminalExecution(execution.state) && execution.state !== 'lost') return 'settled';
    if (execution.state === 'lost' && result.to === 'lost') return 'settled';
    // Its executor had said that it did not take the order. It is asked again with the next order, or the attempt is settled without it.
    if (execution.state === 'waiting') return 'ignored';
    const late = execution.dbState === 'lost';
    if (execution.state === 'lost' && late) {
      execution.settledLate = true;
      this.#failures--;
    }
    execution.result = result;
    execution.startedAtMs = result.startedAtMs ?? execution.startedAtMs;
    const again =
      (result.to === 'failed' || result.to === 'timed_out') &&
      result.reason === undefined &&
      !late &&
      execution.failures < this.spec.retries &&
      this.cancelRequestedBy === undefined &&
      !this.limitExceeded;
    if (again) {
      execution.retry = true;
      execution.failures++;
      execution.notBeforeAt = nowAt + 1_000;
    }
    this.#move(execution, result.to);
    return 'taken';
  }

  /** The executor never heard of it. `start`: which start of the agent says so. */
  onUnknown(execution: Execution<Stream>, attempt: number, nowMs: number, instance?: string): void {
    if (attempt !== execution.attempt || execution.retry || execution.dbState !== execution.state) return;
    if (execution.state === 'dispatched' && instance !== execution.route?.instance)
      // The start that was given the order may have carried it out, and may be another copy of the agent: it is not given twice.
      this.#lose(
        execution,
        'The agent began anew before it had told whether it took the order, and knows nothing of it now.',
        nowMs,
      );
    else if (execution.state === 'running') this.#lose(execution, 'The agent no longer knows of the attempt.', nowMs);
    else if (execution.state === 'dispatched' && this.cancelRequestedBy !== undefined)
      this.#settle(execution, { to: 'cancelled', reason: 'cancelled-by-user', finishedAtMs: nowMs });
    else if (execution.state === 'dispatched') {
      [execution.heardFrom, execution.silentSince, execution.lastOrderAt] = ['nobody', 0, 0];
      this.#fresh.add(execution);
    }
  }

  /**
   * Nothing of what was told of its end can be understood, or written: told again it would be no better, and hold up the run for ever. As
   * with a result, `settled` may be acknowledged at once, `taken` once it is written.
   */
  onNotKept(execution: Execution<Stream>, attempt: number, nowMs: number): 'settled' | 'taken' | 'ignored' {
    const { state, dbState, retry } = execution;
    if (attempt > execution.attempt || (attempt === execution.attempt && state === 'waiting')) return 'ignored';
    if (attempt < execution.attempt || (isTerminalExecution(dbState) && dbState === state)) return 'settled';
    if (isOut(state) && !retry)
      this.#lose(
        execution,
        'What its executor told of the end could not be kept; the log of the server says why.',
        nowMs,
      );
    return 'taken';
  }

  /**
   * By the word of a worker it was not handed to the executor. Of an agent no worker can know that: an order may have reached it before, or
   * may yet. So it stays out, and is sent again in a while. Where the worker is the executor, it goes back to waiting, if no other order can have
   * been carried out.
   */
  onUndelivered(execution: Execution<Stream>, attempt: number, nowAt: number, retryAfter: number): void {
    // Once a cancel is out, this may be about the cancel: it says nothing of the starts before it.
    if (!this.#mayReturn(execution, attempt) || execution.cancelSentAt > 0) return;
    execution.lastOrderAt = nowAt;
    if (execution.heardFrom === 'queue') execution.heardFrom = 'nobody';
    if (!isWithAgent(execution)) {
      execution.sends = Math.max(0, execution.sends - 1);
      if (execution.sends === 0 && execution.heardFrom === 'nobody') this.#return(execution, nowAt, retryAfter);
    } else if (execution.heardFrom === 'nobody')
      execution.lastOrderAt += this.#pauseAfterReturn(execution, nowAt, retryAfter) - RESEND_MS;
  }

  /** By the agent's own word, in answer to the latest order: it has not taken it, and takes none of before. `instance`: which start of it says so. */
  onBusy(execution: Execution<Stream>, attempt: number, nowAt: number, retryAfter: number, instance?: string): void {
    if (this.#mayReturn(execution, attempt) && instance === execution.route?.instance)
      this.#return(execution, nowAt, retryAfter);
  }

  #mayReturn(execution: Execution<Stream>, attempt: number): boolean {
    const { state, dbState, retry } = execution;
    return attempt === execution.attempt && state === 'dispatched' && dbState === 'dispatched' && !retry;
  }

  #pauseAfterReturn(execution: Execution<Stream>, nowAt: number, retryAfter: number): number {
    if (execution.returns++ === 0) execution.returnedSince = nowAt;
    return returnPauseMs(retryAfter, execution.returns);
  }

  #return(execution: Execution<Stream>, nowAt: number, retryAfter: number): void {
    execution.notBeforeAt = nowAt + this.#pauseAfterReturn(execution, nowAt, retryAfter);
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
      if (this.#inFlight.has(execution) && isWithAgent(execution)) execution.unlinkedAt ||= nowAt;
  }

  /** A worker is there (again), or hosts can be reached in ways that were not there before. */
  onRoutesChanged(workerId?: WorkerId): void {
    for (const execution of this.#parked) this.#ready.add(execution);
    this.#parked.clear();
    for (const execution of this.#inFlight)
      if (workerId !== undefined && isWorker(execution.route?.executor, workerId)) this.#askAnew(execution);
  }

  #askAnew(execution: Execution<Stream>): void {
    [execution.unlinkedAt, execution.heardFrom, execution.lastOrderAt, execution.silentSince] = [0, 'nobody', 0, 0];
    this.#fresh.add(execution);
  }

  // — what follows —

  /** Decides everything that time and the known state allow: starts, ends, losses. */
  advance(now: { readonly at: number; readonly ms: number }, findRoute: FindRoute<Stream>): void {
    if (isTerminalRun(this.state) && this.#inFlight.size === 0 && this.#ready.size === 0 && this.#parked.size === 0)
      return;
    if (now.at >= this.#lookDueAt) {
      this.#lookDueAt = now.at + this.#inFlight.size / LOOKS_PER_MS;
      this.#ordersForAll = true;
      for (const execution of this.#inFlight) this.#guard(execution, now, findRoute);
    }
    this.#checkFailureLimit();
    if (this.cancelRequestedBy !== undefined) this.#dropWaiting('cancelled', 'cancelled-by-user', now.ms);
    else if (this.limitExceeded) this.#dropWaiting('skipped', 'failure-limit', now.ms);
    else this.#dispatch(now, findRoute);
  }

  #dispatch(now: { at: number; ms: number }, findRoute: FindRoute<Stream>): void {
    const window = this.spec.concurrency ?? Number.POSITIVE_INFINITY;
    const late = now.at > this.#startDeadlineAt;
    if (late) for (const execution of this.#parked) this.#giveUp(execution, now.ms);
    for (const execution of this.#ready) {
      if (this.#inFlight.size >= window) return;
      if (execution.retry || execution.notBeforeAt > now.at || execution.dbState !== 'waiting') continue;
      if (execution.returns > 0 && now.at - execution.returnedSince > this.spec.startDeadlineMs) {
        this.#ready.delete(execution);
        this.#settle(execution, {
          to: 'not_started',
          reason: 'start-deadline',
          detail: `The host took no order before the start deadline; it came back ${execution.returns} times.`,
          finishedAtMs: now.ms,
        });
        continue;
      }
      const route = findRoute(execution);
      if (!route) {
        this.#ready.delete(execution);
        if (late && execution.failures === 0) this.#giveUp(execution, now.ms);
        else this.#parked.add(execution);
        continue;
      }
      this.#ready.delete(execution);
      this.#inFlight.add(execution);
      [execution.route, execution.dispatchedAtMs] = [route, now.ms];
      [execution.sends, execution.heardFrom, execution.lastOrderAt] = [0, 'nobody', 0];
      [execution.unlinkedAt, execution.cancelSentAt, execution.silentSince] = [0, 0, 0];
      this.#move(execution, 'dispatched');
    }
  }

  #giveUp(execution: Execution<Stream>, nowMs: number): void {
    this.#parked.delete(execution);
    this.#settle(execution, {
      to: 'not_started',
      ...this.unreached(execution),
      finishedAtMs: nowMs,
    });
  }

  #guard(execution: Execution<Stream>, now: { at: number; ms: number }, findRoute: FindRoute<Stream>): void {
    if (execution.dbState !== execution.state || execution.retry) return;
    const route = findRoute(execution);
    if (route && execution.route && !isSameExecutor(route.executor, execution.route.executor)) {
      return this.#settle(execution, {
        to: 'lost',
        reason: 'agent-replaced',
        detail: 'The host was enrolled anew while this attempt was out.',
        finishedAtMs: now.ms,
      });
    }
    if (route) execution.unlinkedAt = 0;
    else execution.unlinkedAt ||= now.at;
    if (execution.unlinkedAt > 0 && now.at - execution.unlinkedAt > this.spec.lostAfterMs) {
      return this.#settle(execution, {
        to: 'lost',
        reason: 'link-lost',
        detail: 'The host was out of reach for too long; what it did is told as soon as it is back.',
        finishedAtMs: now.ms,
      });
    }
    if (route && execution.state === 'dispatched' && isWithAgent(execution)) {
      execution.silentSince ||= now.at;
      if (now.at - execution.silentSince > silenceMsMax(this.spec, execution.heardFrom))
        return this.#lose(execution, 'The host is linked, but nobody has told whether it took the order.', now.ms);
    }
    if (route && this.#overdueMs(execution, now.at) > 2 * this.guardMs)
      this.#settle(execution, {
        to: 'timed_out',
        reason: 'deadline-guard',
        detail:
          'The host did not tell an end of the script at its deadline, nor when the server asked. It may still run there.',
        finishedAtMs: now.ms,
      });
  }

  /** Told of an execution that is given up; the owner, who sees the fleet, says it better. */
  unreached: (execution: Execution<Stream>) => Unreached = () => ({
    reason: 'start-deadline',
    detail: 'The host could not be reached before the start deadline.',
  });

  /** How long the host has let pass since the end that it should have told; clocks of two machines are never compared. */
  #overdueMs({ state, runningSinceAt }: Execution<Stream>, nowAt: number): number {
    return state === 'running' ? nowAt - runningSinceAt - this.spec.timeoutMs - this.spec.killAfterMs : -1;
  }

  /** How much later than the host's own deadline the server steps in. */
  guardMs: number = limits.deadlineGuardMs;

  #checkFailureLimit(): void {
    const { maxFailed } = this.spec;
    if (maxFailed && !this.limitExceeded && this.#failures > failuresTolerated(maxFailed, this.executions.length))
      this.limitExceeded = true;
  }

  #dropWaiting(to: 'cancelled' | 'skipped', reason: string, nowMs: number): void {
    for (const execution of [...this.#ready, ...this.#parked]) {
      if (execution.retry || execution.dbState !== 'waiting') continue;
      this.#ready.delete(execution);
      this.#parked.delete(execution);
      this.#settle(execution, { to, reason, finishedAtMs: nowMs });
    }
  }

  /** Orders that are due for what is committed as out; the caller sends them and they count as sent. */
  orders(nowAt: number, findRoute: FindRoute<Stream>): Order[] {
    const orders: Order[] = [];
    for (const execution of this.#ordersForAll ? this.#inFlight : this.#fresh) {
      if (execution.dbState !== execution.state || execution.retry || !isOut(execution.state)) continue;
      const overdue = this.#overdueMs(execution, nowAt) > this.guardMs;
      const ends = (this.cancelRequestedBy !== undefined || overdue) && execution.sends > 0;
      const sentAt = ends ? execution.cancelSentAt : execution.lastOrderAt;
      // Most have theirs: where they are is not looked up before something is due.
      if (sentAt !== 0 && nowAt - sentAt < (ends ? RESEND_MS : askAgainAfterMs(execution))) continue;
      const route = findRoute(execution);
      if (!route || !isSameExecutor(route.executor, execution.route?.executor)) continue;
      const to = { execution, route };
      if (ends) {
        execution.cancelSentAt = nowAt;
        orders.push({ kind: 'cancel', ...to });
      } else {
        execution.lastOrderAt = nowAt;
        if (execution.state === 'running') orders.push({ kind: 'query', ...to });
        else if (execution.heardFrom === 'executor' || route.instance !== execution.route?.instance) {
          // Counted, because that it was not delivered would be counted too.
          execution.sends++;
          orders.push({ kind: 'query', ...to });
        } else if (this.cancelRequestedBy !== undefined) {
          // Committed as dispatched, never sent by us: perhaps by the owner before us. Asking settles it.
          execution.sends++;
          orders.push({ kind: 'cancel', ...to });
        } else {
          execution.sends++;
          orders.push({ kind: 'start', ...to });
        }
      }
    }
    this.#ordersForAll = false;
    this.#fresh.clear();
    return orders;
  }

  // — commits —

  /** Up to `max` changes to write now. They stay decided; `committed` or a reload follows. */
  take(max: number): Execution<Stream>[] {
    const taken: Execution<Stream>[] = [];
    for (const execution of this.#dirty) {
      if (taken.length >= max) break;
      taken.push(execution);
    }
    return taken;
  }

  /** Counts and state of the run once these changes are written. */
  viewAfter(changes: readonly Execution<Stream>[], states: readonly ExecutionState[]): RunView {
    const counts = { ...this.dbCounts };
    changes.forEach((execution, i) => {
      counts[execution.dbState]--;
      counts[states[i]!]++;
    });
    if (isSettled(counts) && !changes.some((e) => e.retry) && this.#dirty.size <= changes.length)
      return { counts, state: runVerdict(counts, this.cancelRequestedBy !== undefined) };
    if (isTerminalRun(this.state)) return { counts, state: this.state };
    if (this.cancelRequestedBy !== undefined || this.limitExceeded) return { counts, state: 'stopping' };
    // A run that was under way does not begin anew when all that was sent comes back.
    return {
      counts,
      state: counts.waiting === this.executions.length && this.state !== 'running' ? 'waiting' : 'running',
    };
  }

  committed(execution: Execution<Stream>, written: ExecutionState): void {
    if (execution.state === written) this.#dirty.delete(execution);
    this.dbCounts[execution.dbState]--;
    execution.dbState = written;
    if (execution.retry && isTerminalExecution(written)) {
      // The write closed the attempt and opened the next.
      this.#failures -= isFailure(written) ? 1 : 0;
      execution.attempt++;
      [execution.state, execution.dbState, execution.retry, execution.result] = [
        'waiting',
        'waiting',
        false,
        undefined,
      ];
      [execution.startedAtMs, execution.dispatchedAtMs, execution.route] = [undefined, undefined, undefined];
      [execution.sends, execution.returns] = [0, 0];
      this.#dirty.delete(execution);
      this.#ready.add(execution);
    }
    if (isTerminalExecution(execution.state) && !this.#dirty.has(execution)) execution.result = undefined;
    else if (this.#inFlight.has(execution)) this.#fresh.add(execution);
    this.dbCounts[execution.dbState]++;
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
    assert(canExecutionMove(execution.state, to), `no execution moves from ${execution.state} to ${to}`);
    execution.state = to;
    this.#dirty.add(execution);
    if (!isTerminalExecution(to)) return;
    this.#inFlight.delete(execution);
    this.#ready.delete(execution);
    this.#parked.delete(execution);
    if (isFailure(to)) this.#failures++;
  }
}
