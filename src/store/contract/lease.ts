/**
 * Servers, their leases and the partitions that they own. The lease itself is renewed on a connection of its own:
 * `postgres/lease/lease-keeper.ts`.
 */
import type { RunId, ServerId } from '../../base/ids.ts';

/** Ownership of a partition, as of a term. A stale fence makes the whole write a no-op. */
export interface Fence {
  readonly partition: number;
  readonly term: number;
  readonly serverId: ServerId;
}

/** What was asked of a run that is not over, as it was written: the round to be carried out, and whether it is to end, with or without
 * what comes finally, or to pause. */
export interface ActiveRun {
  readonly id: RunId;
  readonly round: number;
  readonly isCancelRequested: boolean;
  /** What comes finally is to end too. */
  readonly isCancelForced: boolean;
  readonly isPaused: boolean;
  /** How many answers there have been to its rollouts in this round. */
  readonly answers: number;
}

export interface OwnerLook {
  readonly partitions: readonly { readonly id: number; readonly term: number }[];
  /** Oldest first. */
  readonly runs: readonly ActiveRun[];
}

export interface LeaseStore {
  /**
   * What an owner asks by time, in one question. Takes free partitions (never owned, released, or of an expired server) up to this server's
   * fair share, and gives back what is over it. Answers everything owned after the call, and the runs there that are not over.
   */
  ownerLook(id: ServerId): Promise<OwnerLook>;
  serverRegister(server: { id: ServerId; url: string; version: string; leaseMs: number }): Promise<void>;
  serverDeregister(id: ServerId): Promise<void>;
  partitionRelease(id: ServerId, partitions: readonly number[]): Promise<void>;
}
