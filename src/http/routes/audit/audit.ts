/** The audit trail. */
import { z } from 'zod';
import { given } from '../../../base/given.ts';
import { auditList, auditVerify } from '../../../app/audit.ts';
import { AuditCheck, AuditEntry } from '../../../protocol/rest/audit-resources.ts';
import * as r from '../../../protocol/rest/resources.ts';
import type { AuditRecord } from '../../../store/contract/audit.ts';
import { operation } from '../../operation.ts';
import { page, pageOfQuery } from '../page.ts';
import { instant } from '../instant.ts';

function auditResource(entry: AuditRecord): z.infer<typeof AuditEntry> {
  return {
    id: entry.id,
    at: instant(entry.atMs),
    actor: entry.actor.name,
    action: entry.action,
    target: entry.target,
    detail: entry.detail,
    ...given({ requestId: entry.requestId }),
    ...entry.seal,
  };
}

export const auditRoutes = [
  operation({
    id: 'listAudit',
    method: 'GET',
    path: '/audit',
    summary: 'Read the audit trail, newest first',
    permission: 'audit.event.view',
    query: z.strictObject({ ...page, action: z.string().max(200).optional(), actor: z.string().max(200).optional() }),
    status: 200,
    response: r.pageOf(AuditEntry),
    errors: ['bad-input'],
    async handle({ ctx, caller, query }) {
      const { items, next } = await auditList(
        ctx,
        caller,
        given({ action: query.action, actor: query.actor }),
        pageOfQuery(query),
      );
      return given({ items: items.map(auditResource), next });
    },
  }),
  operation({
    id: 'verifyAudit',
    method: 'GET',
    path: '/audit/verification',
    summary: 'Check the chain of the audit, a page at a time: neither whole nor with a fault, go on after `through`',
    permission: 'audit.event.view',
    query: z.strictObject({
      after: z
        .string()
        .regex(/^\d{1,15}:[0-9a-f]{64}$/, 'NUMBER:HASH of an entry')
        .optional()
        .describe('NUMBER:HASH of an entry that is believed; from the first entry without it'),
    }),
    status: 200,
    response: AuditCheck,
    errors: ['bad-input'],
    async handle({ ctx, caller, query }) {
      const [seq, hash] = query.after?.split(':') ?? [];
      const after = hash === undefined ? undefined : { seq: Number(seq), hash };
      const { isWhole, ...check } = await auditVerify(ctx, caller, after);
      return { ...check, whole: isWhole };
    },
  }),
];
