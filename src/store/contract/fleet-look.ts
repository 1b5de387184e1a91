/** What a server's fleet asks by time. */
import type { AgentId, ServerId } from '../../base/ids.ts';
import type { WorkerRecord } from './worker.ts';

export interface FleetLook {
  /** Of the ways to hosts: another one than before says that `hostAccessList` has news. */
  readonly hostAccessVersion: number;
  /** Agents whose certificates have not expired yet but that may not link. */
  readonly revoked: readonly AgentId[];
  readonly workers: readonly WorkerRecord[];
  readonly servers: readonly { readonly id: ServerId; readonly url: string }[];
}

export interface FleetLookStore {
  /** What a server's fleet asks by time, in one question. */
  fleetLook(): Promise<FleetLook>;
}
