/** Certificates of a short life through the real programs: renewed again and again while links stay up, and a way back after one that expired. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { HostRecord } from '../../src/store/contract/host.ts';
import { type Cluster, ManagedProcess } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';

const LIFE_MS_MIN = 12_000;
/** So many starts of a program fit into the life of a certificate: whoever comes back finds his own still valid. */
const STARTS_OF_A_LIFE = 6;
/** For what comes by itself when processes are there. */
const PATIENCE_MS = 30_000;

/** How long a program of ours takes here and now from its start to its first word: a worker that has no token. */
async function startMs(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-start-'));
  try {
    const began = systemClock.monotonicMs();
    const worker = new ManagedProcess({
      name: 'refused',
      program: 'drover-worker',
      args: ['--data', join(folder, 'data')],
      env: {},
      logFolder: folder,
    });
    worker.start();
    await until('a worker without a token to be refused', () => !worker.isAlive, 120_000);
    expect(readFileSync(join(folder, 'refused.log'), 'utf8')).toContain('(join-token-invalid)');
    return systemClock.monotonicMs() - began;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('certificates that live for seconds', () => {
  let cluster: Cluster;
  let lifeMs: number;
  beforeAll(async () => {
    lifeMs = Math.max(LIFE_MS_MIN, Math.ceil(STARTS_OF_A_LIFE * (await startMs())));
    cluster = await testCluster({
      servers: 1,
      workers: 1,
      agents: 1,
      serverEnv: { DROVER_CERTIFICATE_LIFE: `${lifeMs}ms` },
    });
  }, 240_000);
  afterAll(() => cluster?.stop());

  const identity = (name: string) =>
    JSON.parse(readFileSync(join(cluster.folder, name, 'identity.json'), 'utf8')) as {
      certificate: string;
      agentId: string;
      hostId: string;
    };
  const certificate = (name: string) => new X509Certificate(identity(name).certificate);
  const host = async (): Promise<HostRecord> => (await cluster.store.hostFetch('host-1'))!;
  const log = (name: string): string => readFileSync(join(cluster.folder, 'logs', `${name}.log`), 'utf8');

  it('are renewed by worker and agent, twice and more, and the links stay', async () => {
    const linkedSince = (await host()).linkChangedAtMs;
    const first = new Map(['worker-1', 'host-1'].map((name) => [name, certificate(name)]));
    await Promise.all(
      [...first].map(([name, { serialNumber }]) => {
        const seen = new Set([serialNumber]);
        return until(
          `${name} to have renewed twice`,
          () => seen.add(certificate(name).serialNumber).size >= 3,
          4 * lifeMs + PATIENCE_MS,
        );
      }),
    );
    await until(
      'the first certificates to expire',
      () => [...first.values()].every(({ validTo }) => systemClock.nowMs() > Date.parse(validTo) + 1_000),
      2 * lifeMs,
    );
    expect(await host()).toMatchObject({ linked: true, linkChangedAtMs: linkedSince });
    // Whoever links anew does it with the renewed ones, at both ends.
    await cluster.workers[0]!.kill();
    cluster.workers[0]!.start();
    await until(
      'the agent to be linked again',
      async () => {
        const { linked, linkChangedAtMs } = await host();
        return linked && linkChangedAtMs !== linkedSince;
      },
      lifeMs + PATIENCE_MS,
    );
    expect(cluster.unexpectedEnds).toEqual([]);
  }, 600_000);

  it('that expired while their agent was away are told as such, with what to do; joining again keeps agent and host', async () => {
    await cluster.agents[0]!.terminate();
    const before = identity('host-1');
    await until(
      'the certificate to expire',
      () => systemClock.nowMs() > Date.parse(certificate('host-1').validTo) + 1_000,
      2 * lifeMs,
    );
    cluster.agents[0]!.start();
    await until(
      'the agent to be told',
      () =>
        /certificate-expired.*--join TOKEN/.test(log('host-1')) &&
        log('host-1').includes('the worker refused this agent'),
      lifeMs + PATIENCE_MS,
    );
    await cluster.agents[0]!.terminate();
    // A new token on the same data folder.
    const back = new ManagedProcess({
      name: 'host-1-back',
      program: 'drover-agent',
      args: [
        '--data',
        join(cluster.folder, 'host-1'),
        '--machine-id',
        'machine-1',
        '--join',
        await cluster.joinToken('agent'),
      ],
      env: {},
      logFolder: join(cluster.folder, 'logs'),
    });
    back.start();
    try {
      await until('the host to be linked again', async () => (await host()).linked, lifeMs + PATIENCE_MS);
      expect(identity('host-1')).toMatchObject({ agentId: before.agentId, hostId: before.hostId });
      expect((await host()).id).toBe(before.hostId);
    } finally {
      await back.terminate();
    }
  }, 600_000);
});
