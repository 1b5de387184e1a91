/**
 * As whom a run works, decided before it is written. An account that the run asks for must cover every host of it; over SSH the
 * others are the hosts' own or the defaults of their scopes. Every account that the run may use is audited under the run, once.
 */
import type { ErrorCode, InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { AccountId, HostId } from '../base/ids.ts';
import type { Placement } from '../domain/placement/placement.ts';
import type { AccountRecord } from '../store/contract/account.ts';
import { accountChoices, accountFetch, accountUser } from './account.ts';
import type { AppContext } from './context.ts';
import type { WaysOverSsh } from './host-view.ts';

interface RunHost {
  readonly id: HostId;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}
type UsedAccount = { readonly id: AccountId; readonly name: string };
export interface RunAccounts {
  readonly placement: Partial<Omit<Placement, 'via'>>;
  readonly used: readonly UsedAccount[];
  readonly faults: readonly InputFault[];
  /** The account that logs in to each host with an address, where there is one for it. */
  readonly logins: ReadonlyMap<HostId, AccountRecord>;
  /** Hosts with an address that no account would log in to: told to each when its turn comes, for its agent may be there by then. */
  readonly unreached: readonly UnreachedHost[];
}
export interface UnreachedHost {
  readonly id: HostId;
  readonly name: string;
  readonly code: ErrorCode;
  readonly detail: string;
}

const NAMES_MAX = 20;

/** Throws `account-not-found`; other faults are given back, to be told together. `asked` is an account's name or id. */
export async function runAccounts(
  ctx: Pick<AppContext, 'store' | 'hosts'>,
  hosts: readonly RunHost[],
  placement: Pick<Placement, 'via' | 'user'>,
  asked: string | undefined,
): Promise<RunAccounts> {
  const ways = placement.via === 'agent' ? NO_WAYS : await ctx.hosts.waysOverSsh();
  const overSsh = hosts.filter(({ id }) => ways.has(id));
  if (asked === undefined && overSsh.length === 0) return NO_ACCOUNTS;
  const choose = await accountChoices(ctx);
  if (asked !== undefined) {
    const account = await accountFetch(ctx, asked);
    const faults: InputFault[] = [];
    const outside = hosts.filter((host) => choose(host, account.id).kind === 'refused').map(({ name }) => name);
    if (outside.length > 0)
      faults.push(
        fault(
          '#/account',
          'account-out-of-scope',
          `The account ${account.name} may not be used on ${outside.slice(0, NAMES_MAX).join(', ')}` +
            `${outside.length > NAMES_MAX ? ` (and ${outside.length - NAMES_MAX} more)` : ''}: its scope is ` +
            `${account.scope}.`,
        ),
      );
    if (placement.user !== undefined)
      faults.push(
        fault('#/user', 'bad-input', 'Give either an account or a user, not both: the account says who works.'),
      );
    return {
      placement: {
        account: account.id,
        user: accountUser(account),
        environment: account.environment,
      },
      used: [account],
      faults,
      logins: new Map(overSsh.map(({ id }) => [id, account])),
      unreached: [],
    };
  }
  const used = new Map<AccountId, UsedAccount>();
  const logins = new Map<HostId, AccountRecord>();
  const unreached: UnreachedHost[] = [];
  for (const host of overSsh) {
    const accountId = ways.get(host.id)?.accountId;
    const choice = choose({ name: host.name, labels: host.labels, ...given({ accountId }) });
    if (choice.kind === 'chosen') {
      used.set(choice.account.id, { id: choice.account.id, name: choice.account.name });
      logins.set(host.id, choice.account);
    } else unreached.push({ id: host.id, name: host.name, code: choice.code, detail: choice.detail });
  }
  return { placement: {}, used: [...used.values()], faults: [], logins, unreached };
}

const NO_WAYS: WaysOverSsh = new Map();
const NO_ACCOUNTS: RunAccounts = { placement: {}, used: [], faults: [], logins: new Map(), unreached: [] };

function fault(pointer: string, code: ErrorCode, detail: string): InputFault {
  return { pointer, code, detail };
}
