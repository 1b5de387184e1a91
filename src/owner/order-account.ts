/**
 * As whom an agent works, looked at right before its order goes out. The run was settled with an account when it was made, and steps of it,
 * batches, retries and hosts that come back may have their turn long after: what the account is by then counts, as it does for a connection
 * over SSH. Hosts that it may not be used on are refused; on the others its user and its environment are those of now.
 */
import { othersTurn } from '../base/clock.ts';
import type { AccountId, HostId } from '../base/ids.ts';
import { accountNow, type AccountRefusal } from '../domain/access/account-now.ts';
import type { Placement } from '../domain/placement/placement.ts';
import { decodeExecutionSpec, encodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import { accountUser } from '../app/account.ts';
import type { Store } from '../store/contract/store.ts';
import type { SpecOf } from './attempt-report.ts';

export type AccountPlacement = Placement & { readonly account: AccountId };

export interface OrderAccount {
  refusalOn(hostId: HostId): AccountRefusal | undefined;
  /** Where it is another than the run was settled with. */
  readonly as?: Pick<Placement, 'user' | 'environment'>;
}

/** Hosts that are held against a scope in one turn. */
const HOSTS_AT_ONCE = 1_000;

/** Rejects where the store cannot be read. */
export async function lookAtAccount(
  store: Pick<Store, 'accountReach'>,
  { account: id, user, environment }: AccountPlacement,
  hostIds: readonly HostId[],
): Promise<OrderAccount> {
  const { account, hosts } = await store.accountReach(id, hostIds);
  const refuse = accountNow(id, account);
  const refusals = new Map<HostId, AccountRefusal>();
  for (const [at, hostId] of hostIds.entries()) {
    if (at > 0 && at % HOSTS_AT_ONCE === 0) await othersTurn();
    const refusal = refuse(hosts.get(hostId));
    if (refusal) refusals.set(hostId, refusal);
  }
  const refusalOn = (hostId: HostId): AccountRefusal | undefined => refusals.get(hostId);
  if (!account) return { refusalOn };
  const now = { user: accountUser(account), environment: account.environment };
  return now.user === user && now.environment === environment ? { refusalOn } : { refusalOn, as: now };
}

/** What executors are given, with who works there now. The same bytes give the same ones. */
export function specAs(specOf: SpecOf, { as }: Pick<OrderAccount, 'as'>): SpecOf {
  if (!as) return specOf;
  const made = new Map<Uint8Array, Uint8Array>();
  return (hostId) => {
    const bytes = specOf(hostId);
    const known = made.get(bytes) ?? encodeExecutionSpec({ ...decodeExecutionSpec(bytes), ...as });
    made.set(bytes, known);
    return known;
  };
}
