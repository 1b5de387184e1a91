/** A host as the API shows it. */
import type { z } from 'zod';
import type * as resources from '../../../protocol/rest/resources.ts';
import type { HostRecord } from '../../../store/contract/host.ts';
import { at, given } from '../fields.ts';

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
    ...given('agentId', host.agentId as string | undefined),
    linked: host.linked,
    ...given('workerId', host.workerId as string | undefined),
    ...at('linkChangedAt', host.linkChangedAtMs),
    createdAt: new Date(host.createdAtMs).toISOString(),
    reachableBy,
    zone: host.zone,
    ...(host.address === undefined
      ? {}
      : { address: host.address, port: host.port, hostKeyPolicy: host.hostKeyPolicy }),
    ...given('accountId', host.accountId),
    ...given('account', accounts.get(host.accountId ?? '')),
    ...given('jumpHost', host.jumpHost),
    ...given('twinOf', host.twinOf),
    ...given(
      'sshContact',
      host.sshContact && { at: new Date(host.sshContact.atMs).toISOString(), ...given('code', host.sshContact.code) },
    ),
    ...given(
      'algorithms',
      host.algorithms && Object.fromEntries(Object.entries(host.algorithms).map(([kind, names]) => [kind, [...names]])),
    ),
  };
}
