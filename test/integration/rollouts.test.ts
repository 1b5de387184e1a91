/** Runs that go out in batches: servers, worker and agents as real processes. What comes first is over, and answered, before the next begins, whoever dies. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import type { RunId } from '../../src/base/ids.ts';
import { ChaosApi, type ApiAnswer } from '../chaos/api.ts';
import { authorityOf } from '../support/authorities.ts';
import { Cluster } from '../support/cluster.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

type Detail = Schemas['RunDetail'];
let cluster: Cluster;
let api: ChaosApi;
let database: pg.Client;
beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, workers: 1, agents: 4 });
  api = new ChaosApi(cluster.urls, cluster.token);
  database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
}, 180_000);
afterAll(async () => {
  await database?.end();
  await cluster?.stop();
}, 60_000);

const trace = (name: string): string => join(cluster.folder, `trace-${name}`);
/** Hosts in the order in which they have begun. */
const traced = (name: string): string[] =>
  existsSync(trace(name)) ? readFileSync(trace(name), 'utf8').trimEnd().split('\n') : [];
const script = (name: string, more = ''): string => `echo $DROVER_HOST >> ${trace(name)}\n${more}\n`;
const asked = (name: string, more: object): Promise<ApiAnswer> =>
  api.post('/api/v1/runs', { targets: 'host-*', script: script(name), ...more });
async function begin(name: string, more: object): Promise<string> {
  const { status, body } = await asked(name, more);
  expect([status, body.detail]).toEqual([201, undefined]);
  return String(body.id);
}
async function fetched(id: string): Promise<Detail> {
  return (await api.get(`/api/v1/runs/${id}`)).body as unknown as Detail;
}
const stepOf = (run: Detail): Schemas['RunStep'] => run.stages![0]!.steps[0]!;
const when = <T>(what: string, id: string, look: (run: Detail) => T | undefined | false): Promise<T> =>
  until(what, async () => look(await fetched(id)));
const ended = (id: string): Promise<Detail> => when('it to end', id, (run) => isTerminalRun(run.state) && run);
const asks = (id: string): Promise<Detail> =>
  when('it to ask', id, (run) => run.state === 'paused' && stepOf(run).rollout?.phase === 'asking' && run);
const answer = (id: string, goesOn: boolean, more: object = {}): Promise<ApiAnswer> =>
  api.post(`/api/v1/runs/${id}/answer`, { goesOn, ...more });
