/**
 * What is heard of runs: that hosts and workers come and go, what executors say of attempts, and pieces of their output. Of a partition that is not
 * ours nothing is taken; it comes again. Nothing is written here.
 */
import type { Clock } from '../base/clock.ts';
import {
  attemptKeyOf,
  parseAttemptId,
  type AttemptKey,
  type HostId,
  type RunId,
  type ServerId,
  type WorkerId,
} from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { executorKey, isSameExecutor } from '../domain/run/executor.ts';
import type { Fleet, FleetListener, HeardChunk, HeardEvent } from '../fleet/fleet.ts';
import type { Store } from '../store/contract/store.ts';
import { ackOf, type Ack } from './ack.ts';
import { isInstant, toldEndOf } from './attempt-report.ts';
import { isPieceOf } from './chunk-check.ts';
import { DueSoon } from './due-soon.ts';
import { isWordOf } from './event-check.ts';
import { lateReportOf } from './execution-change.ts';
import type { HeldRun } from './held-run.ts';
import { BUSY_RETRY_MS } from './orders.ts';
import type { OwnedPartition } from './owned-partition.ts';
import type { RunMemory } from './run-memory.ts';
import type { RunReader } from './run-reader.ts';
import { SenderRoom } from './sender-room.ts';
import { UnknownRuns } from './unknown-runs.ts';

/** Runs of a partition that are read at once because of a report; more come again. */
const LOADS_MAX = 256;

export interface IntakeOptions {
  readonly serverId: ServerId;
  readonly store: Pick<Store, 'runSeed'>;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeaseTrusted: () => boolean;
  readonly memory: RunMemory;
  readonly reader: RunReader;
  /** What follows from what was heard. */
  readonly advance: (partition: OwnedPartition, held: HeldRun) => void;
  /** A report of a run that the database does not know was let go. */
  readonly onUnknownReport?: (() => void) | undefined;
}

type Report = Extract<HeardEvent, { k: 'report' }>;

export class Intake implements FleetListener {
  readonly #options: IntakeOptions;
  readonly #dueSoon: DueSoon<HeldRun>;
  readonly #unknown: UnknownRuns;
  readonly #loadsOf = new SenderRoom(limits.runLoadsPerSenderMax);

