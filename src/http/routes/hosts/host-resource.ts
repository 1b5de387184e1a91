/** A host as the API shows it. */
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { HostRecord } from '../../../store/contract/host.ts';
import { instant } from '../instant.ts';

export function hostResource(host: HostRecord, accounts: ReadonlyMap<string, string>): z.infer<typeof resources.Host> {
  const reachableBy = [
    ...(host.linked ? (['agent'] as const) : []),
    ...(host.address === undefined ? [] : (['ssh'] as const)),
  ];
  return {
    id: host.id,
    name: host.name,
    labels: host.labels,
    facts: host.facts,
    ...given({ agentId: host.agentId as string | undefined, agentUninstalledAt: instant(host.agentUninstalledAtMs) }),
    linked: host.linked,
    ...given({ workerId: host.workerId as string | undefined, linkChangedAt: instant(host.linkChangedAtMs) }),
    createdAt: instant(host.createdAtMs),
    reachableBy,
    zone: host.zone,
    ...given({
      address: host.address,
      port: host.address === undefined ? undefined : host.port,
      hostKeyPolicy: host.address === undefined ? undefined : host.hostKeyPolicy,
      accountId: host.accountId,
      account: accounts.get(host.accountId ?? ''),
      jumpHost: host.jumpHost,
      twinOf: host.twinOf,
      sshContact: host.sshContact && {
        at: instant(host.sshContact.atMs),
        ...given({ code: host.sshContact.code }),
      },
      algorithms:
        host.algorithms &&
        Object.fromEntries(Object.entries(host.algorithms).map(([kind, names]) => [kind, [...names]])),
    }),
  };
}
