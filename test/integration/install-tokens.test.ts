/**
 * Hosts of one run of `drover agents install`, one of which was taken over: what it is told lets nobody join but itself. A real server; the
 * orders are read where the worker of the hosts' zone gets them.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, dataOf, type DroverClient } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostId } from '../../src/base/ids.ts';
import { formatJoinToken, hostJoinSecret, parseJoinToken } from '../../src/pki/join-token.ts';
import { newReleaseKey } from '../../src/pki/package-signature.ts';
import { decodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import { HostileWorker, WanderingAgent } from '../support/attacker.ts';
import { packProgram } from '../support/agent-packages.ts';
import { Cluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-install-tokens-'));
let cluster: Cluster;
let client: DroverClient;
let worker: HostileWorker;

beforeAll(async () => {
  mkdirSync(join(folder, 'key'));
  writeFileSync(join(folder, 'key', 'release.key'), newReleaseKey().privateKey);
  packProgram(folder, '1.0.0', '#!/bin/sh\n');
  cluster = await Cluster.start({ servers: 1, workers: 0, agents: 0, serverEnv: { DROVER_PACKAGES: folder } });
  client = createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });
  worker = await HostileWorker.join(await cluster.joinToken('worker'));
  await worker.dial(cluster.urls[0]!);
}, 120_000);
afterAll(async () => {
  await worker?.end();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function sshHost(name: string): Promise<HostId> {
  const account = { name: `root-${name}`, scope: name, loginUser: 'root', credentials: [PASSWORD] };
  dataOf(await client.POST('/api/v1/accounts', { body: account }));
  const host = { name, address: '192.0.2.1', account: `root-${name}` };
  return dataOf(await client.POST('/api/v1/hosts', { body: host })).id as HostId;
}
const PASSWORD = { kind: 'password', password: 'of the login' } as const;

async function install(targets: string): Promise<string> {
  return dataOf(await client.POST('/api/v1/agents/install', { body: { targets } })).id;
}

/** The last order of a run for a host, as it left the server. */
async function orderOf(runId: string, hostId: string): Promise<Uint8Array> {
  return until('the order', () =>
    worker.frames
      .flatMap((frame) =>
        frame.t === 'assign' && frame.runId === runId && frame.targets.some((target) => target.hostId === hostId)
          ? [frame.spec]
          : [],
      )
      .at(-1),
  );
}
async function tokenOf(runId: string, hostId: string): Promise<string> {
  return decodeExecutionSpec(await orderOf(runId, hostId)).secrets.DROVER_JOIN!;
}

it('a host that was taken over becomes no other host of the same installation', async () => {
  const [evil, victim] = [await sshHost('evil'), await sshHost('victim')];
  const runId = await install('evil,victim');
  const token = await tokenOf(runId, evil);
  // Told of no other's, and not of what all are made from.
  const { url, fingerprint, secret } = parseJoinToken(token);
  const ofVictim = parseJoinToken(await tokenOf(runId, victim)).secret;
  expect(Buffer.from(await orderOf(runId, evil)).includes(ofVictim)).toBe(false);
  for (const guess of [hostJoinSecret(secret, victim), hostJoinSecret(secret, evil), `${secret}x`])
    await expect(
      WanderingAgent.join(formatJoinToken({ url, fingerprint, secret: guess }), 'victim'),
    ).rejects.toMatchObject({ code: 'join-token-invalid' });
  // Whatever it calls itself, it is the host that the token was made for; and it is that once.
  expect(await WanderingAgent.join(token, 'victim')).toMatchObject({ hostId: evil });
  await expect(WanderingAgent.join(token, 'victim')).rejects.toMatchObject({ code: 'join-token-expired' });
  expect((await cluster.store.hostFetch('victim'))!.agentId).toBeUndefined();
  // The other is installed all the same.
  expect(await WanderingAgent.join(await tokenOf(runId, victim), 'victim')).toMatchObject({ hostId: victim });
});

it('a token of an installation is listed once, and opens for none of its hosts when it was revoked', async () => {
  const hosts = [await sshHost('revoked-1'), await sshHost('revoked-2')];
  const runId = await install('revoked-1,revoked-2');
  const tokens = await Promise.all(hosts.map((host) => tokenOf(runId, host)));
  const listed = async (): Promise<{ id: string; usesLeft: number }[]> =>
    dataOf(await client.GET('/api/v1/join-tokens')).items.filter(({ usesLeft }) => usesLeft < 1_000);
  const before = await listed();
  await WanderingAgent.join(tokens[0]!, 'revoked-1');
  const [made] = (await listed()).filter(
    ({ id, usesLeft }) => before.find((one) => one.id === id)?.usesLeft !== usesLeft,
  );
  expect(made!.usesLeft).toBe(1);
  await client.DELETE('/api/v1/join-tokens/{id}', { params: { path: { id: made!.id } } });
  await expect(WanderingAgent.join(tokens[1]!, 'revoked-2')).rejects.toMatchObject({ code: 'join-token-invalid' });
});

it('no secret of an installation is in the tables in clear', async () => {
  const hostId = await sshHost('planted');
  const runId = await install('planted');
  const { secret } = parseJoinToken(await tokenOf(runId, hostId));
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  try {
    const { rows: tables } = await database.query<{ name: string }>(
      'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()',
    );
    expect(tables.map(({ name }) => name)).toContain('join_token_host');
    for (const { name } of tables) {
      const { rows } = await database.query(`SELECT t::text AS line FROM "${name}" AS t`);
      const text = JSON.stringify(rows);
      for (const form of [secret, Buffer.from(secret).toString('hex')]) expect(text, name).not.toContain(form);
    }
  } finally {
    await database.end();
  }
});
