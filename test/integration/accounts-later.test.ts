/**
 * Accounts that are narrowed, removed or changed while a run that works with them is under way: real servers, a worker and agents. What has
 * not begun by then never works as what was taken away, whoever owns the run and wherever its orders wait.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import type { RunId } from '../../src/base/ids.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { ChaosApi } from '../chaos/api.ts';
import type { Cluster } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';

let cluster: Cluster;
let api: ChaosApi;
let database: pg.Client;
beforeAll(async () => {
  // Of three hosts two have their order in the hand of an agent, and one has it in the queue of the worker.
  cluster = await testCluster({ servers: 2, workers: 1, agents: 3, workerArgs: ['--capacity', '2'] });
  api = new ChaosApi(cluster.urls, cluster.token);
  database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
}, 180_000);
afterAll(async () => {
  await database?.end();
  await cluster?.stop();
}, 60_000);

async function account(name: string): Promise<void> {
  const { status } = await api.post('/api/v1/accounts', { name, scope: 'host-*', loginUser: 'root' });
  expect(status).toBe(201);
}
async function deed(method: 'PATCH' | 'DELETE', path: string, body?: object): Promise<void> {
  const response = await fetch(`${cluster.urls[0]}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${cluster.token}`,
      ...given({ 'content-type': body ? 'application/json' : undefined }),
    },
    ...given({ body: body && JSON.stringify(body) }),
  });
  expect([response.status, response.ok]).toEqual([method === 'DELETE' ? 204 : 200, true]);
}
const narrow = (name: string, scope: string): Promise<void> => deed('PATCH', `/accounts/${name}`, { scope });
const remove = (name: string): Promise<void> => deed('DELETE', `/accounts/${name}`);

const fetched = async (id: string): Promise<Schemas['RunDetail']> =>
  (await api.get(`/api/v1/runs/${id}`)).body as unknown as Schemas['RunDetail'];
const ended = (id: string): Promise<Schemas['RunDetail']> =>
  until(`run ${id} to end`, async () => {
    const run = await fetched(id);
    return isTerminalRun(run.state) ? run : undefined;
  });
async function executionsOf(id: string): Promise<Schemas['Execution'][]> {
  return (await api.get(`/api/v1/runs/${id}/executions?limit=1000`)).body.items as Schemas['Execution'][];
}
/** `TASK HOST STATE REASON` of each. */
async function standing(id: string): Promise<string[]> {
  const all = await executionsOf(id);
  return all.map(({ task, host, state, reason }) => `${task} ${host} ${state}${reason ? ` ${reason}` : ''}`).sort();
}
const gateOf = (name: string): string => join(cluster.folder, `gate-${name}`);
const open = (name: string): void => writeFileSync(gateOf(name), '');
/** Leaves a trace that it has begun, and waits for its gate. */
const waits = (name: string): string =>
  `touch ${cluster.folder}/began-${name}-$DROVER_HOST; until [ -e ${gateOf(name)} ]; do sleep 0.05; done`;
const begun = (name: string): string[] =>
  readdirSync(cluster.folder).flatMap((file) => (file.startsWith(`began-${name}-`) ? [file.slice(-6)] : []));

async function job(name: string, steps: string): Promise<string> {
  const definition = `job: ${name}\ntargets: 'host-*'\nstages:\n  - stage: s\n    steps:\n${steps}`;
  expect(await api.post('/api/v1/jobs', { definition })).toMatchObject({ status: 200 });
  expect(await api.post(`/api/v1/jobs/${name}/versions/1/publish`, {})).toMatchObject({ status: 200 });
  const { status, body } = await api.post(`/api/v1/jobs/${name}/runs`, {});
  expect(status).toBe(201);
  return String(body.id);
}
async function killOwner(id: string): Promise<void> {
  const { rows } = await database.query<{ url: string }>(
    'SELECT s.url FROM partition p JOIN server s ON s.id = p.owner WHERE p.id = $1',
    [partitionOf(id as RunId)],
  );
  const owner = cluster.servers[cluster.urls.indexOf(rows[0]!.url)]!;
  await owner.kill();
  owner.start();
}
const detailOn = async (id: string, host: string): Promise<string> =>
  String((await executionsOf(id)).find((one) => one.host === host && one.state === 'not_started')?.detail);

