/** What the commands say of a run that asks, and of its parts that nobody carries out: never that it is done. Server, worker and agent as real processes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Schemas } from '@drover/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { ChaosApi } from '../chaos/api.ts';
import type { Cluster } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

type Detail = Schemas['RunDetail'];
const folder = mkdtempSync(join(tmpdir(), 'drover-asking-'));
let cluster: Cluster;
let api: ChaosApi;
const tokens = new Map<string, string>();

beforeAll(async () => {
  cluster = await testCluster({ servers: 1, workers: 1, agents: 2 });
  api = new ChaosApi(cluster.urls, cluster.token);
  for (const name of ['ann', 'ben', 'cid'])
    tokens.set(name, String((await api.post('/api/v1/tokens', { name, role: 'operator' })).body.token));
}, 180_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

const as = (who: string, ...words: string[]): Promise<CliResult> =>
  runCli(words, { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: tokens.get(who) ?? cluster.token });
const cli = (...words: string[]): Promise<CliResult> => as('', ...words);
async function published(name: string, stages: string): Promise<void> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `job: ${name}\nstages:\n${stages}`);
  expect(await cli('job', 'apply', file, '--publish')).toMatchObject({ code: 0, stderr: '' });
}
async function begun(name: string): Promise<string> {
  const { code, stdout, stderr } = await cli('job', 'run', name, '--detach');
  expect([code, stderr]).toEqual([0, '']);
  return stdout.trim();
}
const fetched = async (id: string): Promise<Detail> => (await api.get(`/api/v1/runs/${id}`)).body as unknown as Detail;
const when = (id: string, look: (run: Detail) => boolean): Promise<Detail> =>
  until('the run to come to it', async () => [await fetched(id)].find(look), 60_000);
const asks = (id: string): Promise<Detail> => when(id, (run) => run.state === 'paused' && run.asks === true);
const ended = (id: string): Promise<Detail> => when(id, ({ state }) => isTerminalRun(state));

const GATES =
  '  - stage: ask\n    steps:\n      - { step: approve, approval: { message: Go?, count: 2 } }\n      - { step: settle, wait: { for: 1ms } }\n';

it('is neither done nor without anything to do while it asks, and counts who has said yes', async () => {
  await published('gates', GATES);
  const id = await begun('gates');
  await asks(id);
  const shown = (await cli('runs', 'show', id)).stdout;
  expect(shown.split('\n')[0]).toBe(`paused, asks: nothing carried out yet  ${id}`);
  expect(shown).not.toMatch(/succeeded|nothing to do|--all/);
  expect((await cli('runs', 'list')).stdout).toMatch(new RegExp(`${id}.*nothing carried out yet`));
  const missing = 'ask/approve: 1 of 2 have said yes; 1 more has to\n';
  expect(await as('ann', 'runs', 'answer', id, 'yes')).toMatchObject({ code: 0, stdout: missing });
  expect((await as('ann', 'runs', 'answer', id, 'yes')).stdout).toBe(
    'ask/approve: you have said yes already, which counts once; 1 of 2 have said yes; 1 more has to\n',
  );
  expect((await as('ben', 'runs', 'answer', id, 'yes', '--step', 'ask/aprove')).stderr).toContain(
    `Run ${id} has no step ask/aprove. Did you mean ask/approve?`,
  );
  const last = await as('ben', 'runs', 'answer', id, 'yes', '--json');
  expect((JSON.parse(last.stdout) as { run: object }).run).toMatchObject({
    answered: { step: 'ask/approve', approvals: 2, count: 2 },
  });
  await ended(id);
  const over = (await cli('runs', 'show', id)).stdout;
  expect(over).toMatch(new RegExp(`^succeeded in \\S+  ${id}\n`));
  expect(over).toMatch(/ finished +succeeded$/m);
  expect((await as('cid', 'runs', 'answer', id, 'no')).stderr).toContain('Approved by ann, ben.');
}, 120_000);

it('tells a program how each step stands, and whoever looks at its messages that it asks', async () => {
  await published('refused', GATES.replace('count: 2', 'count: 1, timeout: 30s'));
  const watching = cli('job', 'run', 'refused', '--json');
  const id = await until(
    'it to ask',
    async () =>
      ((await api.get('/api/v1/runs?name=refused')).body.items as Schemas['Run'][]).find((run) => run.asks)?.id,
    60_000,
  );
  expect((await as('ann', 'runs', 'answer', id, 'no', '--reason', 'not now')).stdout).toBe(
    `ask/approve is refused; see what becomes of the run with: drover runs watch ${id}\n`,
  );
  const { code, stdout, stderr } = await watching;
  expect(code).toBe(1);
  expect(stderr).toContain(`(drover runs answer ${id} yes|no --step ask/approve --reason TEXT)`);
  const { run, executions } = JSON.parse(stdout) as { run: Detail; executions: object[] };
  expect(executions).toEqual([]);
  expect(
    run.stages!.map(({ stage, steps }) => [stage, steps.map(({ task, step, state }) => [task, step, state])]),
  ).toEqual([
    [
      'ask',
      [
        [0, 'approve', 'failed'],
        [1, 'settle', 'skipped'],
      ],
    ],
  ]);
  expect(run.stages![0]!.steps[0]!.approval!.because).toBe('Refused by ann: not now');
  const watched = JSON.parse((await cli('runs', 'watch', id, '--json')).stdout) as { run: Detail };
  expect(watched.run.stages).toHaveLength(1);
}, 120_000);

it('has more to come between its steps, and a cancel tells of what comes finally where something does', async () => {
  const say = '  - stage: s\n    steps:\n      - { step: say, targets: "host-*", command: [hostname] }\n';
  const ask = '      - { step: approve, approval: { message: Go? } }\n';
  const last =
    '  - stage: last\n    finally: true\n    steps:\n      - { step: end, targets: "host-*", command: ["true"] }\n';
  await published('between', say + ask + last);
  const id = await begun('between');
  await asks(id);
  const first = (await cli('runs', 'show', id)).stdout.split('\n')[0];
  expect(first).toBe(`paused, asks: 2 succeeded so far  ${id}`);
  expect((await cli('runs', 'cancel', id)).stdout).toContain('what comes finally is done still');
  expect((await ended(id)).state).toBe('cancelled');
  expect((await cli('runs', 'show', id)).stdout.split('\n')[0]).toMatch(
    new RegExp(`^cancelled: 4 succeeded of 4 executions in \\S+  ${id}$`),
  );
  await published('plain', say + ask);
  const plain = await begun('plain');
  await asks(plain);
  expect((await cli('runs', 'cancel', plain)).stdout).not.toContain('finally');
  await ended(plain);
}, 180_000);

it('names the command that answers the question of a rollout, and keeps the reason of the answer', async () => {
  const begun = await cli(
    'run',
    '-t',
    'host-*',
    '--batches',
    '1',
    '--max-failed',
    '0',
    '--on-max-failed',
    'pause',
    '--detach',
    '--',
    'false',
  );
  const id = begun.stdout.trim();
  await asks(id);
  expect((await cli('runs', 'show', id)).stdout).toContain(`drover runs answer ${id} yes|no --batch 1 --reason TEXT`);
  expect((await cli('runs', 'answer', id, 'yes', '--batch', '7')).stderr).toContain(
    `Run ${id} asks after batch 1 by now, and not after batch 7.`,
  );
  expect((await cli('runs', 'answer', id, 'no', '--reason', 'enough')).code).toBe(0);
  await ended(id);
  expect((await cli('runs', 'show', id)).stdout).toMatch(/ answered +no, by \S+ \(enough\)$/m);
}, 120_000);
