/** Tasks without hosts, on real workers: as whom they run, what becomes of them, and what people are shown. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { INHERITED_FD, type Cluster } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

interface Execution {
  host?: string;
  state: string;
  attempt: number;
  reason?: string;
  detail?: string;
  executor?: { kind: string; id: string; engine?: string };
}

requiring('root').describe('a task without hosts', () => {
  let cluster: Cluster;
  const cli = (...args: string[]): Promise<CliResult> =>
    runCli(args, { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token });
  const ask = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${cluster.urls[0]}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
      ...given({ body: body && JSON.stringify(body) }),
    });
  const json = async <T>(path: string): Promise<T> => (await ask('GET', path)).json() as Promise<T>;
  const start = async (body: object): Promise<string> => {
    const answer = await ask('POST', '/runs', { worker: 'all', ...body });
    expect(answer.status).toBe(201);
    return ((await answer.json()) as { id: string }).id;
  };
  const executionOf = async (id: string): Promise<Execution> =>
    (await json<{ items: [Execution] }>(`/runs/${id}/executions`)).items[0];
  const stateIs = (id: string, state: string): Promise<Execution> =>
    until(`the task is ${state}`, async () => {
      const execution = await executionOf(id);
      return execution.state === state && execution;
    });
  /** The server that is asked knows so many workers for it. */
  const ready = (workers: string): Promise<unknown> =>
    until(`it to be said: ${workers}`, async () => {
      const planned = await cli('run', '--dry-run', '--on-worker', '--', 'true');
      return planned.stdout.includes(`would run on a worker; ready for it now: ${workers}`);
    });
  const outputOf = async (id: string): Promise<string> =>
    (await ask('GET', `/runs/${id}/executions/0/0/output?stream=stdout`)).text();
  /** The place of the worker that carries it out. */
  const workerOf = async ({ executor }: Execution): Promise<number> =>
    Number((await json<{ name: string }>(`/workers/${executor!.id}`)).name.at(-1)) - 1;

  beforeAll(async () => {
    cluster = await testCluster({
      servers: 1,
      workers: 2,
      agents: 0,
      workerArgs: ['--process-user', 'nobody'],
      workerLabels: (index) => ({ seat: String(index) }),
    });
  }, 120_000);
  afterAll(() => cluster.stop());

  it('is carried out by a worker as the user that its worker names, and knows no host', async () => {
    const id = await start({ script: 'id -un; env | grep -c ^DROVER_HOST; pwd' });
    const execution = await stateIs(id, 'succeeded');
    expect(execution).toMatchObject({ executor: { kind: 'worker', engine: 'process' }, attempt: 1 });
    expect(execution).not.toHaveProperty('host');
    expect(await outputOf(id)).toBe('nobody\n0\n/\n');
    expect(await json(`/runs/${id}`)).toMatchObject({ hostCount: 0, targets: 'on worker: all', worker: 'all' });
  });

  it('is given no file that its worker was started with', async () => {
    const id = await start({ script: `test -e /proc/self/fd/${INHERITED_FD}; echo $?` });
    await stateIs(id, 'succeeded');
    expect(await outputOf(id)).toBe('1\n');
  });

  it('tells output values, is given secrets that nobody sees, and reads nothing of its worker', async () => {
    const id = await start({
      worker: 'worker-1',
      secrets: { T: 'correct horse' },
      script: 'echo "told $T"; echo a=1 >>"$DROVER_OUTPUT"; cat "$1"/identity.json 2>&1',
      args: [join(cluster.folder, 'worker-1')],
    });
    await stateIs(id, 'failed');
    expect(await outputOf(id)).toMatch(/^told \*+\n.*Permission denied/s);
    expect(await json(`/runs/${id}/values`)).toMatchObject({ items: [{ values: { a: '1' } }] });
    expect(readFileSync(join(cluster.folder, 'worker-1', 'identity.json'), 'utf8')).toContain('PRIVATE KEY');
  });

  it('is ended by its deadline, and by a cancel', async () => {
    await stateIs(await start({ command: ['sleep', '600'], timeout: '300ms' }), 'timed_out');
    const id = await start({ command: ['sleep', '600'] });
    await stateIs(id, 'running');
    await ask('POST', `/runs/${id}/cancel`);
    await stateIs(id, 'cancelled');
  });

  it('goes only to workers that are meant, and says why to none', async () => {
    const id = await start({ worker: 'zone=far', startDeadline: '200ms', command: ['true'] });
    expect(await stateIs(id, 'not_started')).toMatchObject({
      reason: 'no-worker-fits',
      detail: 'No worker took it before the start deadline: 0 of 2 workers: 2 are not meant.',
    });
    await ask('POST', '/workers/worker-1/drain');
    // Servers hear of it by a hint: who is asked first may not know it yet.
    await ready('1 of 2 workers: 1 is drained');
    for (let n = 0; n < 3; n++)
      expect(await workerOf(await stateIs(await start({ command: ['true'] }), 'succeeded'))).toBe(1);
    await ask('POST', '/workers/worker-1/resume');
    await ready('2 of 2 workers');
  });

  it('goes to a worker that has what it wants for itself, and waits for that', async () => {
    const { resources } = await until('the worker tells of its machine', async () => {
      const shown = await json<{ resources?: { total: { milliCpus: number } } }>('/workers/worker-2');
      return shown.resources && (shown as Required<typeof shown>);
    });
    const most = `cpus=${(resources.total.milliCpus * 0.6) / 1_000}`;
    const go = join(cluster.folder, 'go-on');
    const begin = (more: object): Promise<string> =>
      start({ script: 'until [ -e "$1" ]; do sleep 0.1; done', args: [go], resources: most, ...more });
    const first = await begin({ worker: 'seat=2' });
    expect(await workerOf(await stateIs(first, 'running'))).toBe(1);
    const second = await begin({});
    expect(await workerOf(await stateIs(second, 'running'))).toBe(0);
    const third = await begin({ startDeadline: '10m' });
    const told = await until('it is told why the third waits', async () => {
      const { stdout } = await cli('runs', 'why', third);
      return stdout.includes('CPUs free') && stdout;
    });
    expect(told).toBe('waits; would take it now: 0 of 2 workers: 2 have too few CPUs free\n');
    expect((await cli('workers', 'show', 'worker-2')).stdout).toMatch(
      /labels seat=2\nfree for tasks: [\d.]+ of \d+ CPUs/,
    );
    writeFileSync(go, '');
    for (const id of [first, second, third]) await stateIs(id, 'succeeded');
    expect((await cli('runs', 'why', first)).stdout).toBe('went to worker-2, the only one that fitted\n');
    const never = await start({ command: ['true'], resources: 'memory=1023TiB', startDeadline: '200ms' });
    expect(await stateIs(never, 'not_started')).toMatchObject({
      detail: expect.stringContaining('0 of 2 workers: 2 have too little memory free'),
    });
  });

  it('is found again by a worker that was killed under it, and not run twice', async () => {
    const [mark, go] = [join(cluster.folder, 'ran'), join(cluster.folder, 'go')];
    writeFileSync(mark, '');
    chmodSync(mark, 0o666);
    const script = 'echo x >>"$1"; until [ -e "$2" ]; do sleep 0.1; done; echo done';
    const id = await start({ script, args: [mark, go] });
    const worker = cluster.workers[await workerOf(await stateIs(id, 'running'))]!;
    await worker.kill();
    worker.start();
    writeFileSync(go, '');
    expect(await stateIs(id, 'succeeded')).toMatchObject({ attempt: 1 });
    expect(readFileSync(mark, 'utf8')).toBe('x\n');
    expect((await cli('runs', 'output', id)).stdout).toBe('── (worker) (1) succeeded\ndone\n');
  });

  it('is lost with its worker, and tried anew where somebody asks', async () => {
    const id = await start({ lostAfter: '300ms', command: ['sleep', '2'] });
    const at = await workerOf(await stateIs(id, 'running'));
    await cluster.workers[at]!.kill();
    await stateIs(id, 'lost');
    await ask('POST', `/runs/${id}/retry`, { states: ['lost'] });
    const again = await stateIs(id, 'succeeded');
    expect([again.attempt, await workerOf(again)]).toEqual([2, 1 - at]);
    cluster.workers[at]!.start();
    const { stdout } = await cli('runs', 'show', id);
    expect(stdout).toMatch(/created +by test, on worker: all/);
    expect(stdout).toMatch(/dispatched +1 without a host, by worker worker-\d/);
    expect(stdout).toMatch(/^worker worker-\d +succeeded +process +2 /m);
  });

  it('is refused with all that belongs to hosts alone', async () => {
    const { code, stderr } = await cli(
      ...['run', '--on-worker', 'zone=(', '-t', 'all', '--as', 'ops', '--via', 'ssh', '--limit', '3', '--', 'true'],
    );
    expect(code).toBe(2);
    const lonely = await cli('run', '-t', 'all', '--resources', 'cpu=1', '--strategy', 'best', '--', 'true');
    for (const told of [
      '--resources is for tasks',
      '--resources: expected cpus=NUMBER',
      '--strategy is for',
      'spread, pack',
    ])
      expect(lonely.stderr).toContain(told);
    for (const told of ['--on-worker "zone=("', 'Give either -t or --on-worker', '--as is', '--via is', '--limit is'])
      expect(stderr).toContain(told);
    const answer = await ask('POST', '/runs', { command: ['x'], worker: 'a', targets: 'b', user: 'c', batches: '1' });
    expect(answer.status).toBe(400);
    const { errors } = (await answer.json()) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual(['#/batches', '#/user', '#/worker']);
  });

  it('is done once for each of what a step before it has told, and those are shown', async () => {
    const file = join(cluster.folder, 'items.yaml');
    writeFileSync(
      file,
      [
        'job: items',
        'stages:',
        '- stage: all',
        '  steps:',
        '  - step: list',
        '    worker: all',
        '    script: printf "files<<END\\nb 1\\na;rm -rf x\\nEND\\n" >>"$DROVER_OUTPUT"',
        '    outputs: [{ name: files, type: list }]',
        '  - step: work',
        '    worker: all',
        '    for_each: ${{ steps.all.list.outputs.files }}',
        '    concurrency: 1',
        '    script: echo "did $DROVER_ITEM"; echo n=1 >>"$DROVER_OUTPUT"; [ "$DROVER_ITEM" != "$DROVER_PARAM_bad" ]',
        '    outputs: [{ name: n, from: sum }]',
        'parameters: [{ name: bad, default: none }]',
      ].join('\n'),
    );
    expect(await cli('job', 'apply', '-f', file, '--publish')).toMatchObject({ code: 0, stderr: '' });
    const ran = await cli('job', 'run', 'items');
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringMatching(/work +succeeded +on worker: all, 2 of 2/)]);
    expect(ran.stdout).toContain('── b 1 (1) succeeded\ndid b 1');
    expect(ran.stdout).toContain('── a;rm -rf x (1) succeeded\ndid a;rm -rf x');
    const { stdout } = await cli('runs', 'show', 'last');
    expect(stdout).toContain('for each of all.list.outputs.files: 2');
    expect(stdout).toMatch(/^work +b 1 +succeeded/m);
    // What failed is done again, and for nothing else.
    const failed = await cli('job', 'run', 'items', '--param', 'bad=b 1');
    expect(failed.code).toBe(1);
    const again = await cli('runs', 'retry', 'last', '--failed', '--json');
    expect(again.code).toBe(1);
    const told = JSON.parse(again.stdout) as { run: { stages: { steps: object[] }[] }; executions: object[] };
    expect(told.executions).toMatchObject([{ task: 0 }, { task: 1, item: 'b 1' }, { task: 1, item: 'a;rm -rf x' }]);
    expect(told.run.stages[0]!.steps).toMatchObject([{ step: 'list' }, { step: 'work' }]);
    const { id } = await json<{ items: [{ id: string }] }>('/runs').then(({ items }) => items[0]);
    const { items } = await json<{ items: (Execution & { item?: string })[] }>(`/runs/${id}/executions?task=1`);
    expect(items.map(({ item, state, attempt }) => [item, state, attempt])).toEqual([
      ['b 1', 'failed', 2],
      ['a;rm -rf x', 'succeeded', 1],
    ]);
  });

  it('goes on where there was nothing to do it for: with what there is of none, and says so where there is nothing', async () => {
    const file = join(cluster.folder, 'none.yaml');
    writeFileSync(
      file,
      [
        'job: none',
        'stages:',
        '- stage: all',
        '  steps:',
        '  - step: list',
        '    worker: all',
        '    script: printf "files<<END\\nEND\\n" >>"$DROVER_OUTPUT"',
        '    outputs: [{ name: files, type: list }]',
        '  - step: compress',
        '    worker: all',
        '    for_each: ${{ steps.all.list.outputs.files }}',
        '    script: "true"',
        '    outputs: [{ name: bytes, from: sum }, { name: first }]',
        '  - step: tell',
        '    worker: all',
        '    command: [echo, "${{ steps.all.compress.outputs.bytes }} bytes"]',
        '  - step: tell-first',
        '    worker: all',
        '    command: [echo, "${{ steps.all.compress.outputs.first }}"]',
      ].join('\n'),
    );
    expect(await cli('job', 'apply', '-f', file, '--publish')).toMatchObject({ code: 0, stderr: '' });
    const ran = await cli('job', 'run', 'none');
    expect([ran.code, ran.stdout]).toEqual([1, expect.stringContaining('0 bytes')]);
    const { stdout } = await cli('runs', 'show', 'last');
    expect(stdout).toContain('The step compress was passed over, and has told no output first.');
  });

  it('is a step of a job, and gives its outputs to the next', async () => {
    const file = join(cluster.folder, 'job.yaml');
    writeFileSync(
      file,
      [
        'job: report',
        'stages:',
        '- stage: all',
        '  steps:',
        '  - step: count',
        '    worker: zone=default',
        '    script: echo n=7 >>"$DROVER_OUTPUT"',
        '    outputs: [{ name: n, type: number }]',
        '  - step: tell',
        '    worker: all',
        '    command: [echo, "${{ steps.all.count.outputs.n }} of them"]',
      ].join('\n'),
    );
    expect(await cli('job', 'apply', '-f', file, '--publish')).toMatchObject({ code: 0, stderr: '' });
    const ran = await cli('job', 'run', 'report');
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('7 of them')]);
    expect(ran.stderr).toMatch(/count +succeeded +on worker: zone=default/);
  });
});
