/** What a server asks the store by time, each in one question: an owner about its partitions and their runs, its fleet about workers, agents and ways to hosts. */
import type { AgentId, RunId, ServerId } from '../base/ids.ts';
import type { WorkerRecord } from './store.ts';

/** What was asked of a run that is not over, as its asking was written: the round that is to be carried out, and whether it is to end. */
export interface ActiveRun {
  readonly id: RunId;
  readonly round: number;
  readonly isCancelRequested: boolean;
}

export interface OwnerLook {
  readonly partitions: readonly { readonly id: number; readonly term: number }[];
  /** Oldest first. */
  readonly runs: readonly ActiveRun[];
}

export interface FleetLook {
  /** Of the ways to hosts: another one than before says that `hostAccessList` has news. */
  readonly hostAccessVersion: number;
  /** Agents whose certificates have not expired yet but that may not link. */
  readonly revoked: readonly AgentId[];
  readonly workers: readonly WorkerRecord[];
  /** Whose lease is alive. */
  readonly servers: readonly { readonly id: ServerId; readonly url: string }[];
}