async function timelineOf(id: string): Promise<string[]> {
  const { items } = (await api.get(`/api/v1/runs/${id}/timeline?limit=100`)).body;
  return (items as Schemas['TimelineEntry'][]).map(({ kind }) => kind);
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

it('goes out batch by batch, in the order of a label or of names', async () => {
  const id = await begin('order', { batches: '1 2 all', between: '200ms' });
  const run = await ended(id);
  expect([run.state, traced('order')[0], new Set(traced('order').slice(1, 3))]).toEqual([
    'succeeded',
    'host-1',
    new Set(['host-2', 'host-3']),
  ]);
  expect(stepOf(run)).toMatchObject({ batches: '1 2 all', between: '200ms', rollout: { batch: 3, batches: 3 } });
  expect((await timelineOf(id)).filter((kind) => kind.startsWith('batch'))).toEqual([
    'batch-began',
    'batch-waits',
    'batch-began',
    'batch-waits',
    'batch-began',
  ]);
});

it('asks between batches and goes on where it was under another owner; an answer is taken once', async () => {
  const id = await begin('asks', { batches: '1', between: 'ask' });
  for (const batch of [1, 2, 3]) {
    const run = await asks(id);
    expect(stepOf(run).rollout).toMatchObject({ batch, batches: 4, asks: 'between' });
    expect(traced('asks')).toHaveLength(batch);
    if (batch === 2) await killOwner(id);
    expect((await api.post(`/api/v1/runs/${id}/resume`, {})).body.code).toBe('run-asks');
    // Who has seen the question before, or one that never was, answers neither.
    for (const other of [batch - 1, batch + 1].filter((one) => one > 0))
      expect((await answer(id, true, { batch: other })).body.code).toBe('nothing-asked');
    const answers = await Promise.all([answer(id, true, { batch }), answer(id, true, { batch })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    await when('it to go on', id, (one) => isTerminalRun(one.state) || stepOf(one).rollout!.batch > batch);
  }
  expect((await ended(id)).state).toBe('succeeded');
  expect(traced('asks')).toEqual(['host-1', 'host-2', 'host-3', 'host-4']);
  expect((await answer(id, true)).body.code).toBe('nothing-asked');
}, 120_000);

it('skips the rest when the answer is no, and a retry goes on with what is left', async () => {
  const id = await begin('refused', { batches: '2', between: 'ask' });
  await asks(id);
  expect((await answer(id, false, { reason: 'looks bad' })).status).toBe(202);
  expect(await ended(id)).toMatchObject({ state: 'failed', counts: { succeeded: 2, skipped: 2 } });
  await api.post(`/api/v1/runs/${id}/retry`, { states: ['skipped'] });
  expect(await ended(id)).toMatchObject({ state: 'succeeded', round: 2, counts: { succeeded: 4 } });
  expect(traced('refused')).toHaveLength(4);
});

it('asks when more have failed than may, and stops or ends what runs where that was asked for', async () => {
  const fails = { script: script('fails', '[ $DROVER_HOST != host-2 ]'), maxFailed: '0' };
  const paused = await begin('fails', { ...fails, batches: '1', onMaxFailed: 'pause' });
  expect(stepOf(await asks(paused)).rollout).toMatchObject({ batch: 2, asks: 'max-failed' });
  await answer(paused, true);
  expect(await ended(paused)).toMatchObject({ state: 'failed', counts: { succeeded: 3, failed: 1 } });

  const stopped = await begin('fails', { ...fails, batches: '2' });
  expect(await ended(stopped)).toMatchObject({ state: 'failed', counts: { succeeded: 1, failed: 1, skipped: 2 } });
  const hangs = script('hangs', '[ $DROVER_HOST = host-2 ] && exit 3; sleep 600');
  const aborted = await begin('hangs', { script: hangs, batches: '3', maxFailed: '0', onMaxFailed: 'abort' });
  expect(await ended(aborted)).toMatchObject({ state: 'failed', counts: { failed: 1, cancelled: 2, skipped: 1 } });
  const { items } = (await api.get(`/api/v1/runs/${aborted}/executions`)).body as { items: { reason?: string }[] };
  expect(items.map(({ reason }) => reason)).toEqual(
    [...Array<string>(4)].map((_, at) => (at === 1 ? undefined : 'failure-limit')),
  );
});

it('is a step of a job as well, and two steps that ask are answered by their names', async () => {
  const step = (name: string): string =>
    `      - { step: ${name}, needs: [], script: "echo ${name} >> ${trace('job')}", batches: 2, between: ask }\n`;
  const definition = `job: staged\ntargets: 'host-*'\nstages:\n  - stage: s\n    steps:\n${step('one')}${step('two')}`;
  const { version } = (await api.post('/api/v1/jobs', { definition })).body.version as Schemas['JobVersion'];
  await api.post(`/api/v1/jobs/staged/versions/${version}/publish`, {});
  const id = String((await api.post('/api/v1/jobs/staged/runs', {})).body.id);
  await when('both to ask', id, (run) => run.stages![0]!.steps.every(({ rollout }) => rollout?.phase === 'asking'));
  expect(await answer(id, true)).toMatchObject({ status: 400, body: { code: 'bad-input' } });
  expect(await answer(id, true, { step: 'three' })).toMatchObject({ body: { code: 'nothing-asked' } });
  await answer(id, true, { step: 'two' });
  await when('the second to be done', id, (run) => run.stages![0]!.steps[1]!.state === 'succeeded');
  expect((await fetched(id)).state).toBe('paused');
  await answer(id, true, { step: 'one' });
  expect((await ended(id)).state).toBe('succeeded');
});

it('is answered by its stage too, where two stages have a step of the same name', async () => {
  const stage = (name: string): string =>
    `  - stage: ${name}\n    needs: []\n    steps:\n      - { step: go, command: ['true'], batches: 2, between: ask }\n`;
  const definition = `job: twice\ntargets: 'host-*'\nstages:\n${stage('a')}${stage('b')}`;
  const { version } = (await api.post('/api/v1/jobs', { definition })).body.version as Schemas['JobVersion'];
  await api.post(`/api/v1/jobs/twice/versions/${version}/publish`, {});
  const id = String((await api.post('/api/v1/jobs/twice/runs', {})).body.id);
  await when('both to ask', id, (run) => run.stages!.every(({ steps }) => steps[0]!.rollout?.phase === 'asking'));
  expect((await answer(id, true, { step: 'go' })).body.detail).toContain('a/go, b/go');
  expect((await answer(id, true, { step: 'b/go' })).status).toBe(202);
  await when('the second to be done', id, (run) => run.stages![1]!.steps[0]!.state === 'succeeded');
  expect((await answer(id, true, { step: 'go' })).status).toBe(202);
  expect((await ended(id)).state).toBe('succeeded');
});

it('refuses what does not go together, and more batches than may be', async () => {
  const faults: readonly [object, string][] = [
    [{ batches: '0' }, 'bad-input'],
    [{ between: 'ask' }, 'bad-input'],
    [{ batchMaxFailed: '1' }, 'bad-input'],
    [{ onMaxFailed: 'pause' }, 'bad-input'],
    [{ batches: '1', between: 'soon' }, 'bad-input'],
    [{ order: 'tree' }, 'bad-input'],
  ];
  for (const [more, code] of faults) expect([more, (await asked('none', more)).body.code]).toEqual([more, code]);
});

it('is shown before and after by the command, and answered there', async () => {
  const env = (): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    HOME: cluster.folder,
    DROVER_URL: cluster.urls[0],
    DROVER_TOKEN: cluster.token,
    ...authorityOf(cluster.urls[0]),
  });
  const cli = (...words: string[]): string => {
    const { stdout, stderr } = spawnSync(join(root, 'drover'), words, { encoding: 'utf8', env: env() });
    return `${stdout}${stderr}`;
  };
  const words = ['run', '-t', 'host-*', '--batches', '1 all', '--between', 'ask'];
  const plan = cli(...words, '--dry-run', '--', 'true');
  expect(plan).toContain('in 2 batches, one after the other:\n  1  1 host: host-1\n  2  3 hosts: host-[2-4]');
  const id = cli(...words, '--detach', '--', 'true').trim();
  await asks(id);
  const shown = cli('runs', 'show', id);
  expect(shown).toMatch(/rollout +batch 1 of 2, asks: go on\?/);
  expect(shown).toContain('batches 1 all, asks between batches');
  const watching = spawn(join(root, 'drover'), ['runs', 'watch', id], { env: env() });
  let said = '';
  watching.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await until('whoever follows it to be told', () => said.includes(`(drover runs answer ${id} yes --batch 1)`));
  expect(cli('runs', 'answer', id, 'maybe')).toContain('Answer yes or no');
  expect(cli('runs', 'answer', id, 'yes', '--reason', 'a test')).toContain(`${id} goes on`);
  expect((await ended(id)).state).toBe('succeeded');
  expect(cli('runs', 'show', id)).toContain('yes, by ');
  await until('whoever follows it to be done', () => watching.exitCode === 0);
  expect(said).toContain('answered: yes, by ');
});
