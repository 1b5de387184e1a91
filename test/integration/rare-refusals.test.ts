/** Refusals that a caller meets seldom, each provoked as it would be: by a large fleet, by two people at once, by many downloads, by an agent that says nothing. */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastify from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobDefinitions } from '../../src/app/job-definitions.ts';
import { HostView } from '../../src/app/host-view.ts';
import { accountChange } from '../../src/app/account.ts';
import type { AgentPackages } from '../../src/app/agent-packages.ts';
import type { Caller } from '../../src/app/caller.ts';
import type { AppContext } from '../../src/app/context.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { errorCodeOf } from '../../src/base/errors.ts';
import { newId, type HostId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { DownloadPlaces } from '../../src/http/download-places.ts';
import { HeldFor } from '../../src/http/held-for.ts';
import { PeerAgents } from '../../src/http/peer-agents.ts';
import { addPackageRoute } from '../../src/http/routes/agents/package-route.ts';
import { PeerProofs } from '../../src/pki/peer-proof.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { until } from '../support/until.ts';

let api: TestApi;
let token: string;
beforeAll(async () => {
  api = await testApi();
  token = await api.token('admin', 600_000);
});
afterAll(() => api.close());

async function post<T = { code?: string }>(path: string, payload: object): Promise<T> {
  const headers = { authorization: `Bearer ${token}` };
  return (await api.app.inject({ method: 'POST', url: `/api/v1${path}`, headers, payload })).json<T>();
}

it('a run is for as many hosts as it may have, and not for one more', async () => {
  await api.database.query(
    "INSERT INTO host (id, name, created_at_ms) SELECT gen_random_uuid(), 'many-' || n, 1 FROM generate_series(1, $1::int) AS n",
    [limits.targetsPerRunMax + 1],
  );
  expect(await post('/runs/preview', { targets: 'many-*' })).toMatchObject({ code: 'too-many-targets' });
  expect(await post('/runs/preview', { targets: 'many-* and not many-1' })).toMatchObject({
    hostCount: limits.targetsPerRunMax,
  });
  await api.database.query("DELETE FROM host WHERE name LIKE 'many-%'");
});

it('a host without an address cannot be tried over SSH', async () => {
  await api.database.query("INSERT INTO host (id, name, created_at_ms) VALUES (gen_random_uuid(), 'bare', 1)");
  expect(await post('/hosts/bare/test', {})).toMatchObject({ code: 'host-without-address' });
});

it('of two people who change an account at once, the second is told', async () => {
  await post('/accounts', { name: 'ops', scope: 'all', loginUser: 'ops' });
  const caller: Caller = { actor: { kind: 'token', id: 't', name: 't' }, requestId: 'r', can: () => true };
  const context: AppContext = {
    store: api.store,
    hosts: new HostView(api.store),
    clock: systemClock,
    log: silentLog,
    sealer: createMasterKey(Buffer.alloc(32, 1)),
    definitions: new JobDefinitions(),
    ownership: { owned: () => [], create: () => undefined, wake() {} },
  };
  const other = (): Promise<unknown> => accountChange(context, caller, 'ops', { loginUser: 'first' });
  const store: AppContext['store'] = new Proxy<AppContext['store']>(api.store, {
    get(target, name: keyof AppContext['store']) {
      if (name !== 'accountReplace') return target[name].bind(target);
      return async (...args: Parameters<AppContext['store']['accountReplace']>) => {
        await other();
        return target.accountReplace(...args);
      };
    },
  });
  const answer = accountChange({ ...context, store }, caller, 'ops', { loginUser: 'second' });
  await expect(answer).rejects.toMatchObject({ code: 'account-changed' });
  expect((await api.store.accountList(EVERYTHING)).map(({ loginUser }) => loginUser)).toEqual(['first']);
});

it('an upgrade passes over hosts without an agent at once, and once cancelled does not wait for agents that are away', async () => {
  const [bare, away] = [newId<'host'>() as HostId, newId<'host'>() as HostId];
  for (const [id, name] of [
    [bare, 'without-agent'],
    [away, 'away'],
  ])
    await api.database.query('INSERT INTO host (id, name, created_at_ms) VALUES ($1, $2, 1)', [id, name]);
  await enrolled(away);
  const create = (id: string, ...hosts: { id: HostId; name: string }[]) =>
    api.store.upgradeCreate(
      { id, version: '1.1.0', targets: 'all', createdBy: system, batch: 2, maxFailed: 0, waitMs: 600_000, hosts },
      { actor: system, action: 'test', target: id, detail: {} },
    );
  const none = newId();
  expect(await create(none, { id: bare, name: 'without-agent' })).toEqual({ kind: 'no-agent' });
  expect(await api.store.upgradeFetch(none)).toBeUndefined();
  const id = newId();
  await create(id, { id: bare, name: 'without-agent' }, { id: away, name: 'away' });
  const agents = async () => (await api.store.agentUpgradeList(id, { limit: 2 })).items;
  await api.store.upgradeAdvance(id, () => false);
  expect(await agents()).toMatchObject([{ state: 'skipped', detail: 'The host has no agent.' }, { state: 'ordered' }]);
  await api.store.upgradeCancelRequest(id, { actor: system, action: 'test', target: id, detail: {} });
  await api.database.query('UPDATE agent_upgrade SET ordered_at_ms = ordered_at_ms - 15000 WHERE ordinal = 1', []);
  await api.store.upgradeAdvance(id, () => true);
  expect((await agents())[1]).toMatchObject({ state: 'ordered' });
  expect(await api.store.upgradeAdvance(id, () => false)).toMatchObject({ state: 'cancelled' });
  expect((await agents())[1]).toMatchObject({ state: 'skipped', detail: expect.stringContaining('not linked') });
});

it('an agent that says nothing of its upgrade in time is told as unanswered, not a moment before', async () => {
  const [id, hostId] = [newId(), newId<'host'>() as HostId];
  await api.database.query("INSERT INTO host (id, name, created_at_ms) VALUES ($1, 'mute', 1)", [hostId]);
  await enrolled(hostId);
  await api.store.upgradeCreate(
    {
      id,
      version: '1.1.0',
      targets: 'mute',
      createdBy: system,
      batch: 1,
      maxFailed: 0,
      waitMs: 600_000,
      hosts: [{ id: hostId, name: 'mute' }],
    },
    { actor: system, action: 'test', target: id, detail: {} },
  );
  const agent = async () => (await api.store.agentUpgradeList(id, { limit: 1 })).items[0];
  await api.store.upgradeAdvance(id, () => true);
  await api.store.upgradeAdvance(id, () => true);
  expect(await agent()).toMatchObject({ state: 'ordered' });
  await api.database.query('UPDATE agent_upgrade SET ordered_at_ms = ordered_at_ms - 600001 WHERE upgrade_id = $1', [
    id,
  ]);
  await api.store.upgradeAdvance(id, () => true);
  expect(await agent()).toMatchObject({ state: 'unanswered', code: 'upgrade-unanswered' });
});

it('a package is for who reads it: who takes nothing is cut off, and the place is free', async () => {
  const { folder, path, size } = largeFile();
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => reply.status(429).send({ code: errorCodeOf(error) }));
  // The test says when it is time to look: how fast this machine reads is no part of it.
  let look: (() => void) | undefined;
  const clock: Clock = {
    ...systemClock,
    after(_ms, callback) {
      look = callback;
      return () => void (look = look === callback ? undefined : look);
    },
  };
  addPackageRoute(app, {
    held: new HeldFor(),
    agents: new PeerAgents({
      proofs: new PeerProofs(api.ca.certificate),
      clock: systemClock,
      isRevoked: () => false,
      onLetIn: () => undefined,
    }),
    packages: { file: () => ({ path, entry: { fileSize: size, fileSha256: 'x' } }) } as unknown as AgentPackages,
    places: new DownloadPlaces(clock, {
      perServerMax: 1,
      perAddressMax: 1,
      perAgentMax: 1,
      stepMs: 100,
      stepBytesMin: 1,
    }),
    onRequest: () => undefined,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const fetched = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', path: '/agent-packages/x', agent: false }, resolve).on('error', reject);
    });
  try {
    const lazy = await fetched();
    const cut = new Promise((resolve) => lazy.on('error', resolve).on('end', () => resolve('whole')));
    lazy.pause();
    expect(lazy.statusCode).toBe(200);
    const eager = await until('the place to be free', async () => {
      look?.();
      const response = await fetched();
      if (response.statusCode === 200) return response;
      response.resume();
      return undefined;
    });
    let bytes = 0;
    for await (const piece of eager) bytes += (piece as Buffer).length;
    expect(bytes).toBe(size);
    lazy.resume();
    expect(await cut).toMatchObject({ code: 'ECONNRESET' });
  } finally {
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** More than the buffers of a connection hold: who does not read has it open. */
function largeFile(): { folder: string; path: string; size: number } {
  const folder = mkdtempSync(join(tmpdir(), 'drover-downloads-'));
  const path = join(folder, 'package');
  const size = 64 * 1024 * 1024;
  writeFileSync(path, '');
  truncateSync(path, size);
  return { folder, path, size };
}

it('packages are fetched by as many hosts at once as a server bears; the next comes back when one is through', async () => {
  const { folder, path, size } = largeFile();
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => reply.status(429).send({ code: errorCodeOf(error) }));
  addPackageRoute(app, {
    held: new HeldFor(),
    agents: new PeerAgents({
      proofs: new PeerProofs(api.ca.certificate),
      clock: systemClock,
      isRevoked: () => false,
      onLetIn: () => undefined,
    }),
    packages: { file: () => ({ path, entry: { fileSize: size, fileSha256: 'x' } }) } as unknown as AgentPackages,
    places: new DownloadPlaces(systemClock),
    onRequest: () => undefined,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const open: IncomingMessage[] = [];
  const status = (localAddress: string): Promise<number> =>
    new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', localAddress, path: '/agent-packages/x', agent: false }, (response) => {
        response.on('error', () => undefined);
        if (response.statusCode === 200) open.push(response.pause());
        else response.resume();
        resolve(response.statusCode!);
      }).on('error', reject);
    });
  try {
    const perAddress = limits.packageDownloadsPerAddressMax;
    for (let i = 0; i < perAddress; i++) expect(await status('127.0.0.10')).toBe(200);
    expect(await status('127.0.0.10')).toBe(429);
    for (let i = perAddress; i < limits.packageDownloadsMax; i++)
      expect(await status(`127.0.0.${10 + Math.floor(i / perAddress)}`)).toBe(200);
    expect(await status('127.0.0.99')).toBe(429);
    open[0]!.destroy();
    await until('a place to be free', async () => (await status('127.0.0.99')) === 200);
  } finally {
    for (const response of open) response.destroy();
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

const system = { kind: 'system', id: 'test', name: 'test' } as const;

async function enrolled(hostId: HostId): Promise<void> {
  const agentId = newId();
  await api.database.query(
    "INSERT INTO agent (id, host_id, state, public_key, joined_at_ms, certificate_expires_at_ms) VALUES ($1, $2, 'active', '\\x00', 1, 1)",
    [agentId, hostId],
  );
  await api.database.query('UPDATE host SET agent_id = $1 WHERE id = $2', [agentId, hostId]);
}
