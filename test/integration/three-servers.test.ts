/** Several servers in one process, on one database: each has what it knows, counts and holds for itself, and they are one cluster. */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentPackages } from '../../src/app/agent-packages.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId, type TokenId } from '../../src/base/ids.ts';
import { PARTITION_COUNT } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import { createServer, type Server } from '../../src/bin/server.ts';
import { fingerprint } from '../../src/pki/ca.ts';
import { formatJoinToken, hashSecret, newSecret } from '../../src/pki/join-token.ts';
import { parseAllowList } from '../../src/outbound/allow-list.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { believe } from '../support/authorities.ts';
import { ManagedProcess } from '../support/cluster.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const audit = { actor: { kind: 'system', id: 't', name: 't' }, action: 'test', target: 't', detail: {} } as const;
const masterKey = createMasterKey(randomBytes(32));
const token = newSecret();
const folder = mkdtempSync(join(tmpdir(), 'drover-three-'));
const servers: Server[] = [];
const processes: ManagedProcess[] = [];
let database: TestDatabase;

beforeAll(async () => {
  chmodSync(folder, 0o755);
  database = await testDatabase();
  for (let i = 0; i < 3; i++)
    servers.push(
      await createServer({
        databaseUrl: database.url,
        listen: '127.0.0.1:0',
        advertise: undefined,
        masterKey,
        agentsShareUser: false,
        databaseFolder: undefined,
        log: silentLog,
        clock: systemClock,
        certificateMs: 86_400_000,
        packages: new AgentPackages(join(folder, 'packages'), undefined, silentLog),
        outboundAllowed: parseAllowList(''),
      }),
    );
  for (const server of servers) believe(server.url, server.ca, join(folder, 'ca.pem'));
  await servers[0]!.store.apiTokenCreate(
    { id: newId<'token'>() as TokenId, hash: hashSecret(token), name: 't', role: 'admin', lifetimeMs: 600_000 },
    audit,
  );
  await begin('worker', 'drover-worker', ['--listen', '127.0.0.1:0', '--name', 'w']);
  await until('the worker is linked', async () => (await store().workerList(EVERYTHING))[0]?.linked, 60_000);
  await begin('agent', 'drover-agent', ['--name', 'h1', '--machine-id', 'm1']);
  await until('the host is linked', async () => (await store().hostFetch('h1'))?.linked, 60_000);
}, 180_000);
afterAll(async () => {
  for (const process of processes.reverse()) await process.terminate();
  for (const server of servers) await server.stop();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const store = (): Server['store'] => servers[0]!.store;

async function begin(role: 'worker' | 'agent', program: string, args: readonly string[]): Promise<void> {
  const secret = newSecret();
  await store().joinTokenCreate(
    {
      id: newId<'token'>() as TokenId,
      hash: hashSecret(secret),
      role,
      labels: {},
      zone: 'default',
      uses: 1,
      lifetimeMs: 600_000,
    },
    audit,
  );
  const started = new ManagedProcess({
    name: role,
    program,
    args: ['--data', join(folder, role), ...args],
    env: { DROVER_JOIN: formatJoinToken({ url: servers[0]!.url, fingerprint: fingerprint(servers[0]!.ca), secret }) },
    logFolder: folder,
  });
  processes.push(started);
  started.start();
}

async function ask<Answer>(server: Server, method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': newId() },
    ...given({ body: body ? JSON.stringify(body) : undefined }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  const isText = response.headers.get('content-type')?.startsWith('text/plain');
  return (isText ? await response.text() : await response.json()) as Answer;
}

/** The events of a run on each of several streams of one server, until its end. */
async function watched(server: Server, id: string): Promise<string> {
  const response = await fetch(`${server.url}/api/v1/runs/${id}/events?output=true`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return response.text();
}

async function counted(server: Server, series: string): Promise<number> {
  const text = await ask<string>(server, 'GET', '/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

it('carry out what each of them was asked, share the partitions, and count for themselves', async () => {
  const answers = await Promise.all(
    servers.map((server, i) =>
      ask<{ id: string }>(server, 'POST', '/api/v1/runs', {
        name: `run-${i}`,
        reason: 'a test',
        targets: 'h1',
        script: `echo from ${i}; exit ${i}`,
      }),
    ),
  );
  const told = await Promise.all(answers.map(({ id }, i) => watched(servers[(i + 1) % 3]!, id)));
  for (const [i, text] of told.entries()) {
    expect(text).toContain('event: end');
    expect(text).toContain(i === 0 ? '"state":"succeeded"' : '"state":"failed"');
  }
  const created = 'drover_http_requests_total{operation="createRun",status="201"}';
  expect(await Promise.all(servers.map((server) => counted(server, created)))).toEqual([1, 1, 1]);
  const ended = await Promise.all(
    servers.map(
      async (server) =>
        (await counted(server, 'drover_executions_total{state="succeeded"}')) +
        (await counted(server, 'drover_executions_total{state="failed"}')),
    ),
  );
  expect(ended.reduce((sum, each) => sum + each)).toBe(3);
  // Whoever was there first gives back what is over its share with its next look.
  await until('each has its share of the partitions', async () => {
    const owned = await Promise.all(servers.map((server) => counted(server, 'drover_partitions_owned')));
    const [most, sum] = [Math.max(...owned), owned.reduce((total, each) => total + each)];
    return sum === PARTITION_COUNT && most <= Math.ceil(PARTITION_COUNT / 3);
  });
});

it('go on without one of them', async () => {
  await servers.pop()!.stop();
  const { id } = await ask<{ id: string }>(servers[0]!, 'POST', '/api/v1/runs', {
    name: 'after',
    reason: 'a test',
    targets: 'h1',
    script: 'true',
  });
  expect(await watched(servers[1]!, id)).toContain('"state":"succeeded"');
});
