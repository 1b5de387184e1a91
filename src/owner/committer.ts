/**
 * Writes what is decided, in batches and under the term of its partition: one commit of a partition in flight, and what
 * is decided meanwhile goes with the next. Reports are acknowledged after the commit, and orders go out after it.
 */
import { errorCodeOf } from '../base/errors.ts';
import { attemptId, attemptKeyOf, type RunId, type ServerId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Execution } from '../domain/crew/execution.ts';
import { isTerminalExecution } from '../domain/crew/execution-machine.ts';
import { sshContactOf } from '../domain/crew/ssh-contact.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { NotKept } from '../store/contract/owner-commit.ts';
import type { Store } from '../store/contract/store.ts';
import type { Ack } from './ack.ts';
import { collectBatch, type Batch } from './commit-batch.ts';
import type { HeldRun } from './held-run.ts';
import type { RunOwnerOptions } from './options.ts';
import { fenceOf, type OwnedPartition } from './owned-partition.ts';
import type { RunMemory } from './run-memory.ts';

/** A short script's start and end become one write: its start alone waits so long for company. */
const RUNNING_WAITS_MS = 30;
/** While nobody is sure of the lease nothing is written; it is asked again so soon. */
const UNTRUSTED_MS = 100;
/** After a failed commit, until the partition is taken again; of a database that is away, ever longer. */
const FAILED_PAUSE_MS = 1_000;
const AWAY_PAUSE_MS_MAX = 2_000;

export interface CommitterOptions extends Pick<RunOwnerOptions, 'onCommitted' | 'onContact' | 'onProgress'> {
  readonly serverId: ServerId;
  readonly store: Pick<Store, 'ownerCommit' | 'notify'>;
  readonly fleet: Pick<Fleet, 'ack'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeaseTrusted: () => boolean;
  readonly memory: RunMemory;
  /** What follows from a commit. */
  readonly advance: (partition: OwnedPartition, held: HeldRun) => void;
  /** By a fault of ours: it is let go, and read anew. */
  readonly letGo: (partition: OwnedPartition, held: HeldRun, error: unknown) => void;
  /** The view of it was behind. */
  readonly reread: (partition: OwnedPartition, runId: RunId) => Promise<unknown>;
  readonly drop: (partition: OwnedPartition) => void;
  readonly giveUp: (partition: OwnedPartition, pauseMs: number) => void;
}

export class Committer {
  readonly #options: CommitterOptions;
  /** Commits that failed one after the other, of all partitions. */
  #failures = 0;
  #stopped = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** More of the run is decided than is written. */
  onDecided(partition: OwnedPartition, held: HeldRun): void {
    partition.dirty.add(held.run.id);
    if (partition.committing) return;
    if (held.run.hasUrgent) void this.#commit(partition);
    else this.#commitIn(RUNNING_WAITS_MS, partition);
  }

