/**
 * What is heard of runs: that hosts and workers come and go, what executors say of attempts, and pieces of their
 * output. Of a partition that is not ours nothing is taken; it comes again. Nothing is written here.
 */
import type { Clock } from '../base/clock.ts';
import {
  attemptId,
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
import type { ToldEnd } from '../domain/crew/execution.ts';
import { executorKey, isSameExecutor, type Executor } from '../domain/run/executor.ts';
import type { Fleet, FleetListener, HeardChunk, HeardEvent } from '../fleet/fleet.ts';
import type { OutputChunk } from '../store/contract/output.ts';
import type { Store } from '../store/contract/store.ts';
import { ackOf, type Ack } from './ack.ts';
import { isInstant, toldEndOf, type ReportedStream } from './attempt-report.ts';
import { AttemptLookup } from './attempt-lookup.ts';
import { isKept, isOpen, isPieceOf } from './chunk-check.ts';
import type { ChunkWriter } from './chunk-writer.ts';
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
  readonly store: Pick<Store, 'attemptsLook'>;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeaseTrusted: () => boolean;
  readonly memory: RunMemory;
  readonly reader: RunReader;
  readonly chunks: Pick<ChunkWriter, 'push'>;
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
  readonly #lookup: AttemptLookup;
  readonly #loadsOf = new SenderRoom(limits.runLoadsPerSenderMax);

  constructor(options: IntakeOptions) {
    const { clock, log, fleet, memory, advance, onUnknownReport } = options;
    this.#options = options;
    this.#dueSoon = new DueSoon(clock, (held) => {
      const partition = memory.partitionOf(held.run.id);
      if (partition?.runs.get(held.run.id) === held) advance(partition, held);
    });
    this.#lookup = new AttemptLookup(options);
    this.#unknown = new UnknownRuns({ log, ack: (ack) => fleet.ack(ack.workerId, [ack]), onReport: onUnknownReport });
  }

  onLinked(hostId: HostId): void {
    for (const held of this.#options.memory.ofHost(hostId)) {
      held.run.onLinked(hostId);
      this.#dueSoon.add(held);
    }
  }

  onUnlinked(hostId: HostId): void {
    for (const held of this.#options.memory.ofHost(hostId)) {
      held.run.onUnlinked(hostId, this.#options.clock.monotonicMs());
      this.#dueSoon.add(held);
    }
  }

  onRoutesChanged(workerId?: WorkerId): void {
    for (const { runs } of this.#options.memory.partitions.values()) {
      for (const held of runs.values()) {
        if (held.run.isFinished) continue;
        held.run.onRoutesChanged(workerId);
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
    if (!partition) return;
    const chunk = { ...key, ...piece, executor };
    const run = partition.runs.get(key.runId)?.run;
    if (run) {
      const execution = run.at(key.task, key.ordinal);
      if (!execution || !isPieceOf(run.task(key.task)!.terms.policy, execution, { workerId, ...chunk }, fleet)) return;
      if (key.attempt === execution.attempt) return this.#options.chunks.push(partition, workerId, chunk);
    } else {
      const answer = memory.tombstones.answerTo(key, executor);
      if (answer === 'settled')
        return fleet.ackChunk(workerId, { attempt, executor, stream: piece.stream, seq: piece.seq });
      if (answer === 'ignored') return;
    }
    this.#onPieceOfOther(partition, workerId, chunk);
  }

  /**
   * Of an attempt that its run in memory, if there is one, does not know: nothing of it goes to the database before
   * that has said whose it is.
   */
  #onPieceOfOther(partition: OwnedPartition, workerId: WorkerId, chunk: OutputChunk): void {
    const { memory, fleet, isLeaseTrusted } = this.#options;
    const { stream, seq, executor } = chunk;
    const attempt = attemptId(chunk);
    // Its report would come after all of its pieces: where nobody wants those, it is let go with the first of them.
    const isFirst = seq === 0;
    this.#lookup.ask(chunk, executor, isFirst, (standing) => {
      if (!memory.isOwned(partition)) return;
      if (!standing) {
        if (isFirst && isLeaseTrusted()) this.#unknown.release(chunk.runId, { workerId, attempt, executor });
      } else if (!isSameExecutor(standing.executor, executor) || !isKept(standing, seq)) return;
      else if (isOpen(standing)) this.#options.chunks.push(partition, workerId, chunk);
      else fleet.ackChunk(workerId, { attempt, executor, stream, seq });
    });
  }

  #onEvent(held: HeldRun, workerId: WorkerId, key: AttemptKey, event: HeardEvent): void {
    const { clock, fleet, serverId } = this.#options;
    const execution = held.run.at(key.task, key.ordinal);
    if (event.k === 'report' && (!execution || key.attempt > execution.attempt))
      return this.#lookForAttempt(key, ackOf(workerId, event));
    if (!execution || !isWordOf(execution, key.attempt, workerId, event, fleet)) return;
    // A count of orders means something only with the server that counts: another's may have reached the same number.
    if ('server' in event && event.server !== undefined && event.server !== serverId) return;
    const { crew } = held.run.task(key.task)!;
    switch (event.k) {
      case 'accepted':
        return crew.onAccepted(execution, key.attempt);
      case 'started':
        if (isInstant(event.atMs)) crew.onStarted(execution, key.attempt, event.atMs, clock.monotonicMs());
        return;
      case 'unknown':
        return crew.onUnknown(execution, key.attempt, { at: clock.monotonicMs(), ms: clock.nowMs() }, event.instance);
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
    const { crew } = held.run.task(key.task)!;
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
    else if (answer === 'superseded') this.#onLateReport(held, key, ack, told!);
  }

  /** The run does not know any more who had the attempt, and how it ended; the store does. */
  #onLateReport(held: HeldRun, key: AttemptKey, ack: Ack, told: ToldEnd<ReportedStream>): void {
    const { memory, clock, advance } = this.#options;
    const partition = memory.partitionOf(key.runId);
    if (!partition) return;
    this.#askOf(partition, key, ack, () => {
      // More than a commit takes is left to come again.
      if (!memory.isHeld(partition, held) || held.late.size >= limits.commitBatchMax) return;
      this.#lookup.forget(ack.attempt);
      const { success } = held.run.task(key.task)!.terms.policy;
      held.late.set(ack.attempt, lateReportOf(key, ack.executor, told, success, clock.nowMs()));
      held.acks.set(ack.attempt, ack);
      advance(partition, held);
    });
  }

  /** Of a run that is not held. */
  #onReportOfOther(partition: OwnedPartition, workerId: WorkerId, key: AttemptKey, event: Report): void {
    const ack = ackOf(workerId, event);
    const answer = this.#options.memory.tombstones.answerTo(key, ack.executor);
    if (answer === 'settled') this.#options.fleet.ack(workerId, [ack]);
    else if (answer === undefined)
      this.#askOf(partition, key, ack, () =>
        this.#load(partition, key.runId, ack.executor, () => this.onEvents(workerId, [event])),
      );
  }

  /**
   * What is told of an attempt that its run in memory, if there is one, does not know. `onOpen`: it has no end yet, or
   * may have another, and the word is its executor's.
   */
  #askOf(partition: OwnedPartition, key: AttemptKey, ack: Ack, onOpen: () => void): void {
    const { memory, fleet, isLeaseTrusted } = this.#options;
    this.#lookup.ask(key, ack.executor, true, (standing) => {
      if (!memory.isOwned(partition)) return;
      if (!standing) {
        if (isLeaseTrusted()) this.#unknown.release(key.runId, ack);
      } else if (isOpen(standing)) {
        if (isSameExecutor(standing.executor, ack.executor)) onOpen();
        // One that waits was given back by its executor, which is asked again with the next order.
      } else if (standing.state !== 'waiting') fleet.ack(ack.workerId, [ack]);
    });
  }

  /** A run that left memory. More than are read at once come again. */
  #load(partition: OwnedPartition, runId: RunId, sender: Executor, onLoaded: () => void): void {
    if (partition.runs.has(runId)) return onLoaded();
    if (partition.loading.size >= LOADS_MAX || !this.#loadsOf.enter(executorKey(sender))) return;
    void this.#options.reader
      .load(partition, runId, false)
      .then(() => partition.runs.has(runId) && onLoaded())
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'a report could not be carried out'))
      .finally(() => this.#loadsOf.leave(executorKey(sender)));
  }

  /** Not of this run as we know it: perhaps we are behind, or its database is older than the attempt. */
  #lookForAttempt(key: AttemptKey, ack: Ack): void {
    const { memory, reader, isLeaseTrusted } = this.#options;
    const partition = memory.partitionOf(key.runId);
    if (!partition) return;
    this.#lookup.ask(key, ack.executor, true, (standing) => {
      if (!memory.isOwned(partition)) return;
      if (standing) void reader.load(partition, key.runId, true);
      else if (isLeaseTrusted()) this.#unknown.release(key.runId, ack);
    });
  }
}
