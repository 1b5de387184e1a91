/** A data folder of a worker that is in use twice: told, one goes on, and nothing runs twice. Real processes, a real folder copied. */
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
import { type Cluster, ManagedProcess } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli } from '../support/up.ts';

interface Worker {
  linked: boolean;
  copy?: { instance: string; since: string };
}
const RUNS = 8;

requiring('root').describe('two copies of a worker', () => {
  let cluster: Cluster;
  let folder: string;
  let copy: ManagedProcess;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-worker-copies-'));
    chmodSync(folder, 0o777);
    cluster = await testCluster({ servers: 2, workers: 1, agents: 0, workerArgs: ['--process-user', 'nobody'] });
  }, 120_000);
  afterAll(async () => {
    await copy?.kill();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${cluster.urls[0]}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${cluster.token}`,
        'content-type': 'application/json',
        'idempotency-key': newId(),
      },
      ...given({ body: body === undefined ? undefined : JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as T;
  }
  const worker = (): Promise<Worker> => api('GET', '/workers/worker-1');
  const logOf = (name: string, where = folder): string => readFileSync(join(where, `${name}.log`), 'latin1');

  /** Several at a time, each of which takes a moment. */
  async function ranOnceEach(name: string): Promise<void> {
    const file = join(folder, name);
    const script = `echo "$DROVER_RUN_ID" >>${file}; chmod 666 ${file}; sleep 0.5`;
    const ids = await Promise.all(
      Array.from({ length: RUNS }, () => api<{ id: string }>('POST', '/runs', { worker: 'all', script })),
    );
    for (const { id } of ids)
      await until(
        `${id} to end`,
        async () => (await api<{ state: string }>('GET', `/runs/${id}`)).state === 'succeeded',
      );
    const effects = readFileSync(file, 'latin1').trim().split('\n').toSorted();
    expect(effects).toEqual(ids.map(({ id }) => id).toSorted());
  }

  it('are told, the one that was there goes on, and nothing runs twice', async () => {
    await ranOnceEach('alone');
    cpSync(join(cluster.folder, 'worker-1'), join(folder, 'copy'), { recursive: true });
    copy = new ManagedProcess({
      name: 'copy',
      program: 'drover-worker',
      args: [
        '--data',
        join(folder, 'copy'),
        '--name',
        'worker-1',
        '--listen',
        '127.0.0.1:0',
        '--process-user',
        'nobody',
      ],
      env: {},
      logFolder: folder,
    });
    copy.start();
    await until('it is sent away', () => logOf('copy').includes('link-busy'), 60_000);
    await ranOnceEach('beside');
    // A server that was away finds both of them.
    await cluster.servers[1]!.kill();
    cluster.servers[1]!.start();
    await until('it is told', async () => (await worker()).copy !== undefined, 60_000);
    await until('the other hears of it', () => logOf('copy').includes('worker-copied'), 60_000);
    await ranOnceEach('known');
    expect(await worker()).toMatchObject({ linked: true });
    const shown = await runCli(['workers', 'show', 'worker-1'], {
      DROVER_URL: cluster.urls[0]!,
      DROVER_TOKEN: cluster.token,
    });
    expect(shown.stdout).toContain('linked, copied');
    expect(shown.stdout).toContain('its data folder is in use twice');
    const audited = await api<{ items: { action: string }[] }>('GET', '/audit?limit=50');
    expect(audited.items.filter(({ action }) => action === 'fleet.worker.copied')).toHaveLength(1);
    // The right one may be started again meanwhile.
    await cluster.workers[0]!.terminate();
    cluster.workers[0]!.start();
    await ranOnceEach('again');
    expect(logOf('worker-1', join(cluster.folder, 'logs'))).not.toContain('worker-copied');
  }, 240_000);
});
