/** Who calls, what they may, and how that is written down. Every verb is told its caller, asks here whether they may, and audits here. */
import { DroverError } from '../base/errors.ts';
import { EVERYTHING, ROOT, type AccessNode, type Scope } from '../domain/access/access-node.ts';
import type { Permission } from '../domain/access/permission.ts';
import type { Actor, AuditEntry } from '../store/contract/audit.ts';

export interface Caller {
  readonly actor: Actor;
  readonly requestId: string;
  /** Whether the permission was given to them at this node, or above it. */
  can(permission: Permission, node: AccessNode): boolean;
  /** The Idempotency-Key that this request claimed; an effect that must not happen twice is written together with it. */
  readonly claim?: { readonly principal: string; readonly key: string };
}

/** Throws `permission-denied`. */
export function assertCan(
  caller: Pick<Caller, 'actor' | 'can'>,
  permission: Permission,
  node: AccessNode = ROOT,
): void {
  if (!caller.can(permission, node))
    throw new DroverError('permission-denied', {
      detail: `${caller.actor.name} does not have the permission ${permission}.`,
    });
}

/** For lists: where in the tree the caller has the permission. Throws `permission-denied` where they have it nowhere. */
export function scopeOf(caller: Pick<Caller, 'actor' | 'can'>, permission: Permission): Scope {
  assertCan(caller, permission, ROOT);
  return EVERYTHING;
}

/** `detail` holds no secret: whoever may read the audit sees it. */
export function auditOf(
  caller: Pick<Caller, 'actor' | 'requestId'>,
  action: string,
  target: string,
  detail: AuditEntry['detail'] = {},
): AuditEntry {
  return { actor: caller.actor, action, target, detail, requestId: caller.requestId };
}
