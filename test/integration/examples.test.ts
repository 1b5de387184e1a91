/** The jobs of `examples/`, as they stand: on real agents, with what each is there to show. */
import { globSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
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
  cluster = await Cluster.start({ servers: 1, workers: 1, agents: 4, workerArgs: asRoot });
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

it('are all tried here, and named by the demo', () => {
  const names = globSync('*.yaml', { cwd: join(root, 'examples') }).map((file) => file.replace('.yaml', ''));
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  const demo = readFileSync(join(root, 'tools/demo.ts'), 'utf8');
  for (const name of names) {
    expect(here).toContain(`published('${name}')`);
    expect(demo).toContain(`'${name}': [`);
  }
});
