/** Tokens that agents and workers join with. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { HostId, TokenId } from '../../base/ids.ts';
import type { Actor, AuditEntry } from './audit.ts';

export interface JoinToken {
  readonly id: TokenId;
  readonly role: 'agent' | 'worker';
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  /** Made for this host: whoever joins with it becomes that host's agent. */
  readonly hostId?: HostId;
  readonly usesLeft: number;
  readonly expiresAtMs: number;
  readonly createdAtMs: number;
  readonly createdBy: Actor;
}

/** Digests of what opens with a token: one secret, good for `hostId` alone where that is given; or one for each of several hosts, once. */
export type JoinSecrets =
  | { readonly hash: Uint8Array; readonly hostId?: HostId }
  | { readonly hosts: readonly { readonly id: HostId; readonly hash: Uint8Array }[] };

export interface JoinTokenStore {
  joinTokenCreate(
    token: {
      id: TokenId;
      role: 'agent' | 'worker';
      labels: Readonly<Record<string, string>>;
      zone: string;
      uses: number;
      lifetimeMs: number;
    } & JoinSecrets,
    audit: AuditEntry,
  ): Promise<JoinToken>;
  /** Whether a token of this role would let somebody join now; nothing is used up. By hash. */
  joinTokenCheck(
    hash: Uint8Array,
    role: 'agent' | 'worker',
  ): Promise<'good' | 'join-token-invalid' | 'join-token-expired'>;
  joinTokenList(scope: Scope): Promise<readonly JoinToken[]>;
  joinTokenRevoke(id: TokenId, audit: AuditEntry): Promise<boolean>;
}
