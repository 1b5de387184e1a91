import { describe, expect, it } from 'vitest';
import { executionOrder, type SpecMore } from '../../../test/support/execution-spec.ts';
import type { ExecutionOrder } from '../../ledger/engine.ts';
import { PATH } from './environment.ts';
import { isRefusal, planProcess, type PlanContext, type ProcessPlan } from './plan.ts';

const context: PlanContext = {
  attemptId: 'r.0.0.2',
  hostName: 'h',
  hostId: 'i',
  scriptPath: '/spool/script',
  agentUid: 0,
  agentUser: 'root',
  account: { name: 'app', uid: 1_000, gid: 1_000, home: '/home/app', shell: '/usr/bin/zsh' },
  agentEnvironment: {
    PATH: '/opt/bin',
    HOME: '/root',
    http_proxy: 'http://p',
    DROVER_JOIN: 't',
    NODE_CHANNEL_FD: '3',
    NOTIFY_SOCKET: '/run/n',
    EMPTY: undefined,
  },
  lackOf: () => 'absent',
  findProgram: (name) =>
    ({ setpriv: '/usr/bin/setpriv', bash: '/usr/bin/bash', uptime: '/usr/bin/uptime', '/bin/sh': '/bin/sh' })[name],
};
type Given = SpecMore & { readonly argv?: readonly string[] };

const order = ({ argv, ...more }: Given = {}): ExecutionOrder =>
  executionOrder(argv ?? 'true', { args: ['a'], env: { K: 'v' }, secrets: { S: 'secret' }, ...more });

function plan(more: Given, over: Partial<PlanContext> = {}): ProcessPlan {
  const planned = planProcess(order(more), { ...context, ...over });
  if (isRefusal(planned)) throw new Error(planned.detail);
  return planned;
}

describe('a plan', () => {
  it('becomes the account with its supplementary groups, and begins in its home', () => {
    expect(plan({})).toMatchObject({
      argv: [
        '/usr/bin/setpriv',
        '--reuid=1000',
        '--regid=1000',
        '--init-groups',
        '--',
        '/bin/sh',
        '/spool/script',
        'a',
      ],
      cwd: '/home/app',
      env: { HOME: '/home/app', USER: 'app', K: 'v', S: 'secret', DROVER_ATTEMPT: '2' },
    });
  });

  it('looks for what becomes the account where root has its programs, whatever PATH the script is given', () => {
    const asked: [string, string][] = [];
    plan(
      { env: { PATH: '/opt/app/bin:/usr/bin' } },
      {
        findProgram: (name, path) => {
          asked.push([name, path]);
          return context.findProgram(name, path);
        },
      },
    );
    const paths = asked.flatMap(([name, path]) => (name === 'setpriv' ? [path] : []));
    expect([...new Set(paths)]).toEqual([PATH]);
  });

  it('is clean unless said otherwise', () => {
    expect(plan({}).env).toEqual(plan({ environment: 'clean' }).env);
    expect(plan({}).env).not.toHaveProperty('http_proxy');
  });

  it("for login begins the account's shell as the account, with names but no values in its arguments", () => {
    const { argv, env } = plan({ environment: 'login' });
    expect(argv.slice(0, 8)).toEqual([
      '/usr/bin/setpriv',
      '--reuid=1000',
      '--regid=1000',
      '--init-groups',
      '--',
      '/usr/bin/zsh',
      '-l',
      '-c',
    ]);
    expect(argv.slice(9)).toEqual([
      'drover-login',
      '/home/app',
      expect.stringMatching(/^K S DROVER_RUN_ID /),
      '/bin/sh',
      '/spool/script',
      'a',
    ]);
    expect(argv.join(' ')).not.toContain('secret');
    expect(env).toMatchObject({ S: 'secret', __drover_S: 'secret', __drover_DROVER_ATTEMPT_ID: 'r.0.0.2' });
  });

  it.each(['/usr/sbin/nologin', '/bin/false', '/usr/bin/fish', '/bin/tcsh'])(
    'takes sh for login where %s would not do',
    (shell) => {
      expect(plan({ environment: 'login' }, { account: { ...context.account, shell } }).argv).toContain('-l');
      expect(plan({ environment: 'login' }, { account: { ...context.account, shell } }).argv).not.toContain(shell);
    },
  );

  it('leaves bare names to the login shell, and looks others up', () => {
    expect(plan({ environment: 'login', argv: ['uptime'] }).argv).toContain('uptime');
    expect(plan({ environment: 'login', argv: ['own-tool'] }).argv).toContain('own-tool');
    expect(plan({ environment: 'login', lang: 'bash' }).argv).toContain('bash');
    expect(plan({ environment: 'login', lang: 'perl' }).argv).toContain('perl');
    expect(plan({ lang: 'bash' }).argv).toContain('bash');
    for (const more of [
      { lang: 'perl' },
      { environment: 'login' as const, lang: '/opt/none' },
      { environment: 'login' as const, argv: ['/opt/none'] },
    ])
      expect(planProcess(order(more), context)).toMatchObject({ refused: 'interpreter-missing' });
  });

  it('passes over names that no shell can assign, so that nothing is evaluated', () => {
    const { argv, env } = plan({ environment: 'login', env: { 'a;reboot': 'x', ok_1: 'y' } });
    expect(argv[11]).toMatch(/^ok_1 S /);
    expect(env).toMatchObject({ 'a;reboot': 'x', __drover_ok_1: 'y' });
    expect(env).not.toHaveProperty('__drover_a;reboot');
  });

  it("hands the agent's own variables on for agent, but not its channels nor its home", () => {
    const { env } = plan({ environment: 'agent' });
    expect(env).toMatchObject({ PATH: '/opt/bin', http_proxy: 'http://p', HOME: '/home/app', K: 'v', LANG: 'C.UTF-8' });
    for (const name of ['DROVER_JOIN', 'NODE_CHANNEL_FD', 'NOTIFY_SOCKET', 'EMPTY'])
      expect(env).not.toHaveProperty(name);
  });

  it('says why it cannot become somebody', () => {
    expect(planProcess(order(), { ...context, agentUid: 5, agentUser: 'nobody' })).toMatchObject({
      refused: 'user-not-permitted',
      detail: expect.stringContaining('The agent runs as nobody, so it cannot become app.') as string,
    });
    expect(
      planProcess(order(), { ...context, findProgram: (name) => (name === '/bin/sh' ? name : undefined) }),
    ).toMatchObject({ refused: 'interpreter-missing' });
  });
});
