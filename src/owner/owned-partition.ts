/** What a server keeps in memory of a partition that it owns: its runs, and what waits to be written for them. */
import type { RunId, ServerId } from '../base/ids.ts';
import type { Fence } from '../store/contract/lease.ts';
import type { NotKept } from '../store/contract/owner-commit.ts';
import type { RunFaults } from './faulty-runs.ts';
import type { HeldRun } from './held-run.ts';

/** A run that is being read. `again`: somebody has changed it meanwhile, so that it is read once more. */
export interface Loading {
  /** True when it is certain that there is no such run: its partition is owned, and the database says so. */
  readonly done: Promise<boolean>;
  again: boolean;
}

export interface OwnedPartition {
  readonly id: number;
  readonly term: number;
  readonly runs: Map<RunId, HeldRun>;
  readonly loading: Map<RunId, Loading>;
  /** Runs of which more is decided than is written. */
  readonly dirty: Set<RunId>;
  /** What the database refuses of runs that are read anew: settled when they are held again, before anything else is decided of them. */
  readonly unfit: Map<RunId, readonly NotKept[]>;
  /** Runs that could not be decided on since something of them was written last. */
  readonly faulty: Map<RunId, RunFaults>;
  committing: boolean;
  commitScheduled: boolean;
}

/** As it is taken: nothing of it has been read. */
export function newPartition(id: number, term: number): OwnedPartition {
  return {
    id,
    term,
    runs: new Map(),
    loading: new Map(),
    dirty: new Set(),
    unfit: new Map(),
    faulty: new Map(),
    committing: false,
    commitScheduled: false,
  };
}

export function fenceOf({ id: partition, term }: OwnedPartition, serverId: ServerId): Fence {
  return { partition, term, serverId };
}
