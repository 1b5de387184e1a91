/** What a worker that was taken over can not do, tried against real servers over real links. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { Cluster } from '../support/cluster.ts';
import { HostileWorker } from '../support/attacker.ts';
import { until } from '../support/until.ts';

let cluster: Cluster;
const attackers: HostileWorker[] = [];

beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, workers: 0, agents: 0 });
}, 120_000);
afterEach(async () => {
  for (const attacker of attackers.splice(0)) await attacker.end();
});
afterAll(() => cluster.stop());

async function attacker(zone: string): Promise<HostileWorker> {
  const worker = await HostileWorker.join(await cluster.joinToken('worker', zone), `w-${attackers.length}-${zone}`);
  attackers.push(worker);
  return worker;
}

async function api(method: string, path: string, body?: unknown, server = 0): Promise<Response> {
  return fetch(`${cluster.urls[server]}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${cluster.token}`,
      'content-type': 'application/json',
      'idempotency-key': newId(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** A host that is reached over SSH with a password, and its id. */
async function sshHost(name: string, zone: string): Promise<string> {
  const account = await api('POST', '/accounts', {
    name: `root-${name}`,
    scope: name,
    loginUser: 'root',
    credentials: [{ kind: 'password', password: 'planted-secret' }],
  });
  if (account.status !== 201) throw new Error(await account.text());
  const host = await api('POST', '/hosts', { name, address: '192.0.2.1', zone, account: `root-${name}` });
  if (host.status !== 201) throw new Error(await host.text());
  return ((await host.json()) as { id: string }).id;
}

describe('a worker that was taken over', () => {
  it('is of the zone that it was enrolled for, whatever it says', async () => {
    const hostId = await sshHost('zoned', 'default');
    const [own, other] = [await attacker('default'), await attacker('dmz')];
    await own.dial(cluster.urls[0]!);
    await other.dial(cluster.urls[0]!, { zone: 'default', name: 'w-0-default' });
    // The worker of the zone is told, so what the other one is not told is there.
    expect(JSON.stringify((await own.ask<'access'>({ t: 'access', hostId })).access)).toContain('planted-secret');
    const refused = await other.ask<'access'>({ t: 'access', hostId });
    expect(refused.access).toBeUndefined();
    expect(refused.error?.code).toBe('host-not-found');
    const key = await other.ask<'host-key'>({ t: 'host-key', hostId, algorithm: 'ssh-ed25519', key: Buffer.alloc(51) });
    expect(key.answer).toBe('refused');
    const listed = (await (await api('GET', `/workers/${other.id}`)).json()) as { zone: string; name: string };
    expect(listed).toMatchObject({ zone: 'dmz', name: 'w-1-dmz' });
  });

  it('gets no credentials while it is drained', async () => {
    const hostId = await sshHost('drained', 'default');
    const worker = await attacker('default');
    await worker.dial(cluster.urls[0]!);
    expect((await api('POST', `/workers/${worker.id}/drain`)).status).toBe(200);
    expect((await worker.ask<'access'>({ t: 'access', hostId })).error?.code).toBe('worker-draining');
    expect((await api('POST', `/workers/${worker.id}/resume`)).status).toBe(200);
    expect((await worker.ask<'access'>({ t: 'access', hostId })).access).toBeDefined();
  });

  it('is out on every server at once when it is revoked, and stays out', async () => {
    const worker = await attacker('default');
    await worker.dial(cluster.urls[1]!);
    expect((await worker.renew()).certificate).toBeDefined();
    const answer = await api('POST', `/workers/${worker.id}/revoke`);
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { revokedAt?: string }).revokedAt).toBeDefined();
    await until('the other server to cut the link', () => worker.refusals.includes('worker-revoked'));
    for (const url of cluster.urls) {
      const before = worker.refusals.length;
      await worker.dial(url);
      expect(worker.refusals.slice(before)).toEqual(['worker-revoked']);
    }
    const audit = (await (await api('GET', '/audit?limit=5')).json()) as { items: { action: string }[] };
    expect(audit.items.filter(({ action }) => action === 'fleet.worker.revoke')).toHaveLength(1);
  });
});
