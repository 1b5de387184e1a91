/**
 * The part of the contract of durable state that knows how hosts are reached without an agent, and by which keys; the rules of
 * `store.ts` hold here too. Changes of ways to hosts go one after the other, so that two together never close a circle of jump hosts.
 */
import type { AccountId, HostId, WorkerId } from '../base/ids.ts';
import type { GuardedLabels } from '../domain/access/guarded-labels.ts';
import type { HostAlgorithms, HostKeyPolicy } from '../domain/inventory/host-draft.ts';
import type { FieldChange, HostEntry, PlanFault, PlannedHost } from '../domain/inventory/host-plan.ts';
import type { AuditEntry } from './store.ts';

export interface HostKeyRecord {
  /** SHA-256 of the key, in hexadecimal. */
  readonly id: string;
  readonly algorithm: string;
  readonly key: Uint8Array;
  readonly state: 'known' | 'offered';
  /** How it came to be known; `offered` for one that is not. */
  readonly origin: 'first-use' | 'import' | 'accepted' | 'offered';
  readonly firstSeenAtMs: number;
  readonly changedAtMs: number;
  readonly changedBy: string;
}

export interface NewHostKey {
  readonly algorithm: string;
  readonly key: Uint8Array;
}

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
}

export type HostAccess =
  /** From the first jump host to the host itself; at most `sshHopsMax`. */
  | { readonly kind: 'access'; readonly hostName: string; readonly zone: string; readonly hops: readonly HostHop[] }
  /** `hostName` is the host on the way that has no address. */
  | { readonly kind: 'no-address'; readonly hostName: string }
  | { readonly kind: 'not-found' };

export type HostWriteOutcome =
  | { readonly kind: 'done'; readonly hosts: readonly PlannedHost[] }
  /** Nothing was written. */
  | { readonly kind: 'refused'; readonly faults: readonly PlanFault[] };

export interface HostStore {
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
  /** All hosts that have an address, for the workers of their zones. `version` changes with every change of a way to a host; hint: topic `hosts`. */
  hostAccessList(
    knownVersion?: number,
  ): Promise<
    | { version: number; hosts: readonly { id: HostId; name: string; zone: string; accountId?: AccountId }[] }
    | 'unchanged'
  >;

  hostKeyList(id: HostId): Promise<readonly HostKeyRecord[]>;
  /**
   * A key that a host has shown, before anybody logs in to it. The first one of a host under `first-use` is `recorded`, whoever comes first.
   * `changed`: not believed, and kept as `offered` for somebody to accept or remove; a host under `strict` without keys, too.
   * So is, without a trace, one that is gone, and one that no host of the zone of who saw it is, or is reached through.
   */
  hostKeyRecord(
    id: HostId,
    key: NewHostKey,
    seenBy: { readonly zone: string; readonly workerId?: WorkerId },
  ): Promise<'recorded' | 'known' | 'changed'>;
  /** Keys from elsewhere, believed from now on; hosts by id or name, all or nothing. `added`: how many were not known before. */
  hostKeyImport(
    hosts: readonly { readonly host: string; readonly keys: readonly NewHostKey[] }[],
    audit: AuditEntry,
  ): Promise<
    | { kind: 'imported'; hosts: number; added: number }
    | { kind: 'not-found'; indexes: readonly number[] }
    | { kind: 'too-many'; hostName: string }
  >;
  /** An offered key becomes the known one of its kind: those of the same kind that were known go. `known` when it was that already. */
  hostKeyAccept(id: HostId, keyId: string, audit: AuditEntry): Promise<'accepted' | 'known' | 'not-found'>;
  hostKeyRemove(id: HostId, keyId: string, audit: AuditEntry): Promise<boolean>;
}
