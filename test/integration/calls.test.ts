/** Calls as steps of jobs, on a real worker: from the text of a job to what people are shown, and when the worker is killed meanwhile. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import type { Cluster } from '../support/cluster.ts';
import { receiver, type Receiver } from '../support/receiver.ts';
import { root } from '../support/source-tree.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

interface Execution {
  state: string;
  attempt: number;
  reason?: string;
  outcome?: { kind: string; status?: number };
  executor?: { kind: string; engine?: string };
}

describe('a call of a job', () => {
  let cluster: Cluster;
  let far: Receiver;
  const cli = (...args: string[]): Promise<CliResult> =>
    runCli(args, { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token });
  const ask = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${cluster.urls[0]}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
      ...given({ body: body && JSON.stringify(body) }),
    });
  const json = async <T>(path: string): Promise<T> => (await ask('GET', path)).json() as Promise<T>;
  /** A job of one step. */
  const start = async (name: string, lines: readonly string[]): Promise<string> => {
    const file = join(cluster.folder, `${name}.yaml`);
    writeFileSync(file, [`job: ${name}`, 'stages:', '- stage: s', '  steps:', '  - step: one', ...lines].join('\n'));
    expect(await cli('job', 'apply', '-f', file, '--publish')).toMatchObject({ code: 0, stderr: '' });
    const answer = await ask('POST', `/jobs/${name}/runs`, {});
    expect(answer.status).toBe(201);
    return ((await answer.json()) as { id: string }).id;
  };
  const executionOf = async (id: string): Promise<Execution> =>
    (await json<{ items: [Execution] }>(`/runs/${id}/executions`)).items[0];
  const stateIs = (id: string, state: string): Promise<Execution> =>
    until(`the call is ${state}`, async () => {
      const execution = await executionOf(id);
      return execution.state === state && execution;
    });

  beforeAll(async () => {
    far = await receiver();
    cluster = await testCluster({ servers: 1, workers: 1, agents: 0, workerArgs: ['--call-allow', '127.0.0.1'] });
  }, 120_000);
  beforeEach(() => {
    far.received.length = 0;
    far.answer = (response) => void response.end('ok');
  });
  afterAll(async () => {
    await cluster.stop();
    await far.end();
  });

  it('does what the guide says, as it stands there', async () => {
    const [job, token] = [join(cluster.folder, 'announce.yaml'), join(cluster.folder, 'token.txt')];
    const page = readFileSync(join(root, 'docs/guides/calls.md'), 'utf8');
    writeFileSync(job, /```yaml\n([\s\S]*?)```/.exec(page)![1]!);
    writeFileSync(token, 'correct horse battery\n');
    far.answer = (response, { method, headers }) =>
      method === 'GET'
        ? void response.end(JSON.stringify({ items: [{ id: 'r/7' }], said: headers.authorization }))
        : void response.writeHead(409).end('is out already');
    expect(await cli('job', 'apply', job, '--publish')).toMatchObject({ code: 0 });
    const ran = await cli(
      'job',
      'run',
      'announce',
      '-p',
      'version=v1.4',
      '-p',
      `base=${far.url}`,
      '--secret',
      `token=@${token}`,
    );
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringMatching(/find +succeeded +on worker: all/)]);
    const [find, mark] = far.received;
    expect([find!.url.href, find!.headers.authorization]).toEqual([
      `${far.url}/releases?version=v1.4`,
      'Bearer correct horse battery',
    ]);
    expect([mark!.method, mark!.url.pathname]).toEqual(['PATCH', '/releases/r%2F7']);
    expect(JSON.parse(mark!.body)).toEqual({ state: 'out', note: 'version v1.4' });
    const output = await cli('runs', 'output', 'last', '--step', 'find');
    expect(output.stdout).toContain('"said":"Bearer ******"');
    const shown = await cli('runs', 'show', 'last', '--json');
    expect(shown.stdout).not.toContain('correct horse');
    expect(shown.stdout).toContain('Bearer ${{ secrets.token }}');
    expect((await cli('runs', 'show', 'last')).stdout).toMatch(/^ +id: r\/7$/m);
  });

  it('tells with what it was answered, and tries again as often as its step says', async () => {
    far.answer = (response) => void response.writeHead(far.received.length < 3 ? 503 : 204).end();
    const id = await start('again', [
      `    http: { url: '${far.url}/' }`,
      '    retries: 2',
      '    outputs: [{ name: status, type: number }]',
    ]);
    expect(await stateIs(id, 'succeeded')).toMatchObject({
      attempt: 3,
      outcome: { kind: 'answered', status: 204 },
      executor: { kind: 'worker', engine: 'calls' },
    });
    far.answer = (response) => void response.writeHead(503).end('later');
    const failed = await start('later', [`    http: { url: '${far.url}/' }`]);
    expect(await stateIs(failed, 'failed')).toMatchObject({ outcome: { kind: 'answered', status: 503 } });
    expect((await cli('runs', 'output', failed)).stdout).toContain('── (worker) (1) failed, answered 503\nlater\n');
  });

  it('is not made where its worker must not, and does not begin', async () => {
    const id = await start('inner', ["    http: { url: 'http://127.0.0.2/' }"]);
    expect(await stateIs(id, 'not_started')).toMatchObject({
      reason: 'call-not-allowed',
      outcome: { kind: 'refused' },
    });
  });

  it('has failed where nobody is reached, and says why', async () => {
    const id = await start('nobody', ["    http: { url: 'http://127.0.0.1:1/' }"]);
    expect(await stateIs(id, 'failed')).toMatchObject({ reason: 'call-unreachable', outcome: { kind: 'faulted' } });
    expect((await cli('runs', 'output', id)).stdout).toContain('failed, call-unreachable');
  });

  it('is ended by its timeout, and by a cancel', async () => {
    far.answer = () => undefined;
    const late = await start('late', [`    http: { url: '${far.url}/' }`, '    timeout: 300ms']);
    await stateIs(late, 'timed_out');
    const id = await start('cancelled', [`    http: { url: '${far.url}/' }`]);
    await stateIs(id, 'running');
    await ask('POST', `/runs/${id}/cancel`);
    await stateIs(id, 'cancelled');
  });

  it('is lost with a worker that is killed under it, and is not made again', async () => {
    far.answer = () => undefined;
    const id = await start('killed', [`    http: { url: '${far.url}/' }`, '    retries: 3']);
    await stateIs(id, 'running');
    await until('it to be asked', () => far.received.length === 1);
    await cluster.workers[0]!.kill();
    cluster.workers[0]!.start();
    expect(await stateIs(id, 'lost')).toMatchObject({
      attempt: 1,
      reason: 'worker-restarted',
      outcome: { kind: 'unknown' },
    });
    expect(far.received).toHaveLength(1);
    // What a worker has under way is heard of a moment after its link.
    await until('its lanes to be told', async () =>
      /^calls +high +0 +0 of 100/m.test((await cli('workers', 'show', 'worker-1')).stdout),
    );
  });
});