  #commitIn(delayMs: number, partition: OwnedPartition): void {
    if (partition.commitScheduled) return;
    partition.commitScheduled = true;
    this.#options.clock.after(delayMs, () => {
      partition.commitScheduled = false;
      if (!partition.committing) void this.#commit(partition);
    });
  }

  async #commit(partition: OwnedPartition): Promise<void> {
    const { clock, log, memory, serverId, store, isLeaseTrusted, onCommitted } = this.#options;
    partition.committing = true;
    while (partition.dirty.size > 0 && !this.#stopped && memory.isOwned(partition)) {
      // Before anything is taken: what is taken is not decided again.
      if (!isLeaseTrusted()) {
        this.#commitIn(UNTRUSTED_MS, partition);
        break;
      }
      const batch = collectBatch(partition, clock.nowMs(), (held, error) =>
        this.#options.letGo(partition, held, error),
      );
      if (batch.parts.length === 0) break;
      const began = clock.monotonicMs();
      try {
        const { executions, runs, tasks, timeline, lateReports } = batch;
        const fence = fenceOf(partition, serverId);
        const result = await store.ownerCommit({ fence, executions, runs, tasks, timeline, lateReports });
        this.#failures = 0;
        if (result.kind === 'fenced') {
          this.#options.drop(partition);
          break;
        }
        onCommitted?.({
          executions: executions.length,
          durationMs: clock.monotonicMs() - began,
          outcomes: executions.map((change) => change.to),
        });
        for (const item of result.notKept)
          log.warn(item, 'what was told or decided of an attempt cannot be kept; where it is not over, it ends so');
        this.landed(partition, batch, new Set(result.stale), result.notKept);
      } catch (error) {
        this.#failed(partition, error);
      }
    }
    partition.committing = false;
  }

  #failed(partition: OwnedPartition, error: unknown): void {
    this.#options.log.warn({ partition: partition.id, err: error }, 'a commit failed; the partition is taken anew');
    const isAway = ['database-unavailable', 'database-full'].includes(errorCodeOf(error));
    this.#options.giveUp(
      partition,
      isAway ? Math.min(AWAY_PAUSE_MS_MAX, 100 * 2 ** this.#failures++) : FAILED_PAUSE_MS,
    );
  }

  landed(
    partition: OwnedPartition,
    batch: Batch,
    stale: ReadonlySet<RunId> = new Set(),
    notKept: readonly NotKept[] = [],
  ): void {
    const acks: Ack[] = [];
    const unfit = Map.groupBy(notKept, (item) => item.runId);
    for (const part of batch.parts) {
      const { id } = part.held.run;
      try {
        if (stale.has(id)) acks.push(...this.#readAnew(partition, part, unfit.get(id) ?? []));
        else acks.push(...this.#runLanded(partition, part));
      } catch (error) {
        this.#options.letGo(partition, part.held, error);
      }
    }
    for (const [workerId, list] of Map.groupBy(acks, (ack) => ack.workerId)) this.#options.fleet.ack(workerId, list);
  }

  /** What follows from a write that is committed. @returns the reports that may be acknowledged now. */
  #runLanded(partition: OwnedPartition, { held, write, acks }: Batch['parts'][number]): Ack[] {
    const { memory, store, onProgress, advance } = this.#options;
    const { run } = held;
    held.firstStart &&= !write.states.includes('dispatched');
    this.#tellContacts(write);
    run.landed(write, this.#options.clock.monotonicMs());
    partition.faulty.delete(run.id);
    if (memory.isHeld(partition, held) && write.tasks.some(({ isOpened }) => isOpened)) memory.noteHosts(held);
    const written = new Map<string, Ack>();
    for (const ack of acks.values()) {
      const { task, ordinal, attempt } = attemptKeyOf(ack.attempt);
      const execution = run.at(task, ordinal)!;
      // Those in line wait with their acks; a late report settles a loss that is written already: that is not yet the report.
      if (execution.attempt > attempt || isEndWritten(execution, attempt)) written.set(ack.attempt, ack);
      else if (!held.acks.has(ack.attempt)) held.acks.set(ack.attempt, ack);
    }
    // A report that came again while this was written is of the same end. One of an earlier attempt is written beside
    // it, by the next commit.
    for (const ack of [...held.acks.values()]) {
      const { task, ordinal, attempt } = attemptKeyOf(ack.attempt);
      if (!isEndWritten(run.at(task, ordinal)!, attempt)) continue;
      held.acks.delete(ack.attempt);
      written.set(ack.attempt, ack);
    }
    if (memory.isHeld(partition, held) && !run.hasChanges && held.late.size === 0) partition.dirty.delete(run.id);
    store.notify('progress', run.id);
    onProgress?.(run.id);
    if (memory.isHeld(partition, held)) advance(partition, held);
    return [...written.values()];
  }

  #tellContacts({ changes, states }: Batch['parts'][number]['write']): void {
    const { onContact } = this.#options;
    if (!onContact) return;
    for (const [i, { subject, route, result }] of changes.entries()) {
      const contact = sshContactOf(states[i]!, route, result);
      if (contact && subject.kind === 'host') onContact(subject.id, contact);
    }
  }

  /** Our view was behind. What was heard comes again, but for what cannot be kept: that is let go. */
  #readAnew(
    partition: OwnedPartition,
    { held, acks }: Batch['parts'][number],
    unfit: readonly NotKept[],
  ): readonly Ack[] {
    const { memory, reread } = this.#options;
    const { id } = held.run;
    memory.forget(partition, held);
    if (unfit.length > 0) partition.unfit.set(id, unfit);
    void reread(partition, id);
    return unfit.flatMap((item) => acks.get(attemptId(item)) ?? []);
  }
}

/**
 * What no column holds is never written, however often it is told or decided: an attempt that was out is lost, one that waits has not
 * started, and the others of the run go on. Called for a run as it has just been read.
 */
export function settleUnfit(partition: OwnedPartition, { run }: HeldRun, nowMs: number): void {
  const items = partition.unfit.get(run.id) ?? [];
  partition.unfit.delete(run.id);
  for (const item of items) {
    const execution = run.at(item.task, item.ordinal);
    const crew = run.task(item.task)?.crew;
    if (!execution || !crew) continue;
    if (execution.state === 'waiting' && execution.attempt === item.attempt) crew.onOrderNotKept(execution, nowMs);
    else crew.onNotKept(execution, item.attempt, nowMs);
  }
}

/** Whether the end of that very attempt is what the database has. */
function isEndWritten({ attempt, state, dbState }: Execution<unknown>, of: number): boolean {
  return attempt === of && isTerminalExecution(dbState) && dbState === state;
}