it('looks at the account again when the turn of a step has come, also under another owner', async () => {
  await account('steps');
  const id = await job(
    'steps',
    `      - { step: first, account: steps, targets: host-1, script: '${waits('steps')}' }\n` +
      `      - { step: second, account: steps, script: 'true' }\n`,
  );
  await until('the first step to run', () => begun('steps').length === 1);
  await killOwner(id);
  await narrow('steps', 'host-[1-2]');
  open('steps');
  expect((await ended(id)).state).toBe('failed');
  expect(await standing(id)).toEqual([
    '0 host-1 succeeded',
    '1 host-1 succeeded',
    '1 host-2 succeeded',
    '1 host-3 not_started account-out-of-scope',
  ]);
  expect(await detailOn(id, 'host-3')).toBe(
    'The account steps may not be used on host-3 any more: its scope is host-[1-2]. The scope, or the labels of the host, were changed ' +
      'after the run was begun.',
  );
}, 120_000);

it('uses no account that was removed: hosts of later batches, and those whose orders wait in the queue of a worker', async () => {
  await account('batches');
  const { body } = await api.post('/api/v1/runs', {
    targets: 'host-*',
    account: 'batches',
    batches: '1,all',
    script: waits('batches'),
  });
  const id = String(body.id);
  await until('the first batch to run', () => begun('batches').length === 1);
  await remove('batches');
  open('batches');
  await ended(id);
  expect(await standing(id)).toEqual([
    '0 host-1 succeeded',
    '0 host-2 not_started account-not-found',
    '0 host-3 not_started account-not-found',
  ]);
  await account('queue');
  const queued = await api.post('/api/v1/runs', { targets: 'host-*', account: 'queue', script: waits('queue') });
  const inQueue = String(queued.body.id);
  await until('two to run and one to wait', async () => (await fetched(inQueue)).counts.running === 2);
  await remove('queue');
  // Refused where it waits, and not only when there is room for it.
  await until('the third to be refused', async () => (await fetched(inQueue)).counts.not_started === 1);
  open('queue');
  await ended(inQueue);
  const ran = begun('queue').sort();
  expect(ran).toHaveLength(2);
  expect((await standing(inQueue)).map((line) => line.split(' ')[2]).sort()).toEqual([
    'not_started',
    'succeeded',
    'succeeded',
  ]);
}, 120_000);

it('works as the account says by then, in another attempt of the round too', async () => {
  await account('user');
  const id = await job(
    'user',
    `      - { step: first, account: user, targets: host-1, script: '${waits('user')}' }\n` +
      `      - { step: second, account: user, targets: host-1, script: 'id -un' }\n`,
  );
  await until('the first step to run', () => begun('user').length === 1);
  await deed('PATCH', '/accounts/user', { loginUser: 'nobody' });
  open('user');
  expect((await ended(id)).state).toBe('succeeded');
  const output = await cluster.store.outputRead({ runId: id as RunId, task: 1, ordinal: 0, attempt: 1 }, 1, 0, 100);
  expect(Buffer.from(output ?? []).toString()).toBe('nobody\n');

  await account('again');
  const { body } = await api.post('/api/v1/runs', {
    targets: 'host-1',
    account: 'again',
    retries: 3,
    script: `${waits('again')}; exit 1`,
  });
  const again = String(body.id);
  await until('the first attempt to run', () => begun('again').length === 1);
  await narrow('again', 'host-2');
  open('again');
  await ended(again);
  expect((await executionsOf(again)).map(({ attempt, state }) => [attempt, state])).toEqual([[2, 'not_started']]);
}, 120_000);