  constructor(options: IntakeOptions) {
    const { clock, log, fleet, memory, advance, onUnknownReport } = options;
    this.#options = options;
    this.#dueSoon = new DueSoon(clock, (held) => {
      const partition = memory.partitionOf(held.run.id);
      if (partition?.runs.get(held.run.id) === held) advance(partition, held);
    });
    this.#unknown = new UnknownRuns({ log, ack: (ack) => fleet.ack(ack.workerId, [ack]), onReport: onUnknownReport });
  }

  onLinked(hostId: HostId): void {
    for (const held of this.#options.memory.ofHost(hostId)) {
      held.run.crew.onLinked(hostId);
      this.#dueSoon.add(held);
    }
  }

  onUnlinked(hostId: HostId): void {
    for (const held of this.#options.memory.ofHost(hostId)) {
      held.run.crew.onUnlinked(hostId, this.#options.clock.monotonicMs());
      this.#dueSoon.add(held);
    }
  }

  onRoutesChanged(workerId?: WorkerId): void {
    for (const { runs } of this.#options.memory.partitions.values()) {
      for (const held of runs.values()) {
        if (held.run.isFinished) continue;
        held.run.crew.onRoutesChanged(workerId);
        this.#dueSoon.add(held);
      }
    }
  }

  onEvents(workerId: WorkerId, events: readonly HeardEvent[]): void {
    const { memory, advance } = this.#options;
    const touched = new Map<HeldRun, OwnedPartition>();
    for (const event of events) {
      const key = parseAttemptId(event.k === 'report' ? event.report.a : event.a);
      const partition = key && memory.partitionOf(key.runId);
      if (!key || !partition) continue;
      const held = partition.runs.get(key.runId);
      if (held) {
        this.#onEvent(held, workerId, key, event);
        touched.set(held, partition);
      } else if (event.k === 'report') this.#onReportOfOther(partition, workerId, key, event);
    }
    for (const [held, partition] of touched) advance(partition, held);
  }

  onChunk(workerId: WorkerId, { attempt, executor, ...piece }: HeardChunk): void {
    const { memory, fleet } = this.#options;
    const key = attemptKeyOf(attempt);
    const partition = memory.partitionOf(key.runId);
    const run = partition?.runs.get(key.runId)?.run;
    const execution = run?.crew.at(key.task, key.ordinal);
    // A run that left memory is asked of the store with the chunk; so is an attempt that a newer one has superseded.
    if (!partition || (run && !execution)) return;
    // Its report would come after all of its pieces: where nobody wants those, it is let go at once.
    if (!run && piece.seq === 0 && memory.tombstones.roundOf(key.runId) === undefined)
      this.#lookFor(partition, key.runId, { workerId, attempt, executor }, () => undefined);
    const told = { workerId, executor, ...key, ...piece };
    if (run && execution && !isPieceOf(run.spec.policy, execution, told, fleet)) return;
    partition.chunks.push(workerId, { ...key, ...piece, executor });
  }

  #onEvent(held: HeldRun, workerId: WorkerId, key: AttemptKey, event: HeardEvent): void {
    const { clock, fleet, serverId } = this.#options;
    const { crew } = held.run;
    const execution = crew.at(key.task, key.ordinal);
    if (event.k === 'report' && (!execution || key.attempt > execution.attempt))
      return this.#lookForAttempt(key, ackOf(workerId, event));
    if (!execution || !isWordOf(execution, key.attempt, workerId, event, fleet)) return;
    // A count of orders means something only with the server that counts: another's may have reached the same number.
    if ('server' in event && event.server !== undefined && event.server !== serverId) return;
    switch (event.k) {
      case 'accepted':
        return crew.onAccepted(execution, key.attempt);
      case 'started':
        if (isInstant(event.atMs)) crew.onStarted(execution, key.attempt, event.atMs, clock.monotonicMs());
        return;
      case 'unknown':
        return crew.onUnknown(execution, key.attempt, clock.nowMs(), event.instance);
      case 'queued':
        return crew.onQueued(execution, key.attempt);
      case 'undelivered':
        // An agent itself can say that it has not taken an order; a worker says no more than that it has not handed one on.
        return event.executor?.kind === 'agent' && isSameExecutor(event.executor, execution.route?.executor)
          ? crew.onBusy(execution, key.attempt, clock.monotonicMs(), BUSY_RETRY_MS, event.instance)
          : crew.onUndelivered(execution, key.attempt, clock.monotonicMs(), BUSY_RETRY_MS);
      case 'report':
        return this.#onReport(held, workerId, key, event);
    }
  }

  #onReport(held: HeldRun, workerId: WorkerId, key: AttemptKey, event: Report): void {
    const { clock, fleet, log } = this.#options;
    const { crew } = held.run;
    const execution = crew.at(key.task, key.ordinal)!;
    const ack = ackOf(workerId, event);
    const told = toldEndOf(event.report);
    if (!told)
      log.warn({ attempt: ack.attempt }, 'a report cannot be understood; if its attempt is not over, it is lost');
    const answer = told
      ? crew.onResult(execution, key.attempt, told, clock.monotonicMs())
      : crew.onNotKept(execution, key.attempt, clock.nowMs());
    if (answer === 'settled') fleet.ack(workerId, [ack]);
    else if (answer === 'taken') held.acks.set(ack.attempt, ack);
    // More than a commit takes is left to come again.
    else if (answer === 'superseded' && held.late.length < limits.commitBatchMax) {
      held.late.push(lateReportOf(key, ack.executor, told!, held.run.spec.policy.success, clock.nowMs()));
      held.acks.set(ack.attempt, ack);
    }
  }

  /** Of a run that is not held. */
  #onReportOfOther(partition: OwnedPartition, workerId: WorkerId, key: AttemptKey, event: Report): void {
    const ack = ackOf(workerId, event);
    const answer = this.#options.memory.tombstones.answerTo(key, ack.executor);
    if (answer === 'settled') this.#options.fleet.ack(workerId, [ack]);
    else if (answer === undefined) this.#lookFor(partition, key.runId, ack, () => this.onEvents(workerId, [event]));
  }

  /** A run that left memory, or never was: it is read, and what was told of it is heard again, or let go. More than are read at once come again. */
  #lookFor(partition: OwnedPartition, runId: RunId, ack: Ack, onFound: () => void): void {
    if (partition.loading.size >= LOADS_MAX || !this.#loadsOf.enter(executorKey(ack.executor))) return;
    void this.#options.reader
      .load(partition, runId, false)
      .then((isAbsent) => {
        if (partition.runs.has(runId)) onFound();
        else if (isAbsent) this.#unknown.release(runId, ack);
      })
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'a report could not be carried out'))
      .finally(() => this.#loadsOf.leave(executorKey(ack.executor)));
  }

  /** Not of this run as we know it: perhaps we are behind, or its database is older than the attempt. */
  #lookForAttempt(key: AttemptKey, ack: Ack): void {
    const { store, memory, reader, isLeaseTrusted } = this.#options;
    const { runId } = key;
    const partition = memory.partitionOf(runId);
    if (!partition || !this.#loadsOf.enter(executorKey(ack.executor))) return;
    const looking = {
      seed: () => store.runSeed(runId),
      isOurs: () => isLeaseTrusted() && memory.isOwned(partition),
      isKnown: () => void reader.load(partition, runId, true),
    };
    void this.#unknown.lookFor(runId, key, ack, looking).finally(() => this.#loadsOf.leave(executorKey(ack.executor)));
  }
}
