/** Tokens that callers of the API show. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { RunId, TokenId } from '../../base/ids.ts';
import type { Role } from '../../domain/access/permission.ts';
import type { AuditEntry } from './audit.ts';

export interface ApiToken {
  readonly id: TokenId;
  readonly name: string;
  readonly role: Role;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly revokedAtMs?: number;
}

export interface ApiTokenStore {
  apiTokenCreate(
    token: { id: TokenId; hash: Uint8Array; name: string; role: Role; lifetimeMs: number },
    audit: AuditEntry,
  ): Promise<ApiToken | 'name-taken'>;
  /** By hash; also tells expired and revoked tokens, so that the refusal can say why. */
  apiTokenFetch(hash: Uint8Array): Promise<ApiToken | undefined>;
  /** Those of these tokens that are revoked or not there any more. */
  apiTokenRevokedOf(ids: readonly TokenId[]): Promise<readonly TokenId[]>;
  apiTokenList(scope: Scope): Promise<readonly ApiToken[]>;
  /**
   * In one transaction with its audit entry. `cancelOf`: of each run that it has begun, or the last round of it, and that is under way a
   * cancel is asked for too, with the entry that this makes. Undefined: it is revoked already, or not there. Else the runs that are
   * cancelled by it.
   */
  apiTokenRevoke(
    id: TokenId,
    audit: AuditEntry,
    cancelOf?: (run: RunId) => AuditEntry,
  ): Promise<readonly RunId[] | undefined>;
}
