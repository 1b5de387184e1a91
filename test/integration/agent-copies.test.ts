/** A data folder of an agent that is in use twice: told, and nothing runs twice. Real processes, a real folder copied. */
import { cpSync, mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
import { type Cluster, ManagedProcess } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';

interface AgentResource {
  id: string;
  problems: string[];
  copies?: { instance: string; start: number }[];
}

let cluster: Cluster;
let folder: string;
let copy: ManagedProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-copies-'));
  cluster = await testCluster({ servers: 2, workers: 1, agents: 1 });
}, 120_000);
afterAll(async () => {
  await copy?.kill();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function api<T>(method: string, path: string, body?: unknown, server = 0): Promise<T> {
  const answer = await fetch(`${cluster.urls[server]}/api/v1${path}`, {
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
const agent = async (server = 0): Promise<AgentResource> =>
  (await api<{ items: AgentResource[] }>('GET', '/agents', undefined, server)).items[0]!;
const effects = (): number =>
  existsSync(join(folder, 'effects')) ? readFileSync(join(folder, 'effects'), 'utf8').length : 0;

async function run(startDeadline: string): Promise<string> {
  const script = `printf x >> ${join(folder, 'effects')}`;
  return (await api<{ id: string }>('POST', '/runs', { targets: 'host-1', script, startDeadline })).id;
}
const stateOf = async (id: string): Promise<string> => (await api<{ state: string }>('GET', `/runs/${id}`)).state;

describe('two copies of an agent', () => {
  it('are told, given nothing, and the one that somebody decides for goes on', async () => {
    const first = await run('60s');
    await until('the first run', async () => (await stateOf(first)) === 'succeeded');
    expect(effects()).toBe(1);
    cpSync(join(cluster.folder, 'host-1'), join(folder, 'copy'), { recursive: true });
    copy = new ManagedProcess({
      name: 'copy',
      program: 'drover-agent',
      args: ['--data', join(folder, 'copy'), '--name', 'host-1', '--machine-id', 'machine-1'],
      env: {},
      logFolder: folder,
    });
    copy.start();
    for (const server of [0, 1])
      await until(
        `server ${server} to tell of two`,
        async () => (await agent(server)).copies?.length === 2 && (await agent(server)).problems.includes('copied'),
        60_000,
      );
    const audited = await api<{ items: { action: string }[] }>('GET', '/audit?limit=20');
    expect(audited.items.filter(({ action }) => action === 'fleet.agent.copied')).toHaveLength(1);
    const second = await run('2s');
    await until(
      'the second run to be over',
      async () => (await stateOf(second)) === 'failed' || (await stateOf(second)) === 'skipped',
    );
    expect(effects()).toBe(1);
    const told = await api<{ items: [{ state: string; reason: string }] }>('GET', `/runs/${second}/executions`);
    expect(told.items[0]).toMatchObject({ state: 'not_started', reason: 'agent-copied' });
    // The one that is to go on is the one that the original folder says.
    const { instance } = JSON.parse(readFileSync(join(cluster.folder, 'host-1', 'starts.json'), 'utf8')) as {
      instance: string;
    };
    const { id, copies } = await agent();
    expect(copies!.map((known) => known.instance)).toContain(instance);
    await api('POST', `/agents/${id}/keep`, { instance });
    const third = await run('60s');
    await until('the third run', async () => (await stateOf(third)) === 'succeeded', 60_000);
    expect(effects()).toBe(2);
    expect((await agent()).copies).toBeUndefined();
  }, 180_000);
});
