/**
 * An agent that is taken off by `drover agents uninstall` and comes again by `drover agents install`: real sshd, real packages, real
 * programs, under a prefix of their own on this machine.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { HostRecord } from '../../src/store/contract/host.ts';
import { putVersion } from '../support/agent-packages.ts';
import { Cluster } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { SshWorld } from '../support/sshd.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

requiring('root', 'sshd').describe('a host whose agent is uninstalled', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-uninstall-'));
  const packages = join(folder, 'packages');
  const world = new SshWorld();
  let cluster: Cluster;
  let env: Record<string, string>;

  beforeAll(async () => {
    mkdirSync(packages);
    await putVersion(packages, '1.0.0');
    cluster = await Cluster.start({ servers: 1, workers: 1, agents: 0, serverEnv: { DROVER_PACKAGES: packages } });
    env = { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token };
    const prefix = join(folder, 'machine');
    const { port } = await world.start({
      lines: [`SetEnv PREFIX=${prefix} DROVER_MACHINE_ID=${prefix} HOME=${world.folder}`],
    });
    // The prefix is handed through: an environment as the session's own.
    const login = ['--user', 'root', '--key', world.userKey.path, '--environment', 'agent'];
    await ok('accounts', 'create', 'ops', '--scope', 'box', ...login, '--default');
    await ok('hosts', 'add', 'box', '--address', '127.0.0.1', '--port', String(port));
    await ok('agents', 'install', '-t', 'box', '--as', 'ops');
    await linked();
  }, 300_000);
  afterAll(async () => {
    if (cluster) await cli('agents', 'uninstall', '-t', 'box', '--as', 'ops', '--force', '--purge');
    await cluster?.stop();
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const cli = (...args: string[]): Promise<CliResult> => runCli(args, env);
  async function ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await cli(...args);
    expect([args, code], stdout + stderr).toEqual([args, 0]);
    return stdout;
  }
  const box = async (): Promise<HostRecord> => (await cluster.store.hostFetch('box'))!;
  const linked = (): Promise<unknown> => until('the agent to be linked', async () => (await box()).linked, 60_000);
  const named = (...args: string[]): Promise<string> => ok('hosts', 'list', '-o', 'name', ...args);

  it('has none any more, is reached over SSH, and is not down', async () => {
    const agent = (await box()).agentId;
    expect(agent).toBeDefined();
    await ok('agents', 'uninstall', '-t', 'box', '--as', 'ops');
    await until('the link to be gone', async () => !(await box()).linked);
    expect(await box()).toMatchObject({ agentUninstalledAtMs: expect.any(Number) as number });
    expect((await box()).agentId).toBeUndefined();
    expect([await named('--down'), await named('--state', 'ssh')]).toEqual(['', 'box\n']);
    expect(await ok('hosts', 'list')).not.toContain('agent away');
    expect(await ok('hosts', 'show', 'box', '--utc')).toMatch(/^agent +uninstalled \d{4}-/m);
    expect(await ok('agents', 'list', '--state', 'uninstalled')).toContain('box');
    expect(await cli('agents', 'upgrade', '-t', 'box')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('(no-target-matched)') as string,
    });
    expect(await ok('run', '-t', 'box', '--dry-run', '--', 'true')).toContain('as root, over SSH with ops');
  }, 120_000);

  it('without a way is told as one that nothing reaches', async () => {
    const { address, port } = await box();
    await ok('hosts', 'edit', 'box', '--clear', 'address');
    expect(await named('--state', 'none')).toBe('box\n');
    await ok('hosts', 'edit', 'box', '--address', address!, '--port', String(port));
  });

  it('is linked again, as the same agent, when it is installed again', async () => {
    await ok('agents', 'install', '-t', 'box', '--as', 'ops');
    await linked();
    expect(await named('--state', 'linked')).toBe('box\n');
    expect((await box()).agentUninstalledAtMs).toBeUndefined();
    const agent = (await box()).agentId!;
    // The end of its link is one as any other again.
    const { workerId } = await box();
    const gone = {
      hostId: (await box()).id,
      agentId: agent,
      workerId: workerId!,
      linked: false,
      atMs: systemClock.nowMs(),
    };
    await cluster.store.hostPresenceWrite([gone]);
    expect(await named('--state', 'lost')).toBe('box\n');
    await cluster.store.hostPresenceWrite([{ ...gone, linked: true, atMs: systemClock.nowMs() }]);
  }, 120_000);
});
