/** The audit trail: read, and checked. */
import type { AuditCheck, AuditPosition, AuditRecord } from '../store/contract/audit.ts';
import type { Page } from '../store/contract/page.ts';
import type { Store } from '../store/contract/store.ts';
import { assertCan, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

/** Newest first. */
export function auditList(
  ctx: AppContext,
  caller: Caller,
  filter: Parameters<Store['auditList']>[1],
  page: Parameters<Store['auditList']>[2],
): Promise<Page<AuditRecord>> {
  return ctx.store.auditList(scopeOf(caller, 'audit.event.view'), filter, page);
}

/** A page of the chain after an entry that is believed; from the first entry without one. */
export function auditVerify(ctx: AppContext, caller: Caller, after: AuditPosition | undefined): Promise<AuditCheck> {
  assertCan(caller, 'audit.event.view');
  return ctx.store.auditVerify(after);
}
