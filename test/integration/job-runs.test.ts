/** Jobs that run: servers, worker and agents as real processes. What comes first is over before what needs it begins, whoever dies on the way. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

async function published(job: string, stages: string, more = ''): Promise<void> {
  const definition = `job: ${job}\n${more}targets: 'host-*'\nstages:\n${stages}`;
  const applied = await api.post('/api/v1/jobs', { definition });
  expect(applied).toMatchObject({ status: 200 });
  const { version } = applied.body.version as Schemas['JobVersion'];
  expect(await api.post(`/api/v1/jobs/${job}/versions/${version}/publish`, {})).toMatchObject({ status: 200 });
}
const asked = (job: string, params: object = {}, secrets: object = {}): Promise<ApiAnswer> =>
  api.post(`/api/v1/jobs/${job}/runs`, { params, secrets });
async function begin(job: string, params: object = {}, secrets: object = {}): Promise<string> {
  const { status, body } = await asked(job, params, secrets);
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
async function executionsOf(id: string): Promise<Schemas['Execution'][]> {
  return (await api.get(`/api/v1/runs/${id}/executions?limit=1000`)).body.items as Schemas['Execution'][];
}
async function outputOf({ runId, task, ordinal, attempt }: Schemas['Execution']): Promise<string> {
  const key = { runId: runId as RunId, task, ordinal, attempt };
  return Buffer.from((await cluster.store.outputRead(key, 1, 0, 1_000)) ?? []).toString();
}
const statesOf = (run: Schemas['RunDetail']): string =>
  run.stages!.map(({ steps }) => steps.map(({ step, state }) => `${step} ${state}`).join(', ')).join('; ');
/** One line for each execution that has begun, in order: `STEP HOST`. */
const traced = (name: string): string[] => {
  try {
    return readFileSync(join(traces, name), 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
};
const step = (name: string, more = ''): string =>
  `      - step: ${name}\n        script: |\n          echo "${name} $DROVER_HOST" >> ${traces}/$DROVER_PARAM_trace\n          ${more}\n`;
const TRACE = 'parameters:\n  - { name: trace, type: string, required: true }\n';

it('does one step on all of its hosts before the next begins, and stages as they need each other', async () => {
  await published(
    'in-order',
    `  - stage: first\n    steps:\n${step('one', 'sleep 0.$((${#DROVER_HOST} % 3))')}${step('two')}` +
      `  - stage: second\n    needs: [first]\n    steps:\n${step('three')}`,
    TRACE,
  );
  const id = await begin('in-order', { trace: 'in-order' });
  const run = await ended(id);
  expect([run.state, statesOf(run)]).toEqual(['succeeded', 'one succeeded, two succeeded; three succeeded']);
  expect(run).toMatchObject({ name: 'in-order', job: { name: 'in-order', version: 1 }, hostCount: 3 });
  expect(run.counts.succeeded).toBe(9);
  const steps = traced('in-order').map((line) => line.split(' ')[0]);
  expect(steps).toEqual([...Array(3).fill('one'), ...Array(3).fill('two'), ...Array(3).fill('three')]);
  expect((await executionsOf(id)).map(({ task, host }) => `${task} ${host}`)).toHaveLength(9);
});

it('is run and shown step by step by the command', async () => {
  await published(
    'shown',
    '  - stage: s\n    steps:\n      - { step: say, script: echo hello, targets: "host-[1-2]" }\n' +
      '      - { step: fail, script: "echo bad >&2; exit 3", targets: host-1 }\n      - { step: never, command: [hostname] }\n',
  );
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
  const { status, stdout, stderr } = cli('job', 'run', 'shown', '--reason', 'to see');
  expect(status).toBe(1);
  expect(stdout).toContain('— say: succeeded —\n');
  expect(stdout).toMatch(/host-\[1,2\] \(2\) succeeded\nhello\n/);
  expect(stdout).toContain('— fail: failed —\n');
  expect(stdout).not.toContain('never');
  expect(stderr).toMatch(/✗ fail on host-1: /);
  expect(stderr).toMatch(/ {2}say +succeeded +2 of 2/);
  expect(stderr).toMatch(/ {2}never +skipped +0 of 3/);
  const shown = cli('runs', 'show', 'last').stdout;
  expect(shown).toContain('job       shown, version 1');
  expect(shown).toMatch(/fail +host-1 +.*exit 3/);
  expect(cli('runs', 'output', 'last', '--step', 'say', '--host', 'host-2').stdout).toBe('hello\n');
  expect(cli('runs', 'output', 'last', '--host', 'host-1', '--raw').stderr).toContain('name one with --step');
  expect(cli('runs', 'output', 'last', '--step', 'other').stderr).toContain('Its steps: say, fail, never');
  const { run, executions } = JSON.parse(cli('runs', 'output', 'last', '--json').stdout) as {
    run: Schemas['Run'];
    executions: { task: number; host: string; stdout: string }[];
  };
  expect(run.job).toEqual({ name: 'shown', version: 1 });
  expect(executions.map(({ task, host, stdout: text }) => [task, host, text])).toEqual([
    [0, 'host-1', 'hello\n'],
    [0, 'host-2', 'hello\n'],
    [1, 'host-1', ''],
  ]);
});

it('skips what comes after a failure, does what comes for a failure and finally, and goes on where it failed with a retry', async () => {
  await published(
    'mended',
    `  - stage: work\n    steps:\n${step('try', `[ "$DROVER_HOST" != host-2 ] || [ -e ${traces}/mended ]`)}${step('after')}` +
      `  - stage: alarm\n    needs: [work]\n    when: any-failed\n    steps:\n${step('tell')}` +
      `  - stage: clean\n    finally: true\n    steps:\n${step('sweep')}`,
    TRACE,
  );
  const id = await begin('mended', { trace: 'mended-trace' });
  const failed = await ended(id);
  expect([failed.state, statesOf(failed)]).toEqual([
    'failed',
    'try failed, after skipped; tell succeeded; sweep succeeded',
  ]);
  writeFileSync(join(traces, 'mended'), '');
  await api.post(`/api/v1/runs/${id}/retry`, { states: ['failed'] });
  const again = await ended(id);
  expect([again.state, again.round, statesOf(again)]).toEqual([
    'succeeded',
    2,
    'try succeeded, after succeeded; tell succeeded; sweep succeeded',
  ]);
  const lines = traced('mended-trace');
  expect(lines.filter((line) => line.startsWith('try'))).toHaveLength(4);
  expect(lines.filter((line) => line === 'try host-2')).toHaveLength(2);
  expect(lines.filter((line) => line.startsWith('after'))).toHaveLength(3);
});

it('ends what runs when it is cancelled, and then does what comes finally', async () => {
  await published(
    'cancelled',
    `  - stage: work\n    steps:\n${step('hold', 'sleep 600')}${step('never')}` +
      `  - stage: clean\n    finally: true\n    steps:\n${step('sweep')}`,
    TRACE,
  );
  const id = await begin('cancelled', { trace: 'cancelled' });
  await until('it to run', async () => traced('cancelled').length === 3);
  await api.post(`/api/v1/runs/${id}/cancel`, {});
  const run = await ended(id);
  expect([run.state, statesOf(run)]).toEqual(['cancelled', 'hold cancelled, never cancelled; sweep succeeded']);
});

it('ends what comes finally, and tries it no more, when a cancel is forced, whoever owns it by then', async () => {
  await published(
    'forced',
    `  - stage: work\n    steps:\n${step('hold', 'sleep 600')}` +
      `  - stage: clean\n    finally: true\n    steps:\n${step('sweep', 'sleep 600').replace('        script', '        retries: 100\n        script')}`,
    TRACE,
  );
  const id = await begin('forced', { trace: 'forced' });
  await until('it to run', async () => traced('forced').length === 3);
  await api.post(`/api/v1/runs/${id}/cancel`, {});
  await until('what comes finally to run', async () => traced('forced').length === 6);
  // Another one of the same kind ends nothing.
  expect((await api.post(`/api/v1/runs/${id}/cancel`, {})).status).toBe(202);
  const forced = api.post(`/api/v1/runs/${id}/cancel?force=true`, {});
  const owner = await ownerOf(id as RunId);
  const { status, body } = await forced;
  await cluster.servers[owner]!.kill();
  expect([status, typeof body.cancelForcedAt, body.cancelForcedBy]).toEqual([202, 'string', body.cancelRequestedBy]);
  const run = await ended(id);
  expect([run.state, statesOf(run)]).toEqual(['cancelled', 'hold cancelled; sweep cancelled']);
  expect(traced('forced')).toHaveLength(6);
  const { items } = (await api.get(`/api/v1/runs/${id}/timeline?limit=1000`)).body as { items: { kind: string }[] };
  expect(items.filter(({ kind }) => kind === 'cancel-forced')).toHaveLength(1);
  await backAgain(owner);
}, 120_000);

it('gives scripts its values, and secrets only to the steps that name them, masked everywhere', async () => {
  await published(
    'values',
    '  - stage: s\n    steps:\n' +
      '      - step: with\n        secrets: [key]\n        script: echo "$DROVER_PARAM_word and $key"\n' +
      '      - step: without\n        script: echo "$DROVER_PARAM_word and ${key-nothing}"\n' +
      '      - step: argument\n        command: [echo, "${{ params.word }}", "$word"]\n' +
      '        targets: ${{ params.where }}\n',
    'parameters:\n  - { name: word, type: string, default: hello }\n  - { name: key, type: secret, required: true }\n' +
      '  - { name: where, type: hosts, required: true }\n',
  );
  const id = await begin('values', { where: 'host-1', word: 'a b' }, { key: 'tell-nobody-this' });
  const run = await ended(id);
  expect(run.state).toBe('succeeded');
  const executions = await executionsOf(id);
  const outputs = await Promise.all(executions.map(outputOf));
  expect(executions.map(({ task, host }, at) => [task, host, outputs[at]])).toEqual([
    ...['host-1', 'host-2', 'host-3'].map((host) => [0, host, 'a b and ******\n']),
    ...['host-1', 'host-2', 'host-3'].map((host) => [1, host, 'a b and nothing\n']),
    [2, 'host-1', 'a b $word\n'],
  ]);
  expect(JSON.stringify(run)).not.toContain('tell-nobody-this');
});

it('refuses what cannot be before anything of it runs, with every fault', async () => {
  await published(
    'refused',
    '  - stage: s\n    steps:\n      - { step: a, command: ["true"], targets: nowhere }\n      - { step: b, command: ["true"], account: nobody-such }\n',
    'parameters:\n  - { name: n, type: number, max: 3 }\n',
  );
  const { body } = await asked('refused', { n: '4', other: 'x' });
  expect(body).toMatchObject({ code: 'bad-input', errors: [{ pointer: '#/params/other' }, { pointer: '#/params/n' }] });
  expect((await asked('refused', { n: '3' })).body).toMatchObject({ code: 'account-not-found' });
  expect((await asked('no-such-job')).body).toMatchObject({ code: 'job-not-found' });
  expect((await api.get('/api/v1/runs?name=refused')).body.items).toEqual([]);
});

it('goes on when its owner dies between steps, and does nothing twice', async () => {
  const names = Array.from({ length: 5 }, (_, n) => `s${n}`);
  await published(
    'survives',
    `  - stage: s\n    steps:\n${names.map((name) => step(name, 'sleep 0.2')).join('')}`,
    TRACE,
  );
  for (const round of [0, 1, 2]) {
    const trace = `survives-${round}`;
    const id = await begin('survives', { trace });
    await until('a step to have begun', async () => traced(trace).length > 3 * round);
    const owner = await ownerOf(id as RunId);
    await cluster.servers[owner]!.kill();
    expect((await ended(id)).state).toBe('succeeded');
    const lines = traced(trace);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(names.flatMap((name) => Array<string>(3).fill(name)));
    expect(new Set(lines).size).toBe(lines.length);
    await backAgain(owner);
  }
}, 240_000);

/** Whoever kills the other one next finds this one at work. */
async function backAgain(server: number): Promise<void> {
  cluster.servers[server]!.start();
  await until('both servers to own partitions', async () => {
    const { rows } = await database.query('SELECT DISTINCT owner FROM partition WHERE owner IS NOT NULL');
    return rows.length === 2;
  });
}

/** Which of the servers has the run. */
function ownerOf(id: RunId): Promise<number> {
  return until('the partition to have an owner', async () => {
    const { rows } = await database.query<{ url: string }>(
      'SELECT s.url FROM partition p JOIN server s ON s.id = p.owner WHERE p.id = $1',
      [partitionOf(id)],
    );
    const at = cluster.urls.indexOf(rows[0]?.url ?? '');
    return at < 0 ? undefined : at;
  });
}

it('draws together what the hosts of a step told, and ends where they do not agree as it declares', async () => {
  const told = (name: string, script: string, outputs: string): string =>
    `      - step: ${name}\n        script: |\n          ${script}\n        outputs:\n${outputs}`;
  await published(
    'outputs',
    `  - stage: look\n    steps:\n${told(
      'version',
      'echo "version=v1.4" >>"$DROVER_OUTPUT"; echo "mb=1.5" >>"$DROVER_OUTPUT"; echo "at=$DROVER_HOST" >>"$DROVER_OUTPUT"',
      '          - { name: version }\n          - { name: mb, from: sum }\n          - { name: at, from: list }\n',
    )}${told('host', 'echo "host=$DROVER_HOST" >>"$DROVER_OUTPUT"', '          - { name: host }\n')}` +
      `  - stage: go\n    steps:\n      - { step: never, script: "true" }\n`,
  );
  const run = await ended(await begin('outputs'));
  expect([run.state, statesOf(run)]).toEqual(['failed', 'version succeeded, host failed; never skipped']);
  const [version, host] = run.stages![0]!.steps;
  expect(version!.outputs).toEqual({ version: 'v1.4', mb: 4.5, at: ['host-1', 'host-2', 'host-3'] });
  expect([version!.outputsFault, host!.outputs]).toEqual([undefined, {}]);
  expect(host!.outputsFault).toBe('The hosts do not agree on the output host: host-1 told "host-1", host-2 "host-2".');
  const { items } = (await api.get(`/api/v1/runs/${run.id}/timeline`)).body as { items: Schemas['TimelineEntry'][] };
  expect(items.find(({ kind }) => kind === 'outputs-missing')?.detail).toEqual({
    steps: { host: host!.outputsFault },
    count: 1,
  });
});

it('knows what the hosts of a step told before its server died', async () => {
  const go = join(traces, 'outputs-go');
  await published(
    'outputs-takeover',
    `  - stage: look\n    steps:\n      - step: look\n        script: |\n          echo "at=$DROVER_HOST" >>"$DROVER_OUTPUT"\n` +
      `          [ $DROVER_HOST = host-1 ] || until [ -e ${go} ]; do sleep 0.1; done\n        outputs: [{ name: at, from: list }]\n`,
  );
  const id = await begin('outputs-takeover');
  await until('one host to be over', async () => (await executionsOf(id)).some(({ state }) => state === 'succeeded'));
  const owner = await ownerOf(id as RunId);
  await cluster.servers[owner]!.kill();
  writeFileSync(go, '');
  const run = await ended(id);
  expect(run.stages![0]!.steps[0]).toMatchObject({
    state: 'succeeded',
    outputs: { at: ['host-1', 'host-2', 'host-3'] },
  });
  await backAgain(owner);
}, 240_000);

it('gives later steps what earlier ones told, as words and never as a script, whoever dies between them', async () => {
  const go = join(traces, 'given-go');
  const V = (name: string): string => `\${{ steps.look.at.outputs.${name} }}`;
  await published(
    'given',
    `  - stage: look
    steps:
      - step: at
        script: |
          cat >>"$DROVER_OUTPUT" <<'END'
          word=a b; $(touch ${traces}/given-injected) '"
          END
          echo "host=$DROVER_HOST" >>"$DROVER_OUTPUT"
        outputs: [{ name: word }, { name: host, from: list }, { name: other, from: count }]
  - stage: wait
    steps:
      - { step: for, script: "until [ -e ${go} ]; do sleep 0.1; done" }
  - stage: use
    steps:
      - step: say
        command: [printf, '%s|', 'w=${V('word')}', '${V('other')}']
        targets: host-1
      - step: script
        script: printf '%s|' "$W" "$1"
        args: ['${V('host')}']
        env: { W: '${V('word')}' }
        targets: host-1
`,
  );
  const id = await begin('given');
  await until('the first step to be over', async () => (await executionsOf(id)).some(({ task }) => task === 1));
  const owner = await ownerOf(id as RunId);
  await cluster.servers[owner]!.kill();
  writeFileSync(go, '');
  const run = await ended(id);
  expect([run.state, statesOf(run)]).toEqual([
    'succeeded',
    'at succeeded; for succeeded; say succeeded, script succeeded',
  ]);
  const word = `a b; $(touch ${traces}/given-injected) '"`;
  const told = (await executionsOf(id)).filter(({ task }) => task > 1);
  expect(await Promise.all(told.map(outputOf))).toEqual([
    `w=${word}|0|`,
    expect.stringMatching(/^.*\|host-1\nhost-2\nhost-3\|/),
  ]);
  expect((await outputOf(told[1]!)).startsWith(`${word}|`)).toBe(true);
  expect(traced('given-injected')).toEqual([]);
  expect(run.stages![2]!.steps[0]!.command).toEqual([
    'printf',
    '%s|',
    'w=${{ steps.look.at.outputs.word }}',
    '${{ steps.look.at.outputs.other }}',
  ]);
  await backAgain(owner);
}, 240_000);
