/** Steps of jobs that operators skip: servers, worker and an agent as real processes. What runs of them ends, and what needs them goes on, whoever dies. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunId } from '../../src/base/ids.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { ChaosApi, type ApiAnswer } from '../chaos/api.ts';
import { Cluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';
import { runCli } from '../support/up.ts';

type Detail = Schemas['RunDetail'];
let cluster: Cluster;
let api: ChaosApi;
let viewer: ChaosApi;
beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, workers: 1, agents: 1 });
  api = new ChaosApi(cluster.urls, cluster.token);
  const { body } = await api.post('/api/v1/tokens', { name: 'vera', role: 'viewer' });
  viewer = new ChaosApi(cluster.urls, String(body.token));
}, 180_000);
afterAll(() => cluster?.stop(), 60_000);

const trace = (name: string): string => join(cluster.folder, `trace-${name}`);
const traced = (name: string): string[] =>
  existsSync(trace(name)) ? readFileSync(trace(name), 'utf8').trimEnd().split('\n') : [];

/** Of build, which runs until it is ended, an approval, deploy, and clean, which comes finally. */
async function begin(name: string): Promise<string> {
  const script = (step: string, more = ''): string =>
    `      - { step: ${step}, script: "echo ${step} >> ${trace(name)}${more}" }\n`;
  const definition =
    `job: ${name}\ntargets: 'host-*'\nstages:\n  - stage: release\n    steps:\n${script('build', '; sleep 600')}` +
    `      - { step: agree, approval: { message: Go? } }\n${script('deploy')}` +
    `  - stage: clean\n    finally: true\n    steps:\n${script('clean')}`;
  const applied = await api.post('/api/v1/jobs', { definition });
  expect([applied.status, applied.body.errors]).toEqual([200, undefined]);
  const { version } = applied.body.version as Schemas['JobVersion'];
  await api.post(`/api/v1/jobs/${name}/versions/${version}/publish`, {});
  const { status, body } = await api.post(`/api/v1/jobs/${name}/runs`, {});
  expect([status, body.detail]).toEqual([201, undefined]);
  return String(body.id);
}
async function fetched(id: string): Promise<Detail> {
  return (await api.get(`/api/v1/runs/${id}`)).body as unknown as Detail;
}
const stepOf = (run: Detail, name: string): Schemas['RunStep'] =>
  run.stages!.flatMap(({ steps }) => steps).find(({ step }) => step === name)!;
const when = <T>(what: string, id: string, look: (run: Detail) => T | undefined | false): Promise<T> =>
  until(what, async () => look(await fetched(id)), 60_000);
const is = (id: string, step: string, state: string): Promise<Detail> =>
  when(`${step} to be ${state}`, id, (run) => stepOf(run, step).state === state && run);
const ended = (id: string): Promise<Detail> => when('it to end', id, (run) => isTerminalRun(run.state) && run);
const skip = (id: string, step: string, who = api): Promise<ApiAnswer> =>
  who.post(`/api/v1/runs/${id}/skip`, { step, reason: 'agreed by phone' });
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

it('ends what runs of it, though the owner dies with the wish, and all after it goes on; who and why is told', async () => {
  const id = await begin('skipped');
  await is(id, 'build', 'running');
  await until('its script to run', () => traced('skipped').length > 0);
  expect((await skip(id, 'deploy', viewer)).status).toBe(403);
  const answers = await Promise.all([skip(id, 'build'), skip(id, 'release/build')]);
  await killOwner(id);
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  const asked = await is(id, 'build', 'skipped');
  expect(stepOf(asked, 'build')).toMatchObject({
    counts: { cancelled: 1 },
    skip: { reason: 'agreed by phone' },
    skippedBecause: expect.stringContaining(': agreed by phone') as unknown,
  });
  await is(id, 'agree', 'paused');
  expect((await skip(id, 'agree')).status).toBe(202);
  const over = await ended(id);
  expect(over.state).toBe('succeeded');
  expect(['agree', 'deploy', 'clean'].map((step) => stepOf(over, step).state)).toEqual([
    'skipped',
    'succeeded',
    'succeeded',
  ]);
  expect(traced('skipped')).toEqual(['build', 'deploy', 'clean']);
  const { items } = (await api.get(`/api/v1/runs/${id}/timeline?limit=100`)).body;
  const told = (items as Schemas['TimelineEntry'][]).filter(({ kind }) => kind === 'steps-passed-over');
  expect(told.flatMap(({ detail }) => Object.keys(detail.steps as object))).toEqual(['build', 'agree']);
  const { items: audit } = (await api.get('/api/v1/audit?limit=50')).body;
  const own = (audit as Schemas['AuditEntry'][]).filter(
    ({ action, target }) => action === 'job.run.skip' && target === `run/${id}`,
  );
  expect(own.map(({ detail }) => (detail as { step: string }).step).sort()).toEqual(['release/agree', 'release/build']);
  expect((await skip(id, 'deploy')).body.code).toBe('run-already-finished');
}, 180_000);

it('is passed over when its turn comes, shown until then, and refused where there is nothing to skip', async () => {
  const id = await begin('ahead');
  await is(id, 'build', 'running');
  const env = { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token };
  const said = await runCli(['runs', 'skip', id, 'clean', '--reason', 'nothing to clean'], env);
  expect([said.code, said.stdout]).toEqual([0, expect.stringContaining('skipping clean')]);
  const shown = await runCli(['runs', 'show', id], env);
  expect(shown.stdout).toMatch(/to be skipped, by \S+: nothing to clean/);
  await skip(id, 'build');
  await is(id, 'build', 'skipped');
  const codes = async (...steps: string[]): Promise<unknown[]> => {
    const all: unknown[] = [];
    for (const step of steps) all.push((await skip(id, step)).body.code);
    return all;
  };
  expect(await codes('build', 'no-such', '')).toEqual(['step-over', 'step-not-found', 'bad-input']);
  await is(id, 'agree', 'paused');
  await api.post(`/api/v1/runs/${id}/cancel`, {});
  expect(['run-stopping', 'run-already-finished']).toContain((await skip(id, 'deploy')).body.code);
  const over = await ended(id);
  expect(stepOf(over, 'clean')).toMatchObject({ state: 'skipped', skip: { reason: 'nothing to clean' } });
  expect(traced('ahead')).toEqual(['build']);
  const command = (await api.post('/api/v1/runs', { targets: 'host-*', script: 'sleep 600' })).body;
  expect((await skip(String(command.id), 'command')).body.code).toBe('step-not-found');
  expect((await skip('01930000-0000-7000-8000-000000000000', 'x')).body.code).toBe('run-not-found');
}, 180_000);
