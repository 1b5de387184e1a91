/**
 * What a worker asks of the server before it opens a connection to a host over SSH: the way there, as whom to log in at
 * each stop, and by which keys the stops are known. Secrets leave the server here, so a worker is told of hosts of its
 * own zone only, and of the way to them.
 */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { parseAttemptId, type AccountId, type HostId, type WorkerId } from '../base/ids.ts';
import { isWorker } from '../domain/run/executor.ts';
import type { SshAccess, SshHop, SshHostKey } from '../protocol/link/ssh-access.ts';
import type { AccountRecord } from '../store/contract/account.ts';
import type { HostHop } from '../store/contract/host-access.ts';
import { accountChoices, accountOpen, type OpenedAccount } from './account.ts';
import type { AppContext } from './context.ts';
import { hostWithoutAddress } from './host-access.ts';

type Needs = Pick<AppContext, 'store' | 'sealer'>;

/**
 * `accountId` is the one that the run asks for, and is used on the host itself; jump hosts have accounts of their own. Which account
 * it is, is decided again at each connection: a scope that no longer covers the host counts at once.
 */
export async function sshAccess(ctx: Needs, zone: string, hostId: HostId, accountId?: AccountId): Promise<SshAccess> {
  const way = await ctx.store.hostAccess(hostId);
  if (way.kind === 'not-found' || (way.kind === 'access' && way.zone !== zone))
    throw new DroverError('host-not-found', {
      detail: `The host ${hostId} is not there any more, or not in the zone ${zone}.`,
    });
  if (way.kind === 'no-address') throw hostWithoutAddress(way.hostName);
  const choose = await accountChoices(ctx);
  const opened = new Map<AccountId, Promise<OpenedAccount>>();
  const accounts = await Promise.all(
    way.hops.map((hop, index) => {
      const account = accountFor(choose, hop, index === way.hops.length - 1 ? accountId : undefined);
      if (!opened.has(account.id)) opened.set(account.id, accountOpen(ctx, account.id));
      return opened.get(account.id)!;
    }),
  );
  const last = accounts.at(-1)!;
  return {
    hostId,
    accountId: last.account.id,
    hops: way.hops.map((hop, index) => hopAccess(hop, accounts[index]!)),
    become: last.become,
  };
}

function accountFor(
  choose: Awaited<ReturnType<typeof accountChoices>>,
  hop: HostHop,
  asked: AccountId | undefined,
): AccountRecord {
  const choice = choose({ name: hop.hostName, labels: hop.labels, ...given({ accountId: hop.accountId }) }, asked);
  if (choice.kind === 'chosen') return choice.account;
  throw new DroverError(choice.code, { detail: choice.detail });
}

function hopAccess(hop: HostHop, { user, credentials }: OpenedAccount): SshHop {
  return {
    hostId: hop.hostId,
    address: hop.address,
    port: hop.port,
    user,
    credentials,
    hostKeyPolicy: hop.hostKeyPolicy,
    knownHostKeys: hop.knownHostKeys.map(({ algorithm, key }) => ({ algorithm, key })),
    ...given({
      isOtherKeyShown: hop.isOtherKeyShown || undefined,
      algorithms:
        hop.algorithms === undefined
          ? undefined
          : Object.fromEntries(Object.entries(hop.algorithms).map(([kind, names]) => [kind, [...names]])),
    }),
  };
}

/** `refused`: the host is known by other keys, or may not be known at first use; the key is kept as offered. */
export async function sshHostKeyRecord(
  ctx: Pick<AppContext, 'store'>,
  zone: string,
  hostId: HostId,
  key: SshHostKey,
  workerId?: WorkerId,
): Promise<'recorded' | 'refused'> {
  const answer = await ctx.store.hostKeyRecord(hostId, key, { zone, ...given({ workerId }) });
  return answer === 'changed' ? 'refused' : 'recorded';
}

/** What a worker must mask in the output of an attempt that it began and lost the memory of. Only for the one that has the attempt. */
async function attemptSecrets(ctx: Needs, workerId: WorkerId, attempt: string): Promise<readonly string[]> {
  const key = parseAttemptId(attempt);
  const current = key && (await ctx.store.executionFetch(key));
  const execution =
    current && key.attempt !== current.attempt
      ? (await ctx.store.executionHistory(current)).find((past) => past.attempt === key.attempt)
      : current;
  if (!key || !execution || !isWorker(execution.route?.executor, workerId))
    throw new DroverError('not-found', { detail: 'No such attempt is with this worker.' });
  const sealed = await ctx.store.taskSealedSecrets(key.runId, key.task);
  return sealed
    ? Object.values(
        JSON.parse(Buffer.from(ctx.sealer.open(`run/${key.runId}`, sealed)).toString()) as Record<string, string>,
      )
    : [];
}

/** What the fleet of a server asks in the name of its workers. */
export function sshDesk(ctx: Needs): {
  hosts: AppContext['store']['hostAccessList'];
  resolve: (zone: string, hostId: HostId, accountId?: AccountId) => Promise<SshAccess>;
  secrets: (workerId: WorkerId, attempt: string) => Promise<readonly string[]>;
  recordHostKey: (zone: string, hostId: HostId, key: SshHostKey, workerId: WorkerId) => Promise<'recorded' | 'refused'>;
} {
  return {
    hosts: (knownVersion) => ctx.store.hostAccessList(knownVersion),
    resolve: (zone, hostId, accountId) => sshAccess(ctx, zone, hostId, accountId),
    secrets: (workerId, attempt) => attemptSecrets(ctx, workerId, attempt),
    recordHostKey: (zone, hostId, key, workerId) => sshHostKeyRecord(ctx, zone, hostId, key, workerId),
  };
}
