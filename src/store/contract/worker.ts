/** Workers: how they join, what is seen of them, and whether they take work. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { ServerId, WorkerId } from '../../base/ids.ts';
import type { RivalStart, WorkerStartVerdict } from '../../domain/fleet/worker-start.ts';
import type { AuditEntry } from './audit.ts';

export interface WorkerRecord {
  readonly id: WorkerId;
  readonly name: string;
  readonly zone: string;
  /** Of the token that it joined with. */
  readonly labels: Readonly<Record<string, string>>;
  readonly agentAddress: string;
  readonly linked: boolean;
  readonly joinedAtMs: number;
  readonly version?: string;
  readonly publicKey: Uint8Array;
  /** It takes no new work. */
  readonly drained: boolean;
  /** Since when it is cut off for good; absent while it is not. */
  readonly revokedAtMs?: number;
  /** Another start of it shows itself beside the one that counts. */
  readonly copy?: RivalStart;
}

/** A start of a worker's process, and the server to which it has linked. */
export interface WorkerStart {
  readonly id: WorkerId;
  readonly instance: string;
  readonly serverId: ServerId;
}

export interface WorkerStore {
  workerJoin(
    join: { tokenHash: Uint8Array; name: string; version: string; publicKey: Uint8Array },
    audit: Omit<AuditEntry, 'target'>,
  ): Promise<
    | { kind: 'joined'; workerId: WorkerId; zone: string }
    | { kind: 'refused'; code: 'join-token-invalid' | 'join-token-expired' }
  >;
  workerSeen(worker: { id: WorkerId; agentAddress: string; version: string; linked: boolean }): Promise<void>;
  /**
   * A start of a worker wants to link, and is judged under the worker's lock, so that of two servers one is first; a copy that was not
   * known is audited. `isOtherHere`: this server has a link of another start.
   */
  workerStartShow(start: WorkerStart & { readonly isOtherHere: boolean }): Promise<WorkerStartVerdict>;
  /** This server has no link of it any more. */
  workerStartGone(start: WorkerStart): Promise<void>;
  workerList(scope: Scope): Promise<readonly WorkerRecord[]>;
  workerFetch(id: WorkerId): Promise<WorkerRecord | undefined>;
  /** For good. Audited where it changes something; undefined: there is no such worker. */
  workerRevoke(id: WorkerId, audit: AuditEntry): Promise<WorkerRecord | undefined>;
  /** Drained workers take no new work until they are resumed. Audited where it changes something; undefined: there is no such worker. */
  workerDrain(id: WorkerId, drained: boolean, audit: AuditEntry): Promise<WorkerRecord | undefined>;
}
