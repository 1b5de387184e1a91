/** What the store does with the audit. */
import type { AuditStore } from '../../contract/audit.ts';
import type { StoreParts } from '../store-parts.ts';
import { auditSeal } from './audit-seal.ts';
import { auditVerify } from './audit-verify.ts';
import { auditAppend, auditList } from './audit.ts';

export function auditStore({ pool, ownPool, now }: StoreParts): AuditStore {
  return {
    auditAppend: (entry) => pool.transaction((tx) => auditAppend(tx, entry, now())),
    auditSeal: () => auditSeal(ownPool),
    auditWrite: (entry) => pool.transaction((tx) => auditAppend(tx, entry, now())),
    auditList: (scope, filter, page) => auditList(pool, scope, filter, page),
    auditVerify: (after) => auditVerify(pool, after),
  };
}
