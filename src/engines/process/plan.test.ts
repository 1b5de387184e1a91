import { describe, expect, it } from 'vitest';
import { executionOrder, type SpecMore } from '../../../test/support/execution-spec.ts';
import { limits } from '../../base/limits.ts';
import { HELD } from '../../domain/run/process-strings.ts';
import type { ScriptOrder } from '../../ledger/engine.ts';
import { PATH } from './environment.ts';
import { isRefusal, planProcess, type PlanContext, type ProcessPlan } from './plan.ts';

const context: PlanContext = {
  attemptId: 'r.0.0.2',
  hostName: 'h',
  hostId: 'i',
  scriptPath: '/spool/script',
  valuesPath: '/spool/values',
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

const order = ({ argv, ...more }: Given = {}): ScriptOrder =>
  executionOrder(argv ?? 'true', { args: ['a'], env: { K: 'v' }, secrets: { S: 'secret' }, ...more });

function plan(more: Given, over: Partial<PlanContext> = {}): ProcessPlan {
  const planned = planProcess(order(more), { ...context, ...over });
  if (isRefusal(planned)) throw new Error(planned.detail);
  return planned;
}

/** As the user that root has become begins it: what comes before, the folder, the names (with those that stay), and the command. */
function behind(argv: readonly string[]): {
  become: readonly string[];
  folder: string;
  names: string;
  command: readonly string[];
} {
  const at = argv.indexOf('drover-user');
  return { become: argv.slice(0, at - 3), folder: argv[at + 1]!, names: argv[at + 3]!, command: argv.slice(at + 4) };
}
const own = { ...context, agentUid: 1_000, agentUser: 'app' };

describe('a plan', () => {
  it('becomes the account with its supplementary groups, and begins in its home', () => {
    const { argv, cwd } = plan({});
    expect(behind(argv)).toMatchObject({
      become: ['/usr/bin/setpriv', '--reuid=1000', '--regid=1000', '--init-groups', '--'],
      folder: '/home/app',
      command: ['/bin/sh', '/spool/script', 'a'],
    });
    expect(cwd).toBe('/home/app');
    expect(plan({}, own).env).toMatchObject({
      HOME: '/home/app',
      USER: 'app',
      K: 'v',
      S: 'secret',
      DROVER_ATTEMPT: '2',
    });
  });

  it.each(['clean', 'login', 'agent'] as const)(
    'gives root nothing of the run under its own name (%s), nor any value as an argument',
    (environment) => {
      const env = {
        LD_PRELOAD: '/of/app',
        PATH: '/opt/app/bin',
        IFS: 'x',
        '__odd-%%': 'no',
        'BASH_FUNC_sh%%': '() { id; }',
      };
      const { argv, env: roots } = plan({ environment, env });
      expect(Object.keys(roots).filter((name) => !name.startsWith(HELD))).toEqual(['PATH', 'DROVER_ATTEMPT_ID']);
      expect(roots).toMatchObject({
        PATH,
        [`${HELD}PATH`]: '/opt/app/bin',
        [`${HELD}LD_PRELOAD`]: '/of/app',
        [`${HELD}S`]: 'secret',
      });
      const told = argv.join(' ');
      for (const value of ['/of/app', '/opt/app/bin', 'secret', '() {']) expect(told).not.toContain(value);
      expect(behind(argv).names.split(' ')).toEqual(
        expect.arrayContaining(['LD_PRELOAD', 'PATH', 'IFS', 'S', 'HOME', 'DROVER_RUN_ID']),
      );
    },
  );

  it('leaves to root what the agent has itself under a name that no shell can give', () => {
    const agentEnvironment = { 'BASH_FUNC_module%%': '() { :; }', LD_PRELOAD: '/of/agent' };
    const { env } = plan({ environment: 'agent' }, { agentEnvironment });
    expect(env).toMatchObject({ 'BASH_FUNC_module%%': '() { :; }', [`${HELD}LD_PRELOAD`]: '/of/agent' });
    expect(env).not.toHaveProperty('LD_PRELOAD');
  });

  it('holds in two parts what would be too long under a longer name, between two characters', () => {
    const value = `a${'😀'.repeat((limits.argumentStringBytesMax - 8) / 4)}`;
    const held = plan({ env: { V: value }, secrets: {}, args: [] }).env;
    expect(`${held[`${HELD}V`]}${held[`${HELD}2V`]}`).toBe(value);
    for (const [name, part] of Object.entries(held)) {
      expect(Buffer.byteLength(`${name}=${part}`)).toBeLessThan(limits.argumentStringBytesMax);
      expect(Buffer.from(part).toString()).toBe(part);
    }
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
    expect(plan({}, own).env).toEqual(plan({ environment: 'clean' }, own).env);
    expect(plan({}, own).env).not.toHaveProperty('http_proxy');
  });

  it("for login begins the account's shell as the account, with names but no values in its arguments", () => {
    const { become, command, names } = behind(plan({ environment: 'login' }).argv);
    expect(become).toContain('--reuid=1000');
    expect(command.slice(0, 3)).toEqual(['/usr/bin/zsh', '-l', '-c']);
    expect(command.slice(4)).toEqual([
      'drover-login',
      '/home/app',
      expect.stringMatching(/^K S DROVER_RUN_ID /),
      '/bin/sh',
      '/spool/script',
      'a',
    ]);
    // What the profiles may have changed is given once more.
    expect(names).toMatch(/HOME .* - K S DROVER_RUN_ID /);
    const { argv, env } = plan({ environment: 'login' }, own);
    expect(argv[0]).toBe('/usr/bin/zsh');
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
    const { argv, env } = plan({ environment: 'login', env: { 'a;reboot': 'x', ok_1: 'y' } }, own);
    expect(argv[6]).toMatch(/^ok_1 S /);
    expect(env).toMatchObject({ 'a;reboot': 'x', __drover_ok_1: 'y' });
    expect(env).not.toHaveProperty('__drover_a;reboot');
  });

  it("hands the agent's own variables on for agent, but not its channels nor its home", () => {
    const { env } = plan({ environment: 'agent' }, own);
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
