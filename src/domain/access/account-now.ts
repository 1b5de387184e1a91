/**
 * Whether an agent may work on a host as the account that its run was settled with, now that its order is about to go out: the account, its
 * scope or the labels of the host may be others than when the run was made. Pure.
 */
import type { ErrorCode } from '../../base/errors.ts';
import { parseTarget, targetTest, type TargetHost } from '../target/expression.ts';

export interface AccountRefusal {
  readonly reason: Extract<ErrorCode, 'account-not-found' | 'account-out-of-scope' | 'host-not-found'>;
  readonly detail: string;
}

/** `account`: undefined where it is not there any more. @returns asked for each host: undefined where it holds. */
export function accountNow(
  id: string,
  account: { readonly name: string; readonly scope: string } | undefined,
): (host: TargetHost | undefined) => AccountRefusal | undefined {
  if (!account)
    return () => ({
      reason: 'account-not-found',
      detail: `The account that the run works with was removed after the run was begun; its id was ${id}.`,
    });
  const { name, scope } = account;
  const parsed = parseTarget(scope);
  // What cannot be read covers nothing: it was checked when it was stored, and doubt is no permission.
  const covers = parsed.ok ? targetTest(parsed.expression) : () => false;
  return (host) => {
    if (!host) return { reason: 'host-not-found', detail: 'The host was removed after the run was begun.' };
    if (covers(host)) return undefined;
    return {
      reason: 'account-out-of-scope',
      detail:
        `The account ${name} may not be used on ${host.name} any more: its scope is ${scope}. The scope, or the labels of the host, ` +
        'were changed after the run was begun.',
    };
  };
}
