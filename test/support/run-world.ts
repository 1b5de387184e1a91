/**
 * A whole installation in miniature and without time of its own, around a real `Run`: a database of rows, hosts with journals and
 * processes, and the ways between them, on which everything can come late, twice, or not at all. Every deed that it offers may happen
 * at any moment; whatever the order, the promises that `check` holds must hold.
 */
import { isDeepStrictEqual } from 'node:util';
import { given } from '../../src/base/given.ts';
import type { HostId, RunId, WorkerId } from '../../src/base/ids.ts';
import {
  canExecutionMove,
  emptyCounts,
  isFailure,
  isTerminalExecution,
  type ExecutionCounts,
  type ExecutionState,
} from '../../src/domain/crew/execution-machine.ts';
import { failuresTolerated } from '../../src/domain/rollout/failure-limit.ts';
import { agentExecutor, type Route, type RouteTaken } from '../../src/domain/run/executor.ts';
import { signalOf } from '../../src/domain/crew/outcome.ts';
import type { AttemptResult, Execution, ToldEnd } from '../../src/domain/crew/execution.ts';
import type { Run } from '../../src/domain/run/run.ts';
import type { RunWrite } from '../../src/domain/run/run-write.ts';
import { canRunMove, isTerminalRun, runVerdict, type RunState } from '../../src/domain/flow/run-machine.ts';
import { hostOf, hostSubject, type Subject } from '../../src/domain/run/subject.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import { oneTaskRun } from './one-task-run.ts';
import { Host } from './run-world-host.ts';
import { plainSpec } from './run-spec.ts';

export const RUN = '01930000-0000-7000-8000-000000000000' as RunId;
const SPEC = plainSpec({ policy: { startDeadlineMs: 30_000, lostAfterMs: 20_000 } });

type Result = ToldEnd<unknown>;
interface Row {
  readonly hostId: HostId;
  state: ExecutionState;
  attempt: number;
  failures: number;
  route: RouteTaken | undefined;
  result: AttemptResult<unknown> | undefined;
  settledLate: boolean;
  dispatchedAtMs: number | undefined;
  startedAtMs: number | undefined;
}
interface Told {
  readonly ordinal: number;
  readonly attempt: number;
  readonly kind: 'queued' | 'accepted' | 'started' | 'report' | 'unknown' | 'undelivered';
  readonly result?: Result;
  /** Which order it answers, where it says that there is no such attempt. */
  readonly order?: number;
}
export interface WorldOptions {
  readonly hosts: number;
  readonly retries: number;
  readonly concurrency?: number;
  readonly maxFailed?: number;
  readonly outcomes: readonly number[];
}

export class RunWorld {
  readonly spec: RunSpec;
  readonly hosts: Host[];
  readonly rows: Row[];
  readonly history: Row[] = [];
  readonly run: { state: RunState; counts: ExecutionCounts; seq: number; cancelRequested: boolean; isPaused: boolean };
  readonly #outcomes: readonly number[];
  /** On their way to the owner. */
  told: Told[] = [];
  #heardOnce: Told[] = [];
  owned: Run;
  #commit: { write: RunWrite<unknown>; acks: { ordinal: number; attempt: number }[] } | undefined;
  #acks: { ordinal: number; attempt: number }[] = [];
  at = 1_000;
  #orders = 0;

  constructor(options: WorldOptions) {
    this.#outcomes = options.outcomes;
    this.spec = {
      ...SPEC,
      policy: {
        ...SPEC.policy,
        retries: options.retries,
        ...given({
          concurrency: options.concurrency,
          maxFailed: options.maxFailed === undefined ? undefined : { kind: 'count' as const, count: options.maxFailed },
        }),
      },
    };
    this.hosts = Array.from({ length: options.hosts }, (_, ordinal) => new Host(ordinal));
    this.rows = this.hosts.map(({ hostId }) => ({
      hostId,
      state: 'waiting',
      attempt: 1,
      failures: 0,
      route: undefined,
      result: undefined,
      settledLate: false,
      dispatchedAtMs: undefined,
      startedAtMs: undefined,
    }));
    this.run = {
      state: 'waiting',
      counts: { ...emptyCounts(), waiting: options.hosts },
      seq: 1,
      cancelRequested: false,
      isPaused: false,
    };
    this.owned = this.#seeded();
  }

