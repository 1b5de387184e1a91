/** Reads runs of owned partitions from the store: what is asked for there, and what somebody has told of. One read of a run at a time. */
import type { Clock } from '../base/clock.ts';
import type { RunId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { OwnerLook } from '../store/contract/lease.ts';
import type { RunSeed } from '../store/contract/owner-commit.ts';
import type { Store } from '../store/contract/store.ts';
import type { RunRecord } from '../store/contract/run.ts';
import { hearAnswers, type HeldRun } from './held-run.ts';
import type { Loading, OwnedPartition } from './owned-partition.ts';
import type { RunMemory } from './run-memory.ts';

export interface RunReaderOptions {
  readonly store: Pick<Store, 'runFetch' | 'runSeed'>;
  readonly memory: RunMemory;
  readonly clock: Pick<Clock, 'monotonicMs' | 'nowMs'>;
  readonly log: Log;
  readonly isLeaseTrusted: () => boolean;
  /** It has been read and is to be held. */
  readonly admit: (partition: OwnedPartition, seed: RunSeed) => void;
  /** It is held, and somebody has asked it to end. */
  readonly advance: (partition: OwnedPartition, held: HeldRun) => void;
}

export class RunReader {
  readonly #options: RunReaderOptions;
  #found: OwnerLook['runs'] | undefined;
  #finding: Promise<void> | undefined;
  #stopped = false;

  constructor(options: RunReaderOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
  }

  /**
   * Reads what is asked for and not under way here. A newer list takes the place of one that waits: reading much keeps nobody from looking.
   * Resolves when there is no list any more.
   */
  find(runs: OwnerLook['runs']): Promise<void> {
    this.#found = runs;
    return (this.#finding ??= this.#readFound().finally(() => (this.#finding = undefined)));
  }

  async #readFound(): Promise<void> {
    for (let runs = this.#found; runs && !this.#stopped; runs = this.#found) {
      this.#found = undefined;
      for (const asked of runs) {
        const partition = this.#options.memory.partitionOf(asked.id);
        const held = partition?.runs.get(asked.id);
        const known = held?.run;
        const isUnderWay =
          known?.round === asked.round &&
          (asked.isCancelRequested
            ? known.cancelRequestedBy !== undefined && asked.isCancelForced === (known.cancelForcedBy !== undefined)
            : asked.isPaused === (known.pausedBy !== undefined)) &&
          asked.answers === held!.answersRead;
        // It has ended since it was looked for.
        const isOver = this.#options.memory.tombstones.roundOf(asked.id) === asked.round;
        const isPutOff = (partition?.faulty.get(asked.id)?.untilAt ?? 0) > this.#options.clock.monotonicMs();
        if (!partition || isUnderWay || isOver || isPutOff) continue;
        await this.load(partition, asked.id, true);
        const read = partition.runs.get(asked.id);
        // What was answered meanwhile is more than was asked for, and is looked at once more.
        if (read) read.answersRead = asked.answers;
      }
    }
  }

  /** Reads a run, or reads it `again` when somebody else changed it (cancel, retry). True: certainly there is none. */
  load(partition: OwnedPartition, runId: RunId, again: boolean): Promise<boolean> {
    const loading = partition.loading.get(runId);
    if (loading) {
      // What is under way may have read what was there before the change.
      loading.again ||= again;
      return loading.done;
    }
    const known = partition.runs.get(runId);
    if (known && !again) return Promise.resolve(false);
    const done = this.#read(partition, runId, known)
      .catch((error: unknown) => {
        this.#options.log.warn({ runId, err: error }, 'a run could not be read; it will be again');
        return false;
      })
      .then((isAbsent) => {
        partition.loading.delete(runId);
        return work.again ? this.load(partition, runId, true) : isAbsent;
      });
    const work: Loading = { done, again: false };
    partition.loading.set(runId, work);
    return done;
  }

  async #read(partition: OwnedPartition, runId: RunId, known: HeldRun | undefined): Promise<boolean> {
    const { store, memory, isLeaseTrusted, admit, advance } = this.#options;
    if (known && !known.run.isFinished) {
      const record = await store.runFetch(runId, 'own');
      if (record) this.#hearWishes(known, record);
      if (record?.round === known.run.round) {
        advance(partition, known);
        return false;
      }
    }
    const seed = await store.runSeed(runId);
    if (!memory.isOwned(partition)) return false;
    if (!seed) return isLeaseTrusted();
    admit(partition, seed);
    return false;
  }

  /** What somebody wants of a run that is held: that it ends, that nothing more of it starts, that it goes on. */
  #hearWishes(held: HeldRun, record: RunRecord): void {
    const { run } = held;
    const nowAt = this.#options.clock.monotonicMs();
    hearAnswers(held, record.tasks ?? [], { at: nowAt, ms: this.#options.clock.nowMs() });
    if (record.cancelRequestedAtMs !== undefined)
      run.cancel(record.cancelRequestedBy ?? '', nowAt, record.cancelForcedBy);
    else if (record.pausedBy !== undefined) run.pause(record.pausedBy);
    else run.resume(record.resumedBy ?? '', nowAt);
  }
}
