/** The keys by which hosts are known over SSH. */
import type { HostId, WorkerId } from '../../base/ids.ts';
import type { AuditEntry } from './audit.ts';

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

export interface HostKeyStore {
  hostKeyList(id: HostId): Promise<readonly HostKeyRecord[]>;
  /**
   * A key that a host has shown, before anybody logs in to it. The first one of a host under `first-use` is `recorded`,
   * whoever comes first. `changed`: not believed, and kept as `offered` for somebody to accept or remove; a host under
   * `strict` without keys, too. So is, without a trace, one that is gone, and one that no host of the zone of who saw
   * it is, or is reached through.
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
