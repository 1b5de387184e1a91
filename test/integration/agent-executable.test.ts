/** The single executable does all that the sources do, with nothing beside it: joins, runs, survives its own death, masks, reports. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { createClient, dataOf } from '@drover/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPackageSigned } from '../../src/pki/package-signature.ts';
import { PACKAGES_MANIFEST, type PackagesManifest } from '../../src/protocol/rest/agent-package.ts';
import { executableOf, putVersion } from '../support/agent-packages.ts';
import type { Cluster } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';

const VERSION = '1.1.0';
const MiB = 1024 * 1024;

describe('the executable of the agent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-executable-'));
  const executable = executableOf(folder, VERSION);
  let manifest: PackagesManifest;
  let cluster: Cluster;

  beforeAll(async () => {
    await putVersion(folder, VERSION);
    manifest = JSON.parse(readFileSync(join(folder, PACKAGES_MANIFEST(VERSION)), 'utf8')) as PackagesManifest;
    cluster = await testCluster({ servers: 1, workers: 1, agents: 1, agentProgram: executable });
  }, 180_000);
  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const client = () => createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });
  async function run(command: string[]): Promise<string> {
    return dataOf(await client().POST('/api/v1/runs', { body: { targets: 'host-1', command } })).id;
  }
  async function ended(runId: string): Promise<{ state: string; outcome?: object }> {
    await until('the run to be over', async () =>
      ['succeeded', 'failed'].includes(
        dataOf(await client().GET('/api/v1/runs/{runId}', { params: { path: { runId } } })).state,
      ),
    );
    return dataOf(await client().GET('/api/v1/runs/{runId}/executions', { params: { path: { runId } } })).items[0]!;
  }

  it('is signed by the release key, byte for byte, and so is what travels', () => {
    const [entry] = manifest.packages;
    const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const travelling = readFileSync(join(folder, entry!.file));
    expect(sha256(travelling)).toBe(entry!.fileSha256);
    expect(sha256(gunzipSync(travelling))).toBe(entry!.sha256);
    expect(sha256(readFileSync(executable))).toBe(entry!.sha256);
    expect(isPackageSigned(entry!, entry!.signature, manifest.publicKey)).toBe(true);
    for (const forged of [
      { version: '7.6.6' },
      { arch: 'arm64' },
      { os: 'linux\nx64' },
      { size: 1 },
      { sha256: 'f'.repeat(64) },
    ])
      expect(isPackageSigned({ ...entry!, ...forged }, entry!.signature, manifest.publicKey)).toBe(false);
    expect(isPackageSigned(entry!, 'nonsense', manifest.publicKey)).toBe(false);
    expect(isPackageSigned(entry!, entry!.signature, 'nonsense')).toBe(false);
    expect(statSync(join(folder, 'key', 'release.key')).mode & 0o077).toBe(0);
  });

  it('tells its own version and takes no options of Node from the environment', async () => {
    expect((await cluster.store.hostFetch('host-1'))!.facts.agentVersion).toBe(VERSION);
    const evil = join(folder, 'evil.cjs');
    writeFileSync(evil, 'console.log("evil")');
    const printed = execFileSync('sh', ['-c', `${executable} --data ${join(folder, 'none')} 2>&1 || true`], {
      env: { PATH: process.env.PATH, NODE_OPTIONS: `--require ${evil}` },
    }).toString();
    expect(printed).toContain('join-token-invalid');
    expect(printed).not.toContain('evil');
  });

  it('runs scripts, keeps exact codes, and finds them again after its own death', async () => {
    expect(await ended(await run(['sh', '-c', 'exit 137']))).toMatchObject({
      state: 'failed',
      outcome: { kind: 'exited', code: 137 },
    });
    const mark = join(folder, 'mark');
    const id = await run(['sh', '-c', `echo once >> ${mark}; sleep 2; exit 7`]);
    await until('it to have begun', () => statSync(mark, { throwIfNoEntry: false }));
    const [agent] = cluster.agents;
    await agent!.kill();
    agent!.start();
    expect(await ended(id)).toMatchObject({ state: 'failed', outcome: { kind: 'exited', code: 7 } });
    expect(readFileSync(mark, 'utf8')).toBe('once\n');
  });

  it('tells its load, which the API and the metrics show', async () => {
    const agent = await until('the load to be told', async () => {
      const { items } = dataOf(await client().GET('/api/v1/agents'));
      return items[0]?.load && items[0];
    });
    expect(agent.problems).toEqual([]);
    expect(agent.links).toBeGreaterThan(0);
    expect(agent.load).toMatchObject({
      running: expect.any(Number),
      unreported: expect.any(Number),
      lagMs: expect.any(Number),
      rssBytes: expect.any(Number),
      freeMemoryBytes: expect.any(Number),
    });
    expect(Math.abs(agent.load!.skewMs!)).toBeLessThan(5_000);
    expect(
      dataOf(await client().GET('/api/v1/agents/{id}', { params: { path: { id: agent.id } } })).load,
    ).toBeDefined();
    expect(dataOf(await client().GET('/api/v1/agents', { params: { query: { problems: 'true' } } })).items).toEqual([]);
    const metrics = await (
      await fetch(`${cluster.urls[0]!}/metrics`, { headers: { authorization: `Bearer ${cluster.token}` } })
    ).text();
    expect(metrics).toMatch(/^drover_agents_reporting 1$/m);
    expect(metrics).toMatch(/^drover_agents_with_problem\{problem="flapping"\} 0$/m);
    expect(metrics).not.toContain('host-1');
    // Started again and again, it is told apart from one that is only new.
    for (let i = 0; i < 5; i++) {
      await cluster.agents[0]!.kill();
      cluster.agents[0]!.start();
      const before = i;
      await until(
        'it to be linked again',
        async () =>
          dataOf(await client().GET('/api/v1/agents/{id}', { params: { path: { id: agent.id } } })).links >=
          Math.min(5, agent.links + before + 1),
      );
    }
    expect(
      dataOf(await client().GET('/api/v1/agents', { params: { query: { problems: 'true' } } })).items.map(
        (troubled) => [troubled.host, troubled.problems],
      ),
    ).toEqual([['host-1', ['flapping']]]);
    expect(
      await (
        await fetch(`${cluster.urls[0]!}/metrics`, { headers: { authorization: `Bearer ${cluster.token}` } })
      ).text(),
    ).toMatch(/^drover_agent_problem\{host="host-1",problem="flapping"\} 1$/m);
  });

  it('is small when idle', () => {
    const rss =
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${cluster.agents[0]!.pid}/status`, 'utf8'))![1]) * 1024;
    // Most of it are pages of the executable, shared by all its processes.
    expect(rss).toBeLessThan(60 * MiB);
  });
});
