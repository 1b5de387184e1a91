/** What `drover run` says before anything runs: as whom, and where it would not start. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/base/exit-codes.ts';
import { newId } from '../../src/base/ids.ts';
import { certificateRequest, newAgentKey } from '../../src/pki/identity.ts';
import { parseJoinToken } from '../../src/pki/join-token.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { runCli, type CliResult } from '../support/up.ts';

let api: TestApi;
let env: Record<string, string>;
beforeAll(async () => {
  api = await testApi();
  env = {
    DROVER_URL: await api.app.listen({ host: '127.0.0.1', port: 0 }),
    DROVER_TOKEN: await api.token('admin'),
    WEB_PASSWORD: 'hunter2-hunter2',
  };
  for (const host of ['web-1', 'web-2', 'db-1', 'db-2'])
    expect(await cli('hosts', 'add', host, '--address', '127.0.0.1')).toMatchObject({ code: 0 });
  const account = ['--user', 'deploy', '--password', 'env:WEB_PASSWORD', '--default'];
  expect(await cli('accounts', 'create', 'deploy', '--scope', 'web-*', ...account)).toMatchObject({ code: 0 });
}, 60_000);
afterAll(() => api.close());

const cli = (...args: string[]): Promise<CliResult> => runCli(args, env);
const dryRun = (...args: string[]): Promise<CliResult> => cli('run', '--dry-run', ...args, '--', 'true');

describe('a dry run', () => {
  it('names the hosts that no account reaches, with the reason that the run would have', async () => {
    const { code, stdout } = await dryRun('-t', 'web-1', '-t', 'db-*');
    expect(stdout).toContain('would run on 3 hosts');
    expect(stdout).toMatch(
      /it would not start on 2 of them:\n {2}db-1: db-1 has no account.*\(account-missing\)\n {2}db-2: .*\(account-missing\)\nnothing was written/,
    );
    expect(code).toBe(EXIT.failed);
    const plan = JSON.parse((await dryRun('-t', 'db-1', '--json')).stdout) as Record<string, unknown>;
    expect(plan).toMatchObject({ refusedCount: 1, refused: [{ host: 'db-1', code: 'account-missing' }] });
  });

  it('says on which hosts as whom, and by which way', async () => {
    await cli('accounts', 'create', 'ops', '--scope', 'db-1', '--user', 'root', '--password', 'env:WEB_PASSWORD');
    await cli('hosts', 'edit', 'db-1', '--account', 'ops');
    const { code, stdout } = await dryRun('-t', 'all', '--limit', '4', '-o', 'json');
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stdout)).toMatchObject({
      as: [
        { via: 'ssh', user: 'root', account: 'ops', hostCount: 1, hosts: ['db-1'] },
        { via: 'ssh', user: 'deploy', account: 'deploy', hostCount: 2, hosts: ['web-1', 'web-2'] },
      ],
      refused: [{ host: 'db-2', code: 'account-missing' }],
    });
    expect((await dryRun('-t', 'db-1', '-t', 'web-*')).stdout).toContain(
      '\n  db-1       as root, over SSH with ops\n  web-[1,2]  as deploy, over SSH with deploy\n',
    );
    await cli('hosts', 'edit', 'db-1', '--account', '');
  });

  it('tells the user that who logs in cannot become, and the one that root can', async () => {
    const refused = await dryRun('-t', 'web-*', '--user', 'daemon');
    expect(refused.stdout).toMatch(
      /not start on 2 of them:\n {2}web-1: The account deploy logs in to web-1 as deploy, .* become daemon\..*\(user-not-permitted\)\n/,
    );
    expect(refused.code).toBe(EXIT.failed);
    const become = ['--become', 'sudo', '--become-user', 'postgres'];
    const login = ['--user', 'admin', '--password', 'env:WEB_PASSWORD'];
    expect(await cli('accounts', 'create', 'dba', '--scope', 'db-2', ...login, ...become)).toMatchObject({ code: 0 });
    await cli('hosts', 'edit', 'db-2', '--account', 'dba');
    expect((await dryRun('-t', 'db-2', '--user', 'postgres')).stdout).toContain('as postgres, over SSH with dba');
    expect(await dryRun('-t', 'db-2', '--user', 'root')).toMatchObject({
      code: EXIT.failed,
      stdout: expect.stringContaining(
        'The account dba becomes postgres on db-2, not root. (user-not-permitted)',
      ) as string,
    });
  });

  it('names none where every host has its account', async () => {
    const { code, stdout } = await dryRun('-t', 'web-*');
    expect([code, stdout]).toEqual([EXIT.succeeded, expect.not.stringContaining('would not start')]);
  });

  it('by agents alone names the hosts that have none, and not one whose agent is away', async () => {
    const byAgent = (): Promise<CliResult> => dryRun('-t', 'db-*', '--via', 'agent');
    expect(await byAgent()).toMatchObject({
      code: EXIT.failed,
      stdout: expect.stringMatching(
        /not start on 2 of them:\n {2}db-1: db-1 has no agent\. .*agents install -t db-1.*\(host-without-agent\)\n {2}db-2: /,
      ) as string,
    });
    for (const name of ['db-1', 'db-2']) {
      const { secret } = parseJoinToken((await cli('hosts', 'join-token', name)).stdout.trim());
      const facts = { name, os: 'linux' };
      const body = { secret, csr: certificateRequest(newAgentKey()), name, machineId: newId(), labels: {}, facts };
      const headers = { 'content-type': 'application/json' };
      const joined = await fetch(`${env.DROVER_URL}/api/v1/agents/join`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      expect(joined.ok).toBe(true);
    }
    expect(await byAgent()).toMatchObject({
      code: EXIT.succeeded,
      stdout: expect.stringContaining('\n  db-[1,2]  no way there now') as string,
    });
  });
});

describe('as whom', () => {
  it('is an account with --as, and what is none is refused with the one that may be meant', async () => {
    expect((await dryRun('-t', 'web-1', '--as', 'deploy')).stdout).toContain('as deploy, over SSH with deploy');
    for (const first of [['--dry-run'], []]) {
      const { code, stderr } = await cli('run', ...first, '-t', 'web-1', '--as', 'deply', '--', 'true');
      expect(code).toBe(EXIT.refused);
      expect(stderr).toMatch(
        /There is no account deply\. Did you mean deploy\? A user of the hosts is named with --user deply\..*\(account-not-found\)/,
      );
    }
    const runs = JSON.parse((await cli('runs', 'list', '--json')).stdout) as { items: unknown[] };
    expect(runs.items).toEqual([]);
  });

  it('is a user of the hosts with --user, never both', async () => {
    expect((await dryRun('-t', 'web-1', '--user', 'deploy')).stdout).toContain('as deploy, over SSH');
    expect(await dryRun('-t', 'web-1', '--user', 'deploy', '--as', 'deploy')).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining('Give --as or --user, not both') as string,
    });
  });
});
