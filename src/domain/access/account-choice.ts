/**
 * Which account a run takes on a host, and why. The rule, in this order:
 *  1. the account that the run asks for; where its scope does not cover the host, that is refused: nobody becomes somebody
 *     else than they asked for;
 *  2. the host's own account; refused where it is gone or does not cover the host any more;
 *  3. of the default accounts whose scope covers the host the one with the highest priority; refused where two share it.
 * The same accounts and the same host always give the same answer.
 */
import type { ErrorCode } from '../../base/errors.ts';
import { parseTarget, targetTest, type TargetHost } from '../target/expression.ts';

export interface ScopedAccount {
  readonly id: string;
  readonly name: string;
  readonly scope: string;
  readonly isDefault: boolean;
  readonly priority: number;
}
/** `accountId`: the host's own. */
export interface AccountHost extends TargetHost {
  readonly accountId?: string;
}

export type AccountChoice<Account extends ScopedAccount> =
  | { readonly kind: 'chosen'; readonly account: Account; readonly why: string }
  | {
      readonly kind: 'refused';
      readonly code: Extract<
        ErrorCode,
        'account-not-found' | 'account-out-of-scope' | 'account-ambiguous' | 'account-missing'
      >;
      readonly detail: string;
    };

/** Reads the scopes once; the answer is asked for each host. */
export function accountChooser<Account extends ScopedAccount>(
  accounts: readonly Account[],
): (host: AccountHost, asked?: string) => AccountChoice<Account> {
  const covers = new Map(accounts.map((account) => [account, scopeTest(account.scope)]));
  const find = (idOrName: string): Account | undefined =>
    accounts.find(({ name }) => name === idOrName) ?? accounts.find(({ id }) => id === idOrName);
  const defaults = accounts
    .filter(({ isDefault }) => isDefault)
    .toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
  return (host, asked) => {
    if (asked !== undefined) {
      const account = find(asked);
      if (!account)
        return {
          kind: 'refused',
          code: 'account-not-found',
          detail: `There is no account ${asked}. See: drover accounts list.`,
        };
      return covers.get(account)!(host)
        ? { kind: 'chosen', account, why: 'The run asks for it, and its scope covers the host.' }
        : outOfScope(account, host, 'which the run asks for,');
    }
    if (host.accountId !== undefined) {
      const account = accounts.find(({ id }) => id === host.accountId);
      if (!account)
        return {
          kind: 'refused',
          code: 'account-not-found',
          detail: `The account of ${host.name} has been removed. Give the host another, or none.`,
        };
      return covers.get(account)!(host)
        ? { kind: 'chosen', account, why: "It is the host's own account." }
        : outOfScope(account, host, "the host's own,");
    }
    return chooseDefault(
      defaults.filter((account) => covers.get(account)!(host)),
      host,
    );
  };
}

function chooseDefault<Account extends ScopedAccount>(
  candidates: readonly Account[],
  host: AccountHost,
): AccountChoice<Account> {
  const [first, second] = candidates;
  if (!first)
    return {
      kind: 'refused',
      code: 'account-missing',
      detail:
        `${host.name} has no account of its own, no default account covers it, and none is asked for. Name one ` +
        'with --as, or make one for it: drover accounts create --default.',
    };
  if (second?.priority === first.priority) {
    const names = candidates.filter(({ priority }) => priority === first.priority).map(({ name }) => name);
    return {
      kind: 'refused',
      code: 'account-ambiguous',
      detail:
        `The default accounts ${names.join(', ')} cover ${host.name} with the same priority. Give them different ` +
        'ones, narrow a scope, or name one with --as.',
    };
  }
  const why = second
    ? `It is the default account with the highest priority (${first.priority}) whose scope covers the host; next ` +
      `would be ${second.name} (${second.priority}).`
    : 'It is the only default account whose scope covers the host.';
  return { kind: 'chosen', account: first, why };
}

function outOfScope<Account extends ScopedAccount>(
  account: Account,
  host: AccountHost,
  what: string,
): AccountChoice<Account> {
  return {
    kind: 'refused',
    code: 'account-out-of-scope',
    detail: `The account ${account.name}, ${what} may not be used on ${host.name}: its scope is ${account.scope}.`,
  };
}

/** A scope that cannot be read covers nothing: it was checked when it was stored, and doubt is no permission. */
function scopeTest(scope: string): (host: TargetHost) => boolean {
  const parsed = parseTarget(scope);
  return parsed.ok ? targetTest(parsed.expression) : () => false;
}
