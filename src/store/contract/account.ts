/** Accounts for hosts over SSH. Secrets come and go sealed: an implementation never sees one in clear. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { AccountId, HostId, RunId } from '../../base/ids.ts';
import type { TargetHost } from '../../domain/target/expression.ts';
import type { Actor, AuditEntry } from './audit.ts';

export type CredentialKind = 'key' | 'password' | 'keyboard-interactive' | 'agent';

export type EnvironmentPolicy = 'clean' | 'login' | 'agent';

/** What may be known of a credential; its secret is kept apart, under the same id. */
export interface CredentialRecord {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly name: string;
  /** Of a key: type and fingerprint; of a certificate: its subject and validity; of an agent: its socket. */
  readonly facts: Readonly<Record<string, string>>;
}

export interface AccountSettings {
  readonly name: string;
  /** Target expression: the hosts that it may be used on. */
  readonly scope: string;
  readonly loginUser: string;
  readonly become: { readonly kind: 'direct' } | { readonly kind: 'sudo' | 'su'; readonly user: string };
  readonly hasBecomePassword: boolean;
  readonly environment: EnvironmentPolicy;
  /** Taken for hosts of its scope that have no account of their own; of several the one with the highest priority. */
  readonly isDefault: boolean;
  readonly priority: number;
  /** Tried in this order. */
  readonly credentials: readonly CredentialRecord[];
}

export interface AccountRecord extends AccountSettings {
  readonly id: AccountId;
  /** Grows with every change; a write names the one that it has read. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly createdBy: Actor;
}

/** `id` is that of its credential, or `become`. */
export interface SealedSecret {
  readonly id: string;
  readonly keyId: string;
  readonly dataKey: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface AccountStore {
  /** One transaction: account, secrets, audit. */
  accountCreate(
    id: AccountId,
    settings: AccountSettings,
    secrets: readonly SealedSecret[],
    audit: AuditEntry,
  ): Promise<{ kind: 'created'; account: AccountRecord } | { kind: 'name-taken' | 'too-many' }>;
  accountFetch(idOrName: string): Promise<AccountRecord | undefined>;
  /** All of them, by name. */
  accountList(scope: Scope): Promise<readonly AccountRecord[]>;
  accountIdsByName(names: readonly string[]): Promise<ReadonlyMap<string, AccountId>>;
  /** Lands only on the version that the caller has read. Secrets given are written; others whose id is not in `keep` are deleted. */
  accountReplace(
    id: AccountId,
    version: number,
    settings: AccountSettings,
    secrets: readonly SealedSecret[],
    keep: readonly string[],
    audit: AuditEntry,
  ): Promise<{ kind: 'replaced'; account: AccountRecord } | { kind: 'name-taken' | 'changed' | 'not-found' }>;
  /** Hosts that name it keep it from going unless forced; then they are left with an account that is no more. */
  accountRemove(
    id: AccountId,
    isForced: boolean,
    audit: AuditEntry,
  ): Promise<
    { kind: 'removed' } | { kind: 'not-found' } | { kind: 'in-use'; hostCount: number; hosts: readonly string[] }
  >;
  /** An account as it is now, and hosts by what its scope is held against. Neither holds what is not there any more. */
  accountReach(
    id: AccountId,
    hosts: readonly HostId[],
  ): Promise<{ readonly account?: AccountRecord; readonly hosts: ReadonlyMap<HostId, TargetHost> }>;
  accountSecrets(id: AccountId): Promise<readonly SealedSecret[]>;
  /** The host's own account; undefined when it has none. */
  accountOfHost(id: HostId): Promise<AccountId | undefined>;
  /** One audit entry for each account that this run had not used before, however often it is called; answers those. */
  accountUsed(
    runId: RunId,
    uses: readonly { accountId: AccountId; audit: AuditEntry }[],
  ): Promise<readonly AccountId[]>;
  accountSecretsNotUnder(
    keyId: string,
    after: { accountId: AccountId; id: string } | undefined,
    limit: number,
  ): Promise<readonly (SealedSecret & { readonly accountId: AccountId })[]>;
  accountSecretsReseal(
    changes: readonly { accountId: AccountId; id: string; from: Uint8Array; to: Omit<SealedSecret, 'id'> }[],
  ): Promise<number>;
}
