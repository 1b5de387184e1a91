/** What is down, in a fleet where some hosts have an agent and some are reached over SSH: the last connection is what is known of those. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requiring } from '../support/needs.ts';
import { SshWorld } from '../support/sshd.ts';
import { testUp, type TestUp } from '../support/test-cluster.ts';
import { cliOf, newDataDir, type CliResult } from '../support/up.ts';
import { until } from '../support/until.ts';

type Listed = { items: { name: string; sshContact?: { at: string; code?: string } }[] };

requiring('sshd').describe('what is down', () => {
  const dataDir = newDataDir();
  const world = new SshWorld();
  let up: TestUp;
  let cli: (...args: string[]) => Promise<CliResult>;
  let port: string;

  beforeAll(async () => {
    up = await testUp(dataDir, 1);
    cli = cliOf(up);
    port = String((await world.start()).port);
    const login = ['--default', '--user', world.user];
    await ok('accounts', 'create', 'ops', '--scope', 'box-*', ...login, '--key', world.userKey.path);
    await ok(
      'accounts',
      'create',
      'stranger',
      '--scope',
      'all',
      '--user',
      world.user,
      '--key',
      world.makeKey('rsa').path,
    );
    await ok('hosts', 'add', 'box-1', '--address', '127.0.0.1', '--port', port);
    await ok('hosts', 'add', 'box-2', '--address', '127.0.0.1', '--port', '1');
  }, 120_000);
  afterAll(async () => {
    await up?.end();
    await world.end();
  });

  async function ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await cli(...args);
    expect([args, code, stderr]).toEqual([args, 0, '']);
    return stdout;
  }
  const names = async (...args: string[]): Promise<string[]> =>
    (await ok('hosts', 'list', '-o', 'name', ...args)).split('\n').filter((name) => name !== '');
  /** Code of the last connection to each host that one was made to; empty where it was reached. */
  async function contacts(): Promise<Record<string, string>> {
    const { items } = JSON.parse(await ok('hosts', 'list', '--json')) as Listed;
    return Object.fromEntries(
      items.flatMap(({ name, sshContact }) => (sshContact ? [[name, sshContact.code ?? '']] : [])),
    );
  }
  const heard = (wanted: Record<string, string>): Promise<unknown> =>
    until('the contacts to be on record', async () => JSON.stringify(await contacts()) === JSON.stringify(wanted));

  it('is known of no host that nobody has tried', async () => {
    expect(await contacts()).toEqual({});
    expect(await names('--state', 'ssh')).toEqual(['box-1', 'box-2']);
    expect(await names('--down')).toEqual([]);
    expect(await ok('hosts', 'show', 'box-1')).not.toContain('last ssh');
  });

  it('is what a test of the way or a run has not reached last, with the reason and the time', async () => {
    await cli('hosts', 'test', 'box-2');
    await heard({ 'box-2': 'ssh-refused' });
    expect(await names('--down')).toEqual(['box-2']);
    expect(await names('--state', 'unreached')).toEqual(['box-2']);
    expect(await ok('hosts', 'list', '-o', 'wide', '--utc')).toMatch(/LAST SSH[^]*box-2 .*ssh-refused \d{4}-\d\d-\d\d/);
    expect(await ok('hosts', 'show', 'box-2', '--utc')).toMatch(/^last ssh +ssh-refused \d{4}-/m);
    await cli('run', '-t', 'all', '--', 'exit 3');
    // Work that failed has reached its host, and the host with an agent was asked over its agent.
    await heard({ 'box-1': '', 'box-2': 'ssh-refused' });
    expect(await ok('hosts', 'show', 'box-1', '--utc')).toMatch(/^last ssh +reached \d{4}-/m);
    expect(await names('--state', 'ssh')).toEqual(['box-1']);
  });

  it('is no more what is reached again, and is what lets nobody in', async () => {
    await ok('hosts', 'edit', 'box-2', '--port', port);
    await until('the new way to count', async () => (await cli('run', '-t', 'box-2', '--', 'true')).code === 0);
    await heard({ 'box-1': '', 'box-2': '' });
    expect(await names('--down')).toEqual([]);
    await ok('hosts', 'edit', 'box-1', '--account', 'stranger');
    await until('the change to count', async () => (await cli('run', '-t', 'box-1', '--', 'true')).code !== 0);
    await heard({ 'box-1': 'ssh-auth-failed', 'box-2': '' });
    // An account that somebody tries beside is another question.
    expect((await cli('hosts', 'test', 'box-2', '--as', 'stranger')).code).toBe(1);
    expect(await contacts()).toEqual({ 'box-1': 'ssh-auth-failed', 'box-2': '' });
    expect(await names('--down')).toEqual(['box-1']);
    await ok('hosts', 'edit', 'box-1', '--clear', 'account');
    await until('the account to count', async () => (await cli('hosts', 'test', 'box-1')).code === 0);
    expect(await contacts()).toEqual({ 'box-1': '', 'box-2': '' });
  });
});
