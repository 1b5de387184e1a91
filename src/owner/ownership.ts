/**
 * Which partitions a server owns: taken and given back as the store says, looked for by time whatever is hinted.
 *
 * When a commit fails, nobody knows whether it landed, or will: the partition is given up and taken again under another
 * term, so that nothing of before can land beside what is read and decided then. What was heard meanwhile is heard
 * again, because nothing was acknowledged.
 */
import type { Clock } from '../base/clock.ts';
import type { ServerId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { OwnerLook } from '../store/contract/lease.ts';
import type { Store } from '../store/contract/store.ts';
import { newPartition, type OwnedPartition } from './owned-partition.ts';
import type { RunMemory } from './run-memory.ts';

export interface OwnershipOptions {
  readonly serverId: ServerId;
  readonly store: Pick<Store, 'ownerLook' | 'partitionRelease'>;
  readonly fleet: Pick<Fleet, 'announceOwned'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly isLeaseTrusted: () => boolean;
  readonly memory: RunMemory;
  /** How long a partition that nobody alive has, or a run of ours that nobody has told of, goes unseen at most. */
  readonly lookMs: number;
  /** Runs of the owned partitions that are not over; resolves when they are read. */
  readonly found: (runs: OwnerLook['runs']) => Promise<void>;
}

export class Ownership {
  readonly #options: OwnershipOptions;
  /** Partitions with the term under which they were last given up here: each is taken again under another. */
  readonly #givenUp = new Map<number, number>();
  #cancelLook = (): void => undefined;
  #isLookDue = false;
  #looking: Promise<void> | undefined;
  #finding: Promise<void> | undefined;
  #stopped = true;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#stopped = false;
    await this.look();
    this.#lookLater();
  }

  /** Gives the partitions back, so that nobody has to wait for the lease to run out. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelLook();
    await this.#looking;
    const { store, serverId, memory } = this.#options;
    const ids = [...memory.partitions.keys()];
    memory.partitions.clear();
    await store.partitionRelease(serverId, ids).catch(() => undefined);
  }

  owned(): readonly { id: number; term: number }[] {
    const { memory, isLeaseTrusted } = this.#options;
    return isLeaseTrusted() ? [...memory.partitions.values()].map(({ id, term }) => ({ id, term })) : [];
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#cancelLook = this.#options.clock.after(this.#options.lookMs, () => {
      void this.look();
      this.#lookLater();
    });
  }

  /** What is ours, and what is asked for there. One look at a time; it is over when what it found is read. */
  async look(): Promise<void> {
    this.#isLookDue = true;
    this.#looking ??= this.#lookWhileDue().finally(() => (this.#looking = undefined));
    await this.#looking;
    await this.#finding;
  }

  async #lookWhileDue(): Promise<void> {
    const { store, serverId, isLeaseTrusted, log, found } = this.#options;
    while (this.#isLookDue && !this.#stopped) {
      this.#isLookDue = false;
      try {
        const { partitions, runs } = isLeaseTrusted() ? await store.ownerLook(serverId) : { partitions: [], runs: [] };
        // A write under a term that was given up may be under way still, and would land beside what is decided from now on.
        const again = partitions.filter(({ id, term }) => this.#givenUp.get(id) === term);
        if (again.length > 0) {
          await store.partitionRelease(
            serverId,
            again.map(({ id }) => id),
          );
          // Only now: where they cannot be given back, the next look comes by time.
          this.#isLookDue = true;
        }
        this.#take(partitions.filter((partition) => !again.includes(partition)));
        this.#finding = found(runs);
      } catch (error) {
        log.warn({ err: error }, 'partitions and runs could not be looked for; they will be in a moment');
      }
    }
  }

  #take(now: OwnerLook['partitions']): void {
    const { memory, fleet, log } = this.#options;
    const before = memory.partitions.size;
    const terms = new Map(now.map(({ id, term }) => [id, term]));
    for (const [id, partition] of memory.partitions) if (terms.get(id) !== partition.term) this.drop(partition);
    const gained = now.filter(({ id }) => !memory.partitions.has(id));
    for (const { id, term } of gained) memory.partitions.set(id, newPartition(id, term));
    if (gained.length > 0) log.info({ partitions: gained.map(({ id }) => id) }, 'partitions taken over');
    // Workers that link later are told by the fleet; those that are there know what has not changed.
    if (gained.length > 0 || now.length !== before) fleet.announceOwned(now);
  }

  /** It is not ours any more, or is not to be under this term. */
  drop(partition: OwnedPartition): void {
    this.#givenUp.set(partition.id, partition.term);
    this.#options.memory.drop(partition);
    this.#options.log.info({ partition: partition.id, term: partition.term }, 'a partition is no longer ours');
  }

  /** Whether a write of it landed is unknown, and it may yet: what is read under this term could change behind our back. */
  giveUp(partition: OwnedPartition, pauseMs: number): void {
    this.drop(partition);
    this.#options.clock.after(pauseMs, () => void this.look(), { unref: true });
  }
}
