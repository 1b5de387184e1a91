/** Which labels of hosts a caller may not change: those that scopes of accounts count on. */
import { DroverError } from '../base/errors.ts';
import { EVERYTHING, ROOT } from '../domain/access/access-node.ts';
import {
  guardedDetail,
  guardedLabels,
  NOTHING_GUARDED,
  type GuardedChange,
  type GuardedLabels,
} from '../domain/access/guarded-labels.ts';
import type { Caller } from './caller.ts';
import type { AppContext } from './context.ts';

/** What this caller may not change: nothing for who manages accounts. */
export async function guardedFrom(ctx: Pick<AppContext, 'store'>, caller: Caller): Promise<GuardedLabels> {
  return caller.can('access.account.edit', ROOT)
    ? NOTHING_GUARDED
    : guardedLabels(await ctx.store.accountList(EVERYTHING));
}

/** A machine that joins has no permission to show: its token is where such a label comes from. */
export function labelProtected(change: GuardedChange, by: 'caller' | 'join' = 'caller'): DroverError {
  const way = ` Give it by the token instead (drover agents join-token create --label ${change.label}=VALUE); this token is still good.`;
  return new DroverError('label-protected', { detail: `${guardedDetail(change)}${by === 'join' ? way : ''}` });
}
