/** Shapes of the audit trail as it is read and checked. */
import { z } from 'zod';
import { instant } from './fields.ts';

export const AuditEntry = z
  .object({
    id: z.string(),
    seq: z
      .int()
      .optional()
      .describe('Its number in the chain; absent until it is sealed, about a second after the deed'),
    at: instant,
    actor: z.string(),
    action: z.string(),
    target: z.string(),
    detail: z.record(z.string(), z.unknown()),
    requestId: z.string().optional(),
    hash: z.string().optional(),
    previousHash: z.string().optional(),
  })
  .meta({ id: 'AuditEntry' });
const auditPosition = z
  .object({ seq: z.int(), hash: z.string().describe('Hexadecimal') })
  .describe('An entry of the audit by its number and hash');
export const AuditCheck = z
  .object({
    checked: z.int().describe('Entries that this answer is about'),
    through: auditPosition.describe('The last entry that is as it was written'),
    whole: z.boolean().describe('The chain was checked to its end, and nothing is wrong'),
    unsealed: z
      .int()
      .optional()
      .describe('With the end of the chain: entries that were written and are not in it yet; their marks were checked'),
    fault: z
      .object({
        seq: z.int().optional(),
        kind: z.enum(['altered', 'missing', 'unchained', 'head']),
        detail: z.string(),
      })
      .optional()
      .describe('What is wrong, and with which entry; nothing beyond it was checked'),
  })
  .meta({ id: 'AuditCheck' });
