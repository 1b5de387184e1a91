/** The jobs of `examples/`, as they stand: on real agents, with what each is there to show. */
import { execFileSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { binForBackups, exampleDatabases, type ExampleDatabases } from '../../tools/example-databases.ts';
import { ChaosApi } from '../chaos/api.ts';
import { Cluster } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

let cluster: Cluster;
let api: ChaosApi;
let folder: string;
beforeAll(async () => {
  const asRoot = process.getuid?.() === 0 ? ['--process-user', 'nobody'] : [];
  const workerArgs = [...asRoot, '--call-allow', '127.0.0.1'];
  cluster = await Cluster.start({ servers: 1, workers: 1, agents: 4, workerArgs });
  api = new ChaosApi(cluster.urls, cluster.token);
  folder = join(cluster.folder, 'hosts');
  mkdirSync(folder);
}, 180_000);
afterAll(() => cluster?.stop(), 60_000);

async function published(name: string): Promise<void> {
  const definition = readFileSync(join(root, 'examples', `${name}.yaml`), 'utf8');
  const { body } = await api.post('/api/v1/jobs', { definition });
  const { version } = body.version as Schemas['JobVersion'];
  expect(await api.post(`/api/v1/jobs/${name}/versions/${version}/publish`, {})).toMatchObject({ status: 200 });
}

/** @returns its steps and how they have ended, when all is over. */
async function run(name: string, params: Record<string, string>): Promise<string[]> {
  const body = { params: { where: 'host-*', folder, ...params } };
  const { body: begun } = await api.post(`/api/v1/jobs/${name}/runs`, body);
  const ended = await until('the run to end', async () => {
    const one = (await api.get(`/api/v1/runs/${String(begun.id)}`)).body as unknown as Schemas['RunDetail'];
    return isTerminalRun(one.state) ? one : undefined;
  });
  return [ended.state, ...ended.stages!.flatMap(({ steps }) => steps.map(({ step, state }) => `${step} ${state}`))];
}
const served = (): string[] => [1, 2, 3, 4].map((n) => basename(readlinkSync(join(folder, `host-${n}`, 'current'))));

it('bring a version to all hosts, and look', async () => {
  await published('push-restart-verify');
  const over = ['succeeded', 'push succeeded', 'restart succeeded', 'look succeeded', 'tell succeeded'];
  expect(await run('push-restart-verify', { version: 'v1.4' })).toEqual(over);
  expect(served()).toEqual(['v1.4', 'v1.4', 'v1.4', 'v1.4']);
});

it('roll a version out as far as hosts are healthy, and take it back where one is not', async () => {
  await published('rolling-restart');
  const over = ['succeeded', 'restart succeeded', 'roll-back skipped', 'tidy succeeded'];
  expect(await run('rolling-restart', { version: 'v2' })).toEqual(over);
  expect(served()).toEqual(['v2', 'v2', 'v2', 'v2']);
  const back = ['failed', 'restart failed', 'roll-back succeeded', 'tidy succeeded'];
  expect(await run('rolling-restart', { version: 'v3', break_on: 'host-2' })).toEqual(back);
  expect(served()).toEqual(['v2', 'v2', 'v2', 'v2']);
});

requiring('root').describe('of workers', () => {
  it('cut work into parts, and put together what was found', async () => {
    await published('fan-out-fan-in');
    const { body: begun } = await api.post('/api/v1/jobs/fan-out-fan-in/runs', { params: { below: 1_000, parts: 7 } });
    const ended = await until('the run to end', async () => {
      const one = (await api.get(`/api/v1/runs/${String(begun.id)}`)).body as unknown as Schemas['RunDetail'];
      return isTerminalRun(one.state) ? one : undefined;
    });
    const steps = ended.stages![0]!.steps.map(({ step, state, hostCount, outputs }) => [
      step,
      state,
      hostCount,
      outputs,
    ]);
    expect([ended.state, ...steps.slice(1)]).toEqual([
      'succeeded',
      ['search', 'succeeded', 7, { found: 168 }],
      ['tell', 'succeeded', 1, undefined],
    ]);
  });
});

/** @returns its steps and how they have ended, when all is over. */
async function runGiven(name: string, given: object): Promise<Schemas['RunDetail']> {
  const { body: begun } = await api.post(`/api/v1/jobs/${name}/runs`, given);
  return until('the run to end', async () => {
    const one = (await api.get(`/api/v1/runs/${String(begun.id)}`)).body as unknown as Schemas['RunDetail'];
    return isTerminalRun(one.state) ? one : undefined;
  });
}

describe('of databases', () => {
  let databases: ExampleDatabases;
  beforeAll(async () => {
    chmodSync(cluster.folder, 0o711);
    databases = await exampleDatabases(join(cluster.folder, 'databases'));
  }, 60_000);
  afterAll(() => databases?.stop());
  const given = (params: Record<string, string> = {}): object => ({
    params: { ...Object.fromEntries(databases.params.map((one) => one.split(/=(.*)/).slice(0, 2))), ...params },
    secrets: Object.fromEntries(
      databases.secrets.map((one) => [one.split('=')[0]!, databases.server.password] as const),
    ),
  });

  it('read what was sold in an hour, and write it summed up, as often as they are asked', async () => {
    await published('hourly-etl');
    for (const _time of ['once', 'again']) {
      const { state, stages } = await runGiven('hourly-etl', given());
      expect([state, stages![0]!.steps[1]!.outputs]).toEqual(['succeeded', expect.objectContaining({ sales: 60 })]);
      // 60 minutes, of which each third is of Oslo; the two others are one shop, written in two ways.
      expect(
        await databases.server.query('SELECT shop, sales, amount FROM sales_by_hour ORDER BY shop', [], 'stats'),
      ).toEqual([
        { shop: 'lisbon', sales: 40, amount: '85.40' },
        { shop: 'oslo', sales: 20, amount: '42.70' },
      ]);
    }
    const empty = await runGiven('hourly-etl', given({ hour: '2001-01-01 00:00Z' }));
    expect([empty.state, empty.stages![1]!.steps[0]!.state]).toEqual(['succeeded', 'skipped']);
  }, 60_000);
});

requiring('pg_dump', 'pg_restore').describe('of backups', () => {
  let databases: ExampleDatabases;
  beforeAll(async () => {
    chmodSync(cluster.folder, 0o711);
    const found = binForBackups();
    if (found === 'none')
      throw new Error('there is a pg_dump, and no PostgreSQL that is not newer: apt-get install postgresql');
    databases = await exampleDatabases(join(cluster.folder, 'backed-up'), found.bin);
  }, 60_000);
  afterAll(() => databases?.stop());

  it('are proved by reading them, and the newest are kept', async () => {
    await published('database-backup');
    const backups = join(folder, 'backups');
    const back = async (password = databases.server.password): Promise<Schemas['RunDetail']> =>
      runGiven('database-backup', {
        params: { where: 'host-1', database: databases.shop, folder: backups, keep: 2 },
        secrets: { db_password: password },
      });
    const outputsOf = ({ stages }: Schemas['RunDetail']): unknown => stages![0]!.steps.map(({ outputs }) => outputs);
    const files: string[] = [];
    for (const kept of [1, 2, 2]) {
      const one = await back();
      const outputs = outputsOf(one);
      expect([one.state, outputs]).toEqual([
        'succeeded',
        [{ file: expect.stringMatching(/^shop-.*\.dump$/), bytes: expect.any(Number), tables: 1 }, { kept }],
      ]);
      files.push((outputs as { file: string }[])[0]!.file);
    }
    expect(readdirSync(backups).sort()).toEqual(files.slice(1).sort());
    const sql = execFileSync('pg_restore', ['--file=-', join(backups, files[2]!)], { encoding: 'utf8' });
    expect(sql.match(/^Oslo\t/gm)).toHaveLength(30);
    const refused = await back('another password');
    expect([refused.state, refused.stages![0]!.steps.map(({ state }) => state)]).toEqual([
      'failed',
      ['failed', 'skipped'],
    ]);
    expect(readdirSync(backups).sort()).toEqual(files.slice(1).sort());
  }, 120_000);
});

it('are all tried here, and named by the demo', () => {
  const names = globSync('*.yaml', { cwd: join(root, 'examples') }).map((file) => file.replace('.yaml', ''));
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  const demo = readFileSync(join(root, 'tools/demo.ts'), 'utf8');
  for (const name of names) {
    expect(here).toContain(`published('${name}')`);
    expect(demo).toContain(`'${name}': [`);
  }
});