  // — the owner —

  #seeded(): Run {
    const { state, seq, cancelRequested, isPaused } = this.run;
    return oneTaskRun(
      {
        id: RUN,
        state,
        round: 1,
        seq,
        roundAgeMs: this.at - 1_000,
        ...given({
          cancelRequestedAtMs: cancelRequested ? 1 : undefined,
          cancelRequestedBy: cancelRequested ? 'somebody' : undefined,
          pausedBy: isPaused ? 'somebody' : undefined,
        }),
      },
      this.spec,
      this.rows.map((row, ordinal) => ({
        task: 0,
        ordinal,
        attempt: row.attempt,
        subject: hostSubject(row.hostId, row.hostId),
        state: row.state,
        failuresInRound: row.failures,
        ...given({ route: row.route, startedAtMs: row.startedAtMs, dispatchedAtMs: row.dispatchedAtMs }),
      })),
      this.at,
    );
  }

  #locate = ({ subject }: { readonly subject: Subject }): Route | undefined => {
    const host = this.hosts.find((one) => one.hostId === hostOf(subject)?.id)!;
    return host.linked ? { workerId: 'worker' as WorkerId, executor: agentExecutor(host.agentId) } : undefined;
  };

  /** Another server takes over, or the same reads again after a commit of which nobody knows whether it landed. */
  takeOver(): void {
    this.#commit = undefined;
    this.#acks = [];
    this.owned = this.#seeded();
  }

  advance(): void {
    // A late truth that is heard and not written yet has made one failure less of it.
    const failures = this.rows.filter(
      (row, ordinal) => isFailure(row.state) && isFailure(this.owned.tasks[0]!.crew.executions[ordinal]!.state),
    ).length;
    const limitWasExceeded =
      this.spec.policy.maxFailed !== undefined &&
      failures > failuresTolerated(this.spec.policy.maxFailed, this.rows.length);
    const wasOut = new Set(this.owned.tasks[0]!.crew.inFlight());
    this.owned.advance({ at: this.at, ms: this.at }, this.#locate);
    for (const execution of this.owned.tasks[0]!.crew.inFlight()) {
      if (wasOut.has(execution)) continue;
      if (limitWasExceeded) throw new Error(`${execution.ordinal} is sent after too many had failed`);
      if (this.run.cancelRequested && this.owned.cancelRequestedBy !== undefined)
        throw new Error(`${execution.ordinal} is sent after a cancel`);
      if (this.owned.pausedBy !== undefined) throw new Error(`${execution.ordinal} is sent while the run is paused`);
    }
    for (const { kind, execution } of this.owned.orders(this.at, this.#locate)) {
      const row = this.rows[execution.ordinal]!;
      if (row.attempt !== execution.attempt || isTerminalExecution(row.state) || row.state === 'waiting')
        throw new Error(`an order to ${kind} ${execution.ordinal} is out before it is written`);
      execution.order = ++this.#orders;
      const { attempt, order } = execution;
      this.hosts[execution.ordinal]!.orders.push({ kind, attempt, order, handedOn: false });
    }
  }

  /** Writes to the rows; the owner does not know yet that it landed. */
  commitBegin(max: number): void {
    if (this.#commit) return;
    if (!this.owned.hasChanges) return;
    const write = this.owned.write(max);
    for (const execution of write.changes) this.#write(execution);
    this.#moveRun(write.state);
    this.run.counts = write.counts;
    this.run.seq = write.seq;
    this.#commit = { write, acks: this.#acks };
    this.#acks = [];
    this.check();
  }

  commitEnd(): void {
    const commit = this.#commit;
    if (!commit) return;
    this.#commit = undefined;
    this.owned.landed(commit.write, this.at);
    for (const ack of commit.acks) {
      const execution = this.owned.tasks[0]!.crew.at(0, ack.ordinal)!;
      if (
        execution.attempt > ack.attempt ||
        (isTerminalExecution(execution.dbState) && execution.dbState === execution.state)
      )
        this.#ack(ack);
      else this.#acks.push(ack);
    }
  }

  #write(execution: Execution<unknown>): void {
    const row = this.rows[execution.ordinal]!;
    if (row.attempt !== execution.attempt || row.state !== execution.dbState)
      throw new Error(
        `the owner believes ${execution.ordinal} to be ${execution.dbState} in attempt ${execution.attempt}, it is ${row.state} in ${row.attempt}`,
      );
    if (row.state !== execution.state && !canExecutionMove(row.state, execution.state))
      throw new Error(`${row.state} → ${execution.state}`);
    if (isTerminalExecution(row.state) && !execution.settledLate) throw new Error(`${row.state} was final`);
    Object.assign(row, {
      state: execution.state,
      route: execution.route ?? row.route,
      result: execution.result,
      settledLate: execution.settledLate,
      dispatchedAtMs: execution.dispatchedAtMs ?? row.dispatchedAtMs,
      startedAtMs: execution.startedAtMs ?? row.startedAtMs,
    });
    if (!execution.retry) return;
    this.history.push({ ...row });
    Object.assign(row, {
      state: 'waiting',
      attempt: row.attempt + 1,
      failures: row.failures + 1,
      route: undefined,
      result: undefined,
      settledLate: false,
      dispatchedAtMs: undefined,
      startedAtMs: undefined,
    });
  }

  #moveRun(to: RunState): void {
    if (to !== this.run.state && !canRunMove(this.run.state, to)) throw new Error(`the run: ${this.run.state} → ${to}`);
    this.run.state = to;
  }

  cancel(): void {
    if (isTerminalRun(this.run.state)) return;
    this.run.cancelRequested = true;
    this.owned.cancel('somebody', this.at);
  }

  /** Or let go on. The owner hears of it at once, which a takeover has undone. */
  pause(isPause: boolean): void {
    if (isTerminalRun(this.run.state) || this.run.cancelRequested) return;
    this.run.isPaused = isPause;
    if (isPause) this.owned.pause('somebody');
    else this.owned.resume('somebody', this.at);
  }

  /** Of what is on its way, something arrives; what is said of one attempt keeps its order. `again` leaves it there to arrive once more. */
  hear(n: number, again: boolean): void {
    const some = this.told[n % Math.max(1, this.told.length)];
    const told = some && this.told.find(({ ordinal, attempt }) => ordinal === some.ordinal && attempt === some.attempt);
    if (!told) return;
    if (!again || told.kind === 'undelivered') this.told.splice(this.told.indexOf(told), 1);
    this.#heardOnce.push(told);
    this.#onTold(told);
  }

  /** Something heard before is heard again, however old. */
  hearOld(n: number): void {
    const told = this.#heardOnce[n % Math.max(1, this.#heardOnce.length)];
    // That an order was not delivered is told once for each.
    if (told && told.kind !== 'undelivered' && told.kind !== 'unknown') this.#onTold(told);
  }

  #onTold({ ordinal, attempt, kind, result, order }: Told): void {
    const execution = this.owned.tasks[0]!.crew.at(0, ordinal)!;
    // Another order has gone out since: what is said of the one before decides nothing.
    if (kind === 'unknown' && order !== execution.order) return;
    if (kind === 'accepted') this.owned.tasks[0]!.crew.onAccepted(execution, attempt);
    else if (kind === 'queued') this.owned.tasks[0]!.crew.onQueued(execution, attempt);
    else if (kind === 'started') this.owned.tasks[0]!.crew.onStarted(execution, attempt, this.at, this.at);
    else if (kind === 'unknown') this.owned.tasks[0]!.crew.onUnknown(execution, attempt, { at: this.at, ms: this.at });
    else if (kind === 'undelivered') this.owned.tasks[0]!.crew.onUndelivered(execution, attempt, this.at, 500);
    else {
      const answer = this.owned.tasks[0]!.crew.onResult(execution, attempt, result!, this.at);
      if (answer === 'settled' || answer === 'superseded') this.#ack({ ordinal, attempt });
      else if (answer === 'taken') this.#acks.push({ ordinal, attempt });
    }
  }

  /** The agent forgets: what it said must be written by now. */
  #ack({ ordinal, attempt }: { ordinal: number; attempt: number }): void {
    const row = this.rows[ordinal]!;
    if (row.attempt === attempt && !isTerminalExecution(row.state))
      throw new Error(`attempt ${attempt} of ${ordinal} is acknowledged and only ${row.state}`);
    if (row.attempt === attempt && row.state === 'lost')
      throw new Error(`attempt ${attempt} of ${ordinal} is acknowledged and written as lost`);
    this.hosts[ordinal]!.journal.set(attempt, { state: 'settled' });
  }

  // — hosts —

  link(n: number): void {
    const ordinal = n % this.hosts.length;
    const host = this.hosts[ordinal]!;
    if (host.linked) return;
    host.linked = true;
    this.retell(ordinal);
    this.owned.tasks[0]!.crew.onLinked(host.hostId);
  }

  /** Orders that the worker still held come back as undelivered, or vanish with the link. */
  unlink(n: number, bounced: boolean): void {
    const ordinal = n % this.hosts.length;
    const host = this.hosts[ordinal]!;
    if (!host.linked) return;
    host.linked = false;
    if (bounced)
      for (const { attempt } of host.orders.filter((order) => !order.handedOn))
        this.told.push({ ordinal, attempt, kind: 'undelivered' });
    host.orders = [];
    this.owned.tasks[0]!.crew.onUnlinked(host.hostId, this.at);
  }

  /** The worker cannot hand on what is next for a host: the agent is busy. */
  bounce(n: number): void {
    const ordinal = n % this.hosts.length;
    const order = this.hosts[ordinal]!.orders.shift();
    if (order && !order.handedOn) this.told.push({ ordinal, attempt: order.attempt, kind: 'undelivered' });
  }

  /** A worker says that it has not handed on what it has, or that it never saw it. */
  lie(n: number): void {
    const ordinal = n % this.hosts.length;
    this.told.push({ ordinal, attempt: this.rows[ordinal]!.attempt, kind: 'undelivered' });
  }

  /** The worker says that the order waits with it; it stays there. */
  queue(n: number): void {
    const ordinal = n % this.hosts.length;
    const order = this.hosts[ordinal]!.orders[0];
    if (order?.kind === 'start' && !order.handedOn) this.told.push({ ordinal, attempt: order.attempt, kind: 'queued' });
  }

  /** Everything that is not acknowledged is reported again. */
  retell(n: number): void {
    const ordinal = n % this.hosts.length;
    if (!this.hosts[ordinal]!.linked) return;
    for (const [attempt, entry] of this.hosts[ordinal]!.journal)
      if (entry.state === 'finished') this.told.push({ ordinal, attempt, kind: 'report', result: entry.result });
  }

  receive(n: number, again: boolean): void {
    const ordinal = n % this.hosts.length;
    const host = this.hosts[ordinal]!;
    const order = host.linked ? host.orders.shift() : undefined;
    if (!order) return;
    if (again) host.orders.unshift({ ...order, handedOn: true });
    const entry = host.journal.get(order.attempt);
    const tell = (kind: Told['kind'], result?: Result): void =>
      void this.told.push({ ordinal, attempt: order.attempt, kind, order: order.order, ...given({ result }) });
    if (entry?.state === 'finished') return tell('report', entry.result);
    if (entry?.state === 'settled')
      return tell('report', { outcome: { kind: 'unknown' }, reason: 'status-unknown', finishedAtMs: this.at });
    if (!entry && (order.kind !== 'start' || order.order <= (host.unknown.get(order.attempt) ?? 0))) {
      host.unknown.set(order.attempt, Math.max(order.order, host.unknown.get(order.attempt) ?? 0));
      return tell('unknown');
    }
    if (!entry) {
      if (host.starts.includes(order.attempt)) throw new Error(`attempt ${order.attempt} of ${ordinal} runs twice`);
      if ([...host.journal.values()].some((other) => other.state === 'running'))
        throw new Error(`attempt ${order.attempt} of ${ordinal} starts while another runs`);
      host.starts.push(order.attempt);
      host.journal.set(order.attempt, { state: 'running' });
    } else if (order.kind === 'cancel')
      return this.#finish(ordinal, order.attempt, {
        outcome: { kind: 'cancelled', end: { kind: 'signalled', signal: 'SIGTERM' } },
        reason: 'cancelled-by-user',
        finishedAtMs: this.at,
      });
    tell('accepted');
    tell('started');
  }

  /** The process on a host ends by itself. */
  end(n: number): void {
    const ordinal = n % this.hosts.length;
    for (const [attempt, entry] of this.hosts[ordinal]!.journal)
      if (entry.state === 'running') this.#finish(ordinal, attempt, this.#outcome(ordinal, attempt));
  }

  #outcome(ordinal: number, attempt: number): Result {
    const code = this.#outcomes[(ordinal * 7 + attempt) % this.#outcomes.length] ?? 0;
    return { outcome: { kind: 'exited', code }, finishedAtMs: this.at };
  }

  #finish(ordinal: number, attempt: number, result: Result): void {
    const host = this.hosts[ordinal]!;
    host.ends.set(attempt, result);
    host.journal.set(attempt, { state: 'finished', result });
    if (host.linked) this.told.push({ ordinal, attempt, kind: 'report', result });
  }

  // — what must hold —

  /** After every commit. */
  check(): void {
    const counted = emptyCounts();
    for (const row of this.rows) counted[row.state]++;
    if (JSON.stringify(counted) !== JSON.stringify(this.run.counts))
      throw new Error(`counted ${JSON.stringify(counted)}, told ${JSON.stringify(this.run.counts)}`);
    const out = counted.dispatched + counted.running;
    if (out > (this.spec.policy.concurrency ?? Number.POSITIVE_INFINITY)) throw new Error(`${out} are out at once`);
    for (const row of this.rows)
      if (row.attempt > 1 + this.spec.policy.retries)
        throw new Error(`attempt ${row.attempt} with ${this.spec.policy.retries} retries`);
  }

  /** When all is over: one final state for each, told as it was. */
  checkEnd(): void {
    this.check();
    if (!isTerminalRun(this.run.state) || this.run.state !== runVerdict(this.run.counts, this.run.cancelRequested))
      throw new Error(`the run is ${this.run.state} with ${JSON.stringify(this.run.counts)}`);
    for (const [ordinal, row] of this.rows.entries()) {
      if (!isTerminalExecution(row.state)) throw new Error(`${ordinal} is ${row.state} for ever`);
      this.#checkTruth(ordinal, row);
    }
    for (const row of this.history) {
      if (row.state !== 'failed' && row.state !== 'timed_out') throw new Error(`${row.state} was retried by itself`);
      this.#checkTruth(
        this.rows.findIndex(({ hostId }) => hostId === row.hostId),
        row,
      );
    }
  }

  #checkTruth(ordinal: number, row: Row): void {
    const host = this.hosts[ordinal]!;
    const [ran, end] = [host.starts.includes(row.attempt), host.ends.get(row.attempt)];
    const neverSent =
      row.state === 'not_started' ||
      row.state === 'skipped' ||
      (row.state === 'cancelled' && signalOf(row.result?.outcome) === undefined);
    if (neverSent && ran)
      throw new Error(`attempt ${row.attempt} of ${ordinal} is ${row.state} (${row.result?.reason}) and ran`);
    if ((row.state === 'succeeded' || row.state === 'failed') && !isDeepStrictEqual(end?.outcome, row.result?.outcome))
      throw new Error(
        `attempt ${row.attempt} of ${ordinal} is told as ${JSON.stringify(row.result?.outcome)}, it was ${JSON.stringify(end?.outcome)}`,
      );
    // An order that never arrived leaves nobody who could tell.
    if (row.state === 'lost' && host.linked && end)
      throw new Error(
        `${ordinal} is lost, its agent is here and knows that attempt ${row.attempt} is ${end.outcome.kind}`,
      );
  }

  /**
   * Faults are over, but for hosts that stay away: everything arrives, time passes, what runs ends. `idly`: the run is advanced when something
   * was heard of it or it says that it is due, and not every second.
   */
  settle(away: ReadonlySet<number>, idly = false): void {
    this.pause(false);
    for (const [ordinal] of this.hosts.entries())
      if (away.has(ordinal)) this.unlink(ordinal, false);
      else this.link(ordinal);
    for (let round = 0; round < 200; round++) {
      if (!idly) this.at += 1_000;
      else if (Number.isFinite(this.owned.dueAt)) this.at = Math.max(this.at, this.owned.dueAt);
      this.advance();
      this.commitBegin(100);
      this.commitEnd();
      for (const [ordinal, host] of this.hosts.entries()) {
        while (host.orders.length > 0 && host.linked) this.receive(ordinal, false);
        this.end(ordinal);
        this.retell(ordinal);
      }
      while (this.told.length > 0) this.hear(0, false);
    }
  }
}
