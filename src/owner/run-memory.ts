/**
 * The runs that a server holds, by partition and by host, and what is left of those that are over. Nothing is decided
 * here, and nothing asked for.
 */
import type { Clock } from '../base/clock.ts';
import type { HostId, RunId } from '../base/ids.ts';
import { isTerminalExecution } from '../domain/crew/execution-machine.ts';
import { partitionOf } from '../domain/run/partition.ts';
import type { HeldRun } from './held-run.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { Tombstones } from './tombstones.ts';

export class RunMemory {
  readonly partitions = new Map<number, OwnedPartition>();
  readonly tombstones: Tombstones;
  readonly #hosts = new Map<HostId, Set<HeldRun>>();

  readonly #onLeft: (held: HeldRun) => void;

  /** `onLeft`: told of each run that is held no more. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, onLeft: (held: HeldRun) => void) {
    this.#onLeft = onLeft;
    this.tombstones = new Tombstones(clock);
  }

  get runCount(): number {
    return [...this.partitions.values()].reduce((sum, { runs }) => sum + runs.size, 0);
  }

  /** The partition that the run falls into, where it is owned here. */
  partitionOf(runId: RunId): OwnedPartition | undefined {
    return this.partitions.get(partitionOf(runId));
  }

  /** Whether it is owned still, and under the same term. */
  isOwned(partition: OwnedPartition): boolean {
    return this.partitions.get(partition.id) === partition;
  }

  /** Whether this very run is held still: a retry, or a new read, may have put another in its place. */
  isHeld(partition: OwnedPartition, held: HeldRun): boolean {
    return this.isOwned(partition) && partition.runs.get(held.run.id) === held;
  }

  ofHost(hostId: HostId): Iterable<HeldRun> {
    return this.#hosts.get(hostId) ?? [];
  }

  hold(partition: OwnedPartition, held: HeldRun): void {
    const former = partition.runs.get(held.run.id);
    if (former) this.#leave(former);
    partition.runs.set(held.run.id, held);
    this.tombstones.delete(held.run.id);
    this.noteHosts(held);
  }

  /** By the hosts of its executions it is found; of a task that was opened there are more. */
  noteHosts(held: HeldRun): void {
    for (const { state, subject } of held.run.executions()) {
      if (isTerminalExecution(state) || subject.kind === 'none') continue;
      const runs = this.#hosts.get(subject.id);
      if (runs) runs.add(held);
      else this.#hosts.set(subject.id, new Set([held]));
    }
  }

  forget(partition: OwnedPartition, held: HeldRun): void {
    this.#leave(held);
    if (partition.runs.get(held.run.id) !== held) return;
    partition.runs.delete(held.run.id);
    partition.dirty.delete(held.run.id);
  }

  /** It is over, and nothing of it is to be written. */
  bury(partition: OwnedPartition, held: HeldRun): void {
    this.forget(partition, held);
    this.tombstones.add(held.run);
  }

  /** The partition, with all of its runs. */
  drop(partition: OwnedPartition): void {
    if (this.isOwned(partition)) this.partitions.delete(partition.id);
    for (const held of partition.runs.values()) this.#leave(held);
    partition.runs.clear();
  }

  #leave(held: HeldRun): void {
    this.#onLeft(held);
    for (const { subject } of held.run.executions()) {
      if (subject.kind === 'none') continue;
      const runs = this.#hosts.get(subject.id);
      if (runs?.delete(held) && runs.size === 0) this.#hosts.delete(subject.id);
    }
  }
}
