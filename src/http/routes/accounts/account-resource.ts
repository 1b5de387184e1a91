/** An account as the API shows it: made field by field, so that nothing sealed or secret slips into an answer. */
import type { z } from 'zod';
import type * as r from '../../../protocol/rest/account-resources.ts';
import type { AccountRecord } from '../../../store/contract/account.ts';

export function accountResource(a: AccountRecord): z.infer<typeof r.Account> {
  return {
    id: a.id,
    name: a.name,
    scope: a.scope,
    loginUser: a.loginUser,
    become: {
      kind: a.become.kind,
      ...(a.become.kind === 'direct' ? {} : { user: a.become.user }),
      hasPassword: a.hasBecomePassword,
    },
    environment: a.environment,
    isDefault: a.isDefault,
    priority: a.priority,
    credentials: a.credentials.map(({ id, kind, name, facts }) => ({ id, kind, name, ...facts })),
    version: a.version,
    createdAt: new Date(a.createdAtMs).toISOString(),
    changedAt: new Date(a.changedAtMs).toISOString(),
    createdBy: a.createdBy.name,
  };
}
