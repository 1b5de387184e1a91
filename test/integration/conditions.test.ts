/** Conditions of jobs that run: servers, worker and agents as real processes. What they come to is told, and is the same whoever dies. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import type { RunId } from '../../src/base/ids.ts';
import { ChaosApi } from '../chaos/api.ts';
import { authorityOf } from '../support/authorities.ts';
import { Cluster } from '../support/cluster.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

let cluster: Cluster;
let api: ChaosApi;
let database: pg.Client;
let traces: string;
beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, workers: 1, agents: 3 });
  api = new ChaosApi(cluster.urls, cluster.token);
  database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  traces = join(cluster.folder, 'traces');
  mkdirSync(traces);
}, 180_000);
afterAll(async () => {
  await database?.end();
  await cluster?.stop();
}, 60_000);

async function published(definition: string): Promise<void> {
  const applied = await api.post('/api/v1/jobs', { definition });
  expect(applied).toMatchObject({ status: 200 });
  const { job, version } = applied.body.version as Schemas['JobVersion'];
  expect(await api.post(`/api/v1/jobs/${job}/versions/${version}/publish`, {})).toMatchObject({ status: 200 });
}
async function begin(job: string, params: object = {}): Promise<string> {
  const { status, body } = await api.post(`/api/v1/jobs/${job}/runs`, { params });
  expect([status, body.detail]).toEqual([201, undefined]);
  return String(body.id);
}
const ended = (id: string): Promise<Schemas['RunDetail']> =>
  until(
    `run ${id} to end`,
    async () => {
      const run = (await api.get(`/api/v1/runs/${id}`)).body as unknown as Schemas['RunDetail'];
      return isTerminalRun(run.state) ? run : undefined;
    },
    120_000,
  );
const stepsOf = (run: Schemas['RunDetail']): Schemas['RunStep'][] => run.stages!.flatMap(({ steps }) => steps);
const statesOf = (run: Schemas['RunDetail']): string =>
  stepsOf(run)
    .map(({ step, state, counts }) => `${step} ${state} ${counts.succeeded}`)
    .join(', ');
const cli = (...words: string[]): SpawnSyncReturns<string> =>
  spawnSync(join(root, 'drover'), words, {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      HOME: cluster.folder,
      DROVER_URL: cluster.urls[0],
      DROVER_TOKEN: cluster.token,
      ...authorityOf(cluster.urls[0]),
    },
  });

it('does what its conditions say, passes over the rest, and tells what each came to and by which values', async () => {
  await published(`job: choosy
targets: 'host-*'
parameters: [{ name: least, type: number, default: 3 }, { name: dry, type: bool, default: false }]
stages:
  - stage: look
    steps:
      - step: count
        script: echo "n=1" >>"$DROVER_OUTPUT"
        outputs: [{ name: n, type: number, from: sum }]
  - stage: go
    when: steps.count.outputs.n >= params.least
    steps:
      - { step: real, when: not params.dry, script: 'true' }
      - { step: after, script: 'true' }
  - stage: more
    steps: [{ step: last, script: 'true' }]
  - stage: end
    finally: true
    steps: [{ step: alarm, when: run.state == "failed", script: 'true' }]
`);
  const all = await ended(await begin('choosy'));
  expect([all.state, statesOf(all)]).toEqual([
    'succeeded',
    'count succeeded 3, real succeeded 3, after succeeded 3, last succeeded 3, alarm skipped 0',
  ]);
  const some = await ended(await begin('choosy', { dry: true }));
  expect(statesOf(some)).toContain('real skipped 0, after succeeded 3');
  expect(stepsOf(some)[1]).toMatchObject({
    condition: 'not params.dry',
    decision: {
      stage: { met: true, values: { 'steps.count.outputs.n': '3', 'params.least': '3' } },
      step: { met: false, values: { 'params.dry': 'true' } },
    },
    skippedBecause: 'Its condition is not met: params.dry is true.',
  });
  const none = await ended(await begin('choosy', { least: 4 }));
  expect([none.state, statesOf(none)]).toEqual([
    'succeeded',
    'count succeeded 3, real skipped 0, after skipped 0, last succeeded 3, alarm skipped 0',
  ]);
  expect(none.stages![1]).toMatchObject({ condition: 'steps.count.outputs.n >= params.least', when: 'all-succeeded' });
  const { items } = (await api.get(`/api/v1/runs/${none.id}/timeline`)).body as { items: Schemas['TimelineEntry'][] };
  expect(items.filter(({ kind }) => kind === 'steps-passed-over').map(({ detail }) => detail)).toEqual([
    {
      count: 2,
      steps: {
        real: 'The condition of its stage is not met: steps.count.outputs.n is 3, params.least is 4.',
        after: 'The condition of its stage is not met: steps.count.outputs.n is 3, params.least is 4.',
      },
    },
    { count: 1, steps: { alarm: 'Its condition is not met: run.state is succeeded.' } },
  ]);
  const shown = cli('runs', 'show', none.id).stdout;
  expect(shown).toContain(
    '  when steps.count.outputs.n >= params.least: not met (steps.count.outputs.n is 3, params.least is 4)\n',
  );
  expect(shown).toContain('    when run.state == "failed": not met (run.state is succeeded)\n');
});

it('goes on with the hosts on which a step before has failed, or has told something', async () => {
  await published(`job: chosen
targets: 'host-*'
stages:
  - stage: look
    steps:
      - step: look
        on_failure: continue
        script: |
          echo "version=1.\${#DROVER_HOST}" >>"$DROVER_OUTPUT"
          [ "$DROVER_HOST" != host-2 ]
        outputs: [{ name: version, from: list }]
  - stage: go
    steps:
      - { step: mend, targets: hosts(look.failed), script: 'true' }
      - { step: praise, targets: 'hosts(look.outputs.version == "1.6") and not host-3', script: 'true' }
      - { step: nobody, targets: hosts(mend.failed), script: 'true' }
      - { step: all, script: 'true' }
`);
  const id = await begin('chosen');
  const run = await ended(id);
  expect([run.state, statesOf(run)]).toEqual([
    'succeeded',
    'look failed 2, mend succeeded 1, praise succeeded 1, nobody skipped 0, all succeeded 3',
  ]);
  expect(stepsOf(run).map(({ hostCount, chooses, decision }) => [hostCount, chooses, decision?.hosts])).toEqual([
    [3, undefined, undefined],
    [1, 'hosts(look.failed)', { of: 3, chosen: 1 }],
    [1, 'hosts(look.outputs.version == "1.6") and not host-3', { of: 2, chosen: 1 }],
    [3, 'hosts(mend.failed)', { of: 3, chosen: 0 }],
    [3, undefined, undefined],
  ]);
  const { items } = (await api.get(`/api/v1/runs/${id}/executions?limit=100`)).body as {
    items: Schemas['Execution'][];
  };
  expect(items.flatMap(({ task, host, ordinal }) => (task === 1 || task === 2 ? [[task, host, ordinal]] : []))).toEqual(
    [
      [1, 'host-2', 0],
      [2, 'host-1', 0],
    ],
  );
  expect(stepsOf(run)[3]!.skippedBecause).toBe('None of the 3 hosts that it may go to is chosen.');
  expect(cli('runs', 'show', id).stdout).toContain('    on hosts(look.failed): 1 of 3\n');
});

it('is over at once, and skipped, where nothing has its turn, and says so to who waits for it', async () => {
  await published(`job: nothing
targets: 'host-*'
parameters: [{ name: now, type: bool, default: false }]
stages: [{ stage: s, when: params.now, steps: [{ step: one, command: [hostname] }] }]
`);
  const { status, stderr } = cli('job', 'run', 'nothing', '--reason', 'to see');
  expect([status, stderr]).toEqual([0, expect.stringMatching(/one +skipped/)]);
  expect((await ended(await begin('nothing', { now: true }))).state).toBe('succeeded');
});

it('asks again in a new round what was passed over, and goes on as it is then', async () => {
  await published(`job: again
targets: host-1
stages:
  - stage: a
    steps: [{ step: try, on_failure: continue, script: '[ -e ${traces}/mended ]' }]
  - stage: b
    steps:
      - { step: praise, when: steps.try.succeeded == 1, script: 'true' }
      - { step: fail, when: steps.try.failed > 0, script: 'false' }
`);
  const id = await begin('again');
  expect(statesOf(await ended(id))).toBe('try failed 0, praise skipped 0, fail failed 0');
  writeFileSync(join(traces, 'mended'), '');
  expect(await api.post(`/api/v1/runs/${id}/retry`, { states: ['failed'] })).toMatchObject({ status: 201 });
  const run = await ended(id);
  // The step that has begun is done again: its condition was met.
  expect([run.round, statesOf(run)]).toEqual([2, 'try succeeded 1, praise succeeded 1, fail failed 0']);
  expect(stepsOf(run)[1]!.decision).toEqual({ step: { met: true, values: { 'steps.try.succeeded': '1' } } });
});

it('comes to the same when its owner dies right before it is decided', async () => {
  await published(`job: survives
targets: 'host-*'
parameters: [{ name: gate, required: true }]
stages:
  - stage: a
    steps:
      - step: wait
        script: 'while [ ! -e "$DROVER_PARAM_gate" ]; do sleep 0.05; done; echo n=1 >>"$DROVER_OUTPUT"'
        outputs: [{ name: n, from: sum }]
  - stage: b
    steps:
      - { step: never, when: steps.wait.outputs.n > 3, script: 'true' }
      - { step: ever, when: steps.wait.outputs.n == 3, script: 'true' }
`);
  const gate = join(traces, 'gate');
  const id = await begin('survives', { gate });
  await until('the step to run everywhere', async () => {
    const run = (await api.get(`/api/v1/runs/${id}`)).body as unknown as Schemas['RunDetail'];
    return run.counts.running === 3;
  });
  expect(existsSync(gate)).toBe(false);
  const { rows } = await database.query<{ url: string }>(
    'SELECT s.url FROM partition p JOIN server s ON s.id = p.owner WHERE p.id = $1',
    [partitionOf(id as RunId)],
  );
  await cluster.servers[cluster.urls.indexOf(rows[0]!.url)]!.kill();
  writeFileSync(gate, '');
  const run = await ended(id);
  expect([run.state, statesOf(run)]).toEqual(['succeeded', 'wait succeeded 3, never skipped 0, ever succeeded 3']);
}, 120_000);
