/**
 * How hosts are reached without an agent. Changes of ways to hosts go one after the other, so that two together never
 * close a circle of jump hosts.
 */
import type { AccountId, HostId } from '../../base/ids.ts';
import type { GuardedLabels } from '../../domain/access/guarded-labels.ts';
import type { HostAlgorithms } from '../../domain/inventory/host-draft.ts';
import type { HostKeyPolicy } from '../../domain/inventory/host-key-policy.ts';
import type { FieldChange, HostEntry, PlanFault, PlannedHost } from '../../domain/inventory/host-plan.ts';
import type { AuditEntry } from './audit.ts';
import type { NewHostKey } from './host-key.ts';

/** One stop on the way to a host: what a worker must know to dial it, except for secrets. */
export interface HostHop {
  readonly hostId: HostId;
  readonly hostName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  readonly port: number;
  readonly accountId?: string;
  readonly hostKeyPolicy: HostKeyPolicy;
  readonly algorithms?: HostAlgorithms;
  /** Only those that are believed. */
  readonly knownHostKeys: readonly NewHostKey[];
  /** It has shown a key that is not believed, and nobody has decided. */
  readonly isOtherKeyShown: boolean;
}

export type HostAccess =
  /** From the first jump host to the host itself; at most `sshHopsMax`. */
  | { readonly kind: 'access'; readonly zone: string; readonly hops: readonly HostHop[] }
  /** `hostName` is the host on the way that has no address. */
  | { readonly kind: 'no-address'; readonly hostName: string }
  | { readonly kind: 'not-found' };

export type HostWriteOutcome =
  | { readonly kind: 'done'; readonly hosts: readonly PlannedHost[] }
  /** Nothing was written. */
  | { readonly kind: 'refused'; readonly faults: readonly PlanFault[] };

export interface HostAccessStore {
  /** All or nothing. `onlyNew` refuses names that exist; `dryRun` decides and writes nothing. Changes are audited in parts. */
  hostImport(
    entries: readonly HostEntry[],
    options: { readonly dryRun: boolean; readonly onlyNew: boolean; readonly guarded: GuardedLabels },
    audit: AuditEntry,
  ): Promise<HostWriteOutcome>;
  /** The entry's name is replaced by the one that the host has at that moment. */
  hostEdit(
    id: HostId,
    entry: Omit<HostEntry, 'name'>,
    guarded: GuardedLabels,
    audit: AuditEntry,
  ): Promise<
    | { kind: 'edited'; changes: readonly FieldChange[] }
    | { kind: 'refused'; faults: readonly PlanFault[] }
    | { kind: 'not-found' }
  >;
  hostAccess(id: HostId): Promise<HostAccess>;
  /**
   * All hosts that have an address, for the workers of their zones. `version` changes with every change of a way to a
   * host; hint: topic `hosts`.
   */
  hostAccessList(
    knownVersion?: number,
  ): Promise<
    | { version: number; hosts: readonly { id: HostId; name: string; zone: string; accountId?: AccountId }[] }
    | 'unchanged'
  >;
}
