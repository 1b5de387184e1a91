/**
 * How the worker and the agents of `drover up` come to join: by a token that leads to this machine, once, unless they
 * have joined before.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { allPages, dataOf, type DroverClient } from '@drover/sdk';
import { given } from '../base/given.ts';
import { readJsonFile } from '../pki/identity.ts';
import { formatJoinToken, parseJoinToken } from '../pki/join-token.ts';

const IDENTITY = 'identity.json';

/** Who may link. One that was removed or revoked, or joined another database, has to join anew: it could never link. */
export async function joinedIds(client: DroverClient): Promise<ReadonlySet<string>> {
  const agents = await Array.fromAsync(
    allPages((cursor) =>
      client.GET('/api/v1/agents', { params: { query: { limit: 1_000, ...given({ cursor }) } } }).then(dataOf),
    ),
  );
  const workers = dataOf(await client.GET('/api/v1/workers'));
  return new Set([
    ...agents.filter((agent) => agent.state === 'active').map((agent) => agent.id),
    ...workers.items.map((worker) => worker.id),
  ]);
}

/** Nothing when it has joined before; a token that leads to us by the address of this machine otherwise. */
export async function joinEnv(
  client: DroverClient,
  access: { readonly url: string },
  {
    folder,
    role,
    joined,
    host,
  }: { folder: string; role: 'agent' | 'worker'; joined: ReadonlySet<string>; host?: string },
): Promise<Record<string, string>> {
  const identity = readJsonFile<{ agentId?: string; workerId?: string }>(folder, IDENTITY);
  if (identity && joined.has(identity.agentId ?? identity.workerId ?? '')) return {};
  rmSync(join(folder, IDENTITY), { force: true });
  // A host that lost its folder, or whose agent was revoked, is joined again by a token that is made for it.
  const isKnown =
    host !== undefined &&
    (await client.GET('/api/v1/hosts', { params: { query: { limit: 1_000 } } }).then(dataOf)).items.some(
      ({ name }) => name === host,
    );
  const { token } = dataOf(
    await client.POST('/api/v1/join-tokens', { body: { role, ...given({ host: isKnown ? host : undefined }) } }),
  );
  return { DROVER_JOIN: formatJoinToken({ ...parseJoinToken(token), url: access.url }) };
}
