/** Runs that somebody pauses: servers, worker and agents as real processes. Nothing of them begins before they are let go on, whoever dies. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { partitionOf } from '../../src/domain/run/partition.ts';
import type { RunId } from '../../src/base/ids.ts';
import { ChaosApi } from '../chaos/api.ts';
import { Cluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

let cluster: Cluster;
let api: ChaosApi;
beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, workers: 1, agents: 3 });
  api = new ChaosApi(cluster.urls, cluster.token);
}, 180_000);
afterAll(() => cluster?.stop(), 60_000);

const gate = (name: string): string => join(cluster.folder, `gate-${name}`);
/** Lets the scripts of a run end. */
const open = (name: string): void => writeFileSync(gate(name), '');
/** One host after the other; scripts wait for their gate. */
async function begin(name: string): Promise<string> {
  const script = `until [ -e ${gate(name)} ]; do sleep 0.05; done`;
  const { body, status } = await api.post('/api/v1/runs', { targets: 'host-*', concurrency: 1, script });
  expect(status).toBe(201);
  return String(body.id);
}
async function fetched(id: string): Promise<Schemas['Run']> {
  return (await api.get(`/api/v1/runs/${id}`)).body as unknown as Schemas['Run'];
}
const is = (id: string, state: string): Promise<Schemas['Run'] | undefined> =>
  until(`${id} to be ${state}`, async () => {
    const run = await fetched(id);
    return run.state === state ? run : undefined;
  });
async function wish(id: string, verb: 'pause' | 'resume' | 'cancel'): Promise<unknown> {
  const body = verb === 'cancel' ? {} : { reason: 'a test' };
  const answer = await api.post(`/api/v1/runs/${id}/${verb}`, body);
  return answer.status === 202 ? 202 : answer.body.code;
}
async function timelineOf(id: string): Promise<string[]> {
  const { items } = (await api.get(`/api/v1/runs/${id}/timeline?limit=100`)).body;
  return (items as Schemas['TimelineEntry'][]).map(({ kind }) => kind);
}
async function killOwner(id: string): Promise<void> {
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  const { rows } = await database.query<{ url: string }>(
    'SELECT s.url FROM partition p JOIN server s ON s.id = p.owner WHERE p.id = $1',
    [partitionOf(id as RunId)],
  );
  await database.end();
  const owner = cluster.servers[cluster.urls.indexOf(rows[0]!.url)]!;
  await owner.kill();
  owner.start();
}

it('lets what runs end, starts nothing more under another owner either, and goes on when it may', async () => {
  const id = await begin('owner');
  await until('the first host to run', async () => (await fetched(id)).counts.running === 1);
  expect([await wish(id, 'pause'), await wish(id, 'pause')]).toEqual([202, 202]);
  expect(await is(id, 'paused')).toMatchObject({ pausedBy: expect.any(String), counts: { running: 1, waiting: 2 } });
  await killOwner(id);
  open('owner');
  const drained = await until('the first host to be done', async () => {
    const run = await fetched(id);
    return (run.counts.succeeded ?? 0) > 0 ? run : undefined;
  });
  expect(drained).toMatchObject({ state: 'paused', counts: { succeeded: 1, waiting: 2 } });
  expect([await wish(id, 'resume'), await wish(id, 'resume')]).toEqual([202, 202]);
  expect(await is(id, 'succeeded')).toMatchObject({ counts: { succeeded: 3 } });
  expect((await timelineOf(id)).filter((kind) => ['paused', 'resumed'].includes(kind))).toEqual(['paused', 'resumed']);
  expect([await wish(id, 'pause'), await wish(id, 'resume')]).toEqual(Array(2).fill('run-already-finished'));
}, 120_000);

it('is cancelled as it stands, and then nothing of it is paused', async () => {
  const id = await begin('cancelled');
  await until('the first host to run', async () => (await fetched(id)).counts.running === 1);
  await wish(id, 'pause');
  await is(id, 'paused');
  await wish(id, 'cancel');
  expect(['run-stopping', 'run-already-finished']).toContain(await wish(id, 'pause'));
  expect(await is(id, 'cancelled')).toMatchObject({ counts: { cancelled: 3 } });
});

it('is refused to nobody who may run, and to whoever only looks', async () => {
  const { body } = await api.post('/api/v1/tokens', { name: 'looks', role: 'viewer' });
  const viewer = new ChaosApi(cluster.urls, String(body.token));
  const id = await begin('viewer');
  expect((await viewer.post(`/api/v1/runs/${id}/pause`, { reason: '' })).body.code).toBe('permission-denied');
  expect((await viewer.post(`/api/v1/runs/${id}/resume`, { reason: '' })).body.code).toBe('permission-denied');
  open('viewer');
  await is(id, 'succeeded');
});
