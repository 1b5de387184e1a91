/**
 * Agents upgrade themselves, as installed: two real versions of the executable under `launch`, a server that hands out packages, scripts that run
 * through it; and versions that hang, crash, lie or are damaged, which must leave the former one running.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, dataOf } from '@drover/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPackage, putVersion, executableOf, packProgram, placeAgent } from '../support/agent-packages.ts';
import { type Cluster, ManagedProcess } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

const HOSTS = ['host-1', 'host-2'];
const TERMINAL = ['succeeded', 'failed', 'cancelled'];

describe('an upgrade of agents', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-upgrade-'));
  const packages = join(folder, 'packages');
  const rootOf = (host: string): string => join(folder, host, 'lib');
  const agents = new Map<string, ManagedProcess>();
  let cluster: Cluster;
  const client = () => createClient({ baseUrl: cluster.urls[0]!, token: cluster.token });

  beforeAll(async () => {
    mkdirSync(packages, { mode: 0o755 });
    await putVersion(packages, '1.0.0');
    await putVersion(packages, '1.1.0');
    cluster = await testCluster({ servers: 1, workers: 1, agents: 0, serverEnv: { DROVER_PACKAGES: packages } });
    for (const host of HOSTS) {
      const launch = placeAgent(rootOf(host), executableOf(packages, '1.0.0'), '1.0.0');
      const env = {
        DROVER_AGENT_ROOT: rootOf(host),
        DROVER_AGENT_DATA: join(folder, host, 'data'),
        DROVER_JOIN: await cluster.joinToken('agent'),
      };
      const agent = new ManagedProcess({
        name: host,
        program: launch,
        args: ['--respawn', '--name', host, '--machine-id', host],
        env,
        logFolder: join(cluster.folder, 'logs'),
      });
      agent.start();
      agents.set(host, agent);
    }
    await until(
      'the agents to be linked',
      async () =>
        (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 })).items.length === HOSTS.length,
    );
  }, 180_000);
  afterAll(async () => {
    for (const agent of agents.values()) await agent.terminate();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const versions = async (): Promise<unknown[]> =>
    (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 })).items.map(
      (host) => host.facts.agentVersion,
    );
  async function upgrade(
    version: string,
    more: { batch?: number; maxFailed?: number; targets?: string } = {},
  ): Promise<string> {
    return dataOf(
      await client().POST('/api/v1/upgrades', {
        body: { targets: 'all', version, batch: 10, maxFailed: 0, wait: '40s', ...more },
      }),
    ).id;
  }
  async function ended(id: string) {
    const found = await until(
      'the upgrade to be over',
      async () => {
        const now = dataOf(await client().GET('/api/v1/upgrades/{id}', { params: { path: { id } } }));
        return TERMINAL.includes(now.state) && now;
      },
      90_000,
    );
    return {
      ...found,
      agents: dataOf(await client().GET('/api/v1/upgrades/{id}/agents', { params: { path: { id } } })).items,
    };
  }

  it('brings a new version to one batch after the other while scripts run through it to their right end', async () => {
    const flag = join(folder, 'go-on');
    const marks = join(folder, 'marks');
    const run = dataOf(
      await client().POST('/api/v1/runs', {
        body: {
          targets: 'all',
          script: `echo began >> ${marks}.$DROVER_HOST\nwhile [ ! -e ${flag} ]; do sleep 0.1; done\necho ended\nexit 7\n`,
        },
      }),
    );
    await until('both to have begun', () => HOSTS.every((host) => existsSync(`${marks}.${host}`)));
    const upgraded = await ended(await upgrade('1.1.0', { batch: 1 }));
    expect(upgraded).toMatchObject({ state: 'succeeded', counts: { succeeded: 2, waiting: 0, ordered: 0 } });
    expect(upgraded.agents.map((agent) => [agent.state, agent.fromVersion])).toEqual([
      ['succeeded', '1.0.0'],
      ['succeeded', '1.0.0'],
    ]);
    // One after the other: the second was ordered when the first had ended.
    expect(upgraded.agents[1]!.orderedAt! >= upgraded.agents[0]!.finishedAt!).toBe(true);
    expect(await versions()).toEqual(['1.1.0', '1.1.0']);
    for (const host of HOSTS) {
      expect(readlinkSync(join(rootOf(host), 'current'))).toBe('1.1.0');
      // The former one is kept; nothing else is left behind.
      expect(readdirSync(rootOf(host)).toSorted()).toEqual(['1.0.0', '1.1.0', 'current', 'launch', 'outcome']);
    }
    writeFileSync(flag, '');
    const executions = await until('the run to be over', async () => {
      const { items } = dataOf(
        await client().GET('/api/v1/runs/{runId}/executions', { params: { path: { runId: run.id } } }),
      );
      return items.every((execution) => execution.finishedAt) && items;
    });
    expect(executions.map((execution) => [execution.state, execution.outcome, execution.attempt])).toEqual([
      ['failed', { kind: 'exited', code: 7 }, 1],
      ['failed', { kind: 'exited', code: 7 }, 1],
    ]);
    for (const host of HOSTS) expect(readFileSync(`${marks}.${host}`, 'utf8')).toBe('began\n');
  }, 120_000);

  it('takes back a version that hangs, and orders nothing further', async () => {
    packProgram(
      packages,
      '1.2.0',
      '#!/bin/sh\n[ "$1" = --version ] && { echo 1.2.0; exit; }\nwhile :; do sleep 1; done\n',
    );
    const upgraded = await ended(await upgrade('1.2.0', { batch: 1 }));
    expect(upgraded).toMatchObject({ state: 'failed', counts: { rolled_back: 1, skipped: 1 } });
    expect(upgraded.agents[0]).toMatchObject({ state: 'rolled_back', code: 'upgrade-rolled-back' });
    await until('the former version to be back', async () => (await versions()).join() === '1.1.0,1.1.0');
  }, 120_000);

  it('takes back a version that crashes, at once', async () => {
    packProgram(packages, '1.3.0', '#!/bin/sh\n[ "$1" = --version ] && { echo 1.3.0; exit; }\nexit 3\n');
    const upgraded = await ended(await upgrade('1.3.0', { targets: 'host-2' }));
    expect(upgraded.agents[0]).toMatchObject({ state: 'rolled_back', detail: expect.stringContaining('3 times') });
    expect(readlinkSync(join(rootOf('host-2'), 'current'))).toBe('1.1.0');
  });

  it('never switches to a version that is damaged, does not start, or says it is another', async () => {
    packProgram(packages, '1.4.0', '#!/bin/sh\necho 1.4.0\n', (bytes) =>
      Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]),
    );
    packProgram(packages, '1.5.0', '#!/no/such/interpreter\n');
    packProgram(packages, '1.6.0', '#!/bin/sh\necho 9.9.9\n');
    for (const [version, code] of [
      ['1.4.0', 'package-invalid'],
      ['1.5.0', 'package-unusable'],
      ['1.6.0', 'package-unusable'],
    ] as const) {
      const upgraded = await ended(await upgrade(version, { maxFailed: 2 }));
      expect(upgraded.agents.map((agent) => [agent.state, agent.code])).toEqual([
        ['failed', code],
        ['failed', code],
      ]);
      expect(upgraded.state).toBe('succeeded');
    }
    expect(await versions()).toEqual(['1.1.0', '1.1.0']);
  });

  it('refuses a version that is not there and hosts that are in another upgrade; goes back to an older version; survives its server', async () => {
    await expect(upgrade('7.7.7').catch((error: { code: string }) => error.code)).resolves.toBe('package-not-found');
    const id = await upgrade('1.0.0');
    await expect(upgrade('1.0.0', { targets: 'host-1' }).catch((error: { code: string }) => error.code)).resolves.toBe(
      'upgrade-in-progress',
    );
    await cluster.servers[0]!.kill();
    cluster.servers[0]!.start();
    const upgraded = await until(
      'the server to be back and the upgrade to end',
      () => ended(id).catch(() => undefined),
      90_000,
    );
    expect(upgraded).toMatchObject({ state: 'succeeded', counts: { succeeded: 2 } });
    expect(await versions()).toEqual(['1.0.0', '1.0.0']);
    const late = await client()
      .POST('/api/v1/upgrades/{id}/cancel', { params: { path: { id } } })
      .then(
        () => 'cancelled',
        (error: { code: string }) => error.code,
      );
    expect(late).toBe('upgrade-already-finished');
  }, 120_000);

  it('is over when it is told as over: a package that is put right afterwards is not switched to; damaged ones are told of', async () => {
    const cli = (...args: string[]): Promise<CliResult> =>
      runCli(['agents', ...args], { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token });
    const file = `drover-agent-1.1.0-linux-${process.arch}.gz`;
    const good = readFileSync(join(packages, file));
    writeFileSync(join(packages, file), good.subarray(1));
    // Of no use to anybody: refused at once. For another processor it may be whole.
    const refused = await cli('upgrade', '-t', 'host-1', '--to', '1.1.0', '--wait', '20s');
    expect(refused.stderr).toContain('package-invalid');
    expect((await cli('packages')).stdout).toMatch(new RegExp(`^1\\.1\\.0 .*${file} has \\d+ bytes, not the`, 'm'));
    addPackage(packages, '1.1.0', 'other');
    writeFileSync(join(packages, 'drover-agent-8.0.0.json'), '{}');
    expect((await cli('packages')).stdout).toMatch(/^8\.0\.0 +the manifest was passed over: it is damaged/m);
    const ended = await cli('upgrade', '-t', 'host-1', '--to', '1.1.0', '--wait', '20s');
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/host-1 +failed +package-fetch-failed +.*answered 422 .*bytes, not the/);
    writeFileSync(join(packages, file), good);
    // The agent has settled it: it is not in the middle of anything, and will do nothing more of it.
    expect(readFileSync(join(rootOf('host-1'), 'outcome'), 'utf8')).toMatch(
      /\n1\.0\.0\n1\.1\.0\nfailed\npackage-fetch-failed\n/,
    );
    expect([readlinkSync(join(rootOf('host-1'), 'current')), existsSync(join(rootOf('host-1'), 'trial'))]).toEqual([
      '1.0.0',
      false,
    ]);
    rmSync(join(packages, 'drover-agent-8.0.0.json'));
  });

  it('is asked for, followed and told by the command line', async () => {
    const cli = (...args: string[]): Promise<CliResult> =>
      runCli(['agents', ...args], { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token });
    expect((await cli('packages')).stdout).toMatch(/^1\.6\.0 .*\n[^]*^1\.0\.0 +linux-/m);
    const done = await cli('upgrade', '-t', 'host-1', '--to', '1.1.0', '--wait', '40s');
    expect(done).toMatchObject({ code: 0, stdout: 'upgrade succeeded: 1 succeeded\n' });
    expect(done.stderr).toContain('1.1.0: 1 ordered');
    const failed = await cli('upgrade', '-t', 'all', '--to', '1.6.0', '--wait', '40s', '--json');
    expect(failed.code).toBe(1);
    const { upgrade: record, agents: told } = JSON.parse(failed.stdout) as {
      upgrade: { id: string; state: string };
      agents: { host: string; code: string }[];
    };
    expect([record.state, told.map((agent) => agent.code)]).toEqual([
      'failed',
      ['package-unusable', 'package-unusable'],
    ]);
    expect((await cli('upgrades', 'list')).stdout).toContain(record.id);
    expect((await cli('upgrades', 'show', record.id)).stdout).toMatch(/host-1 +failed +1\.1\.0 +package-unusable/);
    expect((await cli('upgrades', 'cancel', record.id)).stderr).toContain('upgrade-already-finished');
    expect((await cli('upgrade', '-t', 'all', '--wait', '5')).stderr).toContain('bad-duration');
    expect((await cli('list')).stdout).toMatch(/host-1 +linked +1\.1\.0/);
    expect((await cli('show', 'host-1')).stdout).toMatch(/version +1\.1\.0/);
  }, 90_000);

  it('passes agents over that are no packages, and has not failed for them', async () => {
    const own = new ManagedProcess({
      name: 'from-sources',
      program: 'drover-agent',
      args: ['--data', join(folder, 'from-sources'), '--name', 'from-sources', '--machine-id', 'from-sources'],
      env: { DROVER_JOIN: await cluster.joinToken('agent') },
      logFolder: join(cluster.folder, 'logs'),
    });
    own.start();
    agents.set('from-sources', own);
    await until('its link', async () => (await cluster.store.hostFetch('from-sources'))?.linked);
    const upgraded = (targets: string): Promise<CliResult> =>
      runCli(['agents', 'upgrade', '-t', targets, '--to', '1.1.0', '--wait', '40s'], {
        DROVER_URL: cluster.urls[0]!,
        DROVER_TOKEN: cluster.token,
      });
    const both = await upgraded('host-1,from-sources');
    expect([both.code, both.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^from-sources +skipped +upgrade-unsupported +This agent was not installed as a package; .*\n+upgrade succeeded: 1 succeeded, 1 skipped\n$/m,
      ) as string,
    ]);
    const alone = await upgraded('from-sources');
    expect([alone.code, alone.stdout]).toEqual([0, expect.stringMatching(/^upgrade succeeded: 1 skipped$/m) as string]);
  }, 90_000);
});
