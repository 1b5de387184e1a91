/** An account as the API shows it: made field by field, so that nothing sealed or secret slips into an answer. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type * as r from '../../../protocol/rest/account-resources.ts';
import type { AccountRecord } from '../../../store/contract/account.ts';
import { instant } from '../instant.ts';

export function accountResource(a: AccountRecord): z.infer<typeof r.Account> {
  return {
    id: a.id,
    name: a.name,
    scope: a.scope,
    loginUser: a.loginUser,
    become: {
      kind: a.become.kind,
      ...given({ user: a.become.kind === 'direct' ? undefined : a.become.user }),
      hasPassword: a.hasBecomePassword,
    },
    environment: a.environment,
    isDefault: a.isDefault,
    priority: a.priority,
    credentials: a.credentials.map(({ id, kind, name, facts }) => ({ id, kind, name, ...facts })),
    version: a.version,
    createdAt: instant(a.createdAtMs),
    changedAt: instant(a.changedAtMs),
    createdBy: a.createdBy.name,
  };
}
