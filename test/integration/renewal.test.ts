/** Certificates of a short life through the real programs: renewed again and again while links stay up, and a way back after one that expired. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { HostRecord } from '../../src/store/store.ts';
import { Cluster, ManagedProcess } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const LIFE_MS = 12_000;

describe('certificates that live for seconds', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({
      servers: 1,
      workers: 1,
      agents: 1,
      serverEnv: { DROVER_CERTIFICATE_LIFE: `${LIFE_MS}ms` },
    });
  }, 120_000);
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
    for (const name of ['worker-1', 'host-1']) {
      const seen = new Set([certificate(name).serialNumber]);
      await until(
        `${name} to have renewed twice`,
        () => seen.add(certificate(name).serialNumber).size >= 3,
        4 * LIFE_MS,
      );
    }
    expect(await host()).toMatchObject({ linked: true, linkChangedAtMs: linkedSince });
    // The first certificates have expired: whoever links anew does it with the renewed ones, at both ends.
    await cluster.workers[0]!.kill();
    cluster.workers[0]!.start();
    await until(
      'the agent to be linked again',
      async () => {
        const { linked, linkChangedAtMs } = await host();
        return linked && linkChangedAtMs !== linkedSince;
      },
      30_000,
    );
    expect(cluster.unexpectedEnds).toEqual([]);
  }, 120_000);

  it('that expired while their agent was away are told as such, with what to do; joining again keeps agent and host', async () => {
    await cluster.agents[0]!.terminate();
    const before = identity('host-1');
    await until(
      'the certificate to expire',
      () => systemClock.nowMs() > Date.parse(certificate('host-1').validTo) + 1_000,
      2 * LIFE_MS,
    );
    cluster.agents[0]!.start();
    await until(
      'the agent to be told',
      () =>
        /certificate-expired.*--join TOKEN/.test(log('host-1')) &&
        log('host-1').includes('the worker refused this agent'),
      30_000,
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
      await until('the host to be linked again', async () => (await host()).linked, 30_000);
      expect(identity('host-1')).toMatchObject({ agentId: before.agentId, hostId: before.hostId });
      expect((await host()).id).toBe(before.hostId);
    } finally {
      await back.terminate();
    }
  }, 120_000);
});
