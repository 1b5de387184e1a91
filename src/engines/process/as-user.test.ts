/** The shell text that gives a user his variables, under the shells that are `sh` somewhere: byte for byte, whatever the names. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { HELD } from '../../domain/run/process-strings.ts';
import { AFTER_LOGIN, AS_USER } from './environment.ts';

const ODD = `a  b "$(echo no)" '*' \\ \`id\` \n\ttwo\r\n\u0081é😀 `;
/** What a loader, a shell or a tool reads; what these shells use or keep for themselves; and letters that scripts take. */
const NAMES = [
  ...[
    'LD_LIBRARY_PATH',
    'GCONV_PATH',
    'LOCPATH',
    'BASH_ENV',
    'ENV',
    'CDPATH',
    'TMPDIR',
    'PS4',
    'IFS',

    'OLDPWD',
    'HOME',
  ],
  ...[
    'UID',
    'EUID',
    'PPID',
    'SHELLOPTS',
    'BASHOPTS',
    'BASH_VERSINFO',
    'PERL5LIB',
    'PYTHONPATH',
    'NODE_OPTIONS',
    'LANG',
    'TERM',
    'MAIL',
    'KSH_VERSION',
  ],
  ...['p', 'q', 's', 'n', 'x', 'A', 'N', '_1', 'a_very_long_name_of_a_variable_0123456789'],
];
const variables = Object.fromEntries(NAMES.map((name, i) => [name, i % 5 === 4 ? '' : `${ODD}${i}`]));

const told = (stdout: string): Record<string, string> =>
  Object.fromEntries(
    stdout
      .split('\0')
      .filter((text) => text !== '')
      .map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  );
const held = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`${HELD}${name}`, value]));
const PRINT = ['/usr/bin/env', '-0'];
/** Which a shell sets anew when it begins, or for each program. */
const isOfShell = (name: string): boolean => ['_', 'SHLVL'].includes(name);

for (const [shell, ...args] of [['dash'], ['busybox', 'sh'], ['bash', '--posix'], ['bash']] as [
  string,
  ...string[],
][]) {
  const run = (text: string, words: readonly string[], env: Record<string, string>): Record<string, string> => {
    const { stdout, stderr, status } = spawnSync(shell, [...args, '-c', text, ...words, ...PRINT], {
      // With a socket there, bash takes itself for one of a remote login.
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    return Object.fromEntries(Object.entries(told(stdout)).filter(([name]) => !isOfShell(name)));
  };

  it(`gives each variable its value, and leaves nothing of ours, under ${[shell, ...args].join(' ')}`, () => {
    const PATH = '/nowhere:/usr/bin';
    const given = run(AS_USER, ['drover-user', '/tmp', 'given', `PATH OPTIND PWD ${NAMES.join(' ')} -`], {
      PATH: '/usr/bin:/bin',
      DROVER_ATTEMPT_ID: 'mark',
      [`${HELD}PATH`]: PATH,
      [`${HELD}OPTIND`]: 'x',
      [`${HELD}PWD`]: '/elsewhere',
      ...held,
    });
    expect(given).toEqual({ DROVER_ATTEMPT_ID: 'mark', PATH, PWD: '/tmp', ...variables });
  });

  it(`gives the second part of what is held in two, and keeps what a login shell gives again, under ${[shell, ...args].join(' ')}`, () => {
    const given = run(AS_USER, ['drover-user', '/tmp', '', 'IFS LONG - K'], {
      PATH: '/bin',
      [`${HELD}IFS`]: ' K',
      [`${HELD}LONG`]: 'one ',
      [`${HELD}2LONG`]: ODD,
      [`${HELD}K`]: 'v',
    });
    expect(given).toEqual({ PATH: '/bin', PWD: '/tmp', IFS: ' K', LONG: `one ${ODD}`, K: 'v', [`${HELD}K`]: 'v' });
  });

  it(`begins nothing where the folder that was asked for is gone, under ${[shell, ...args].join(' ')}`, () => {
    const words = (isGiven: string): string[] => [
      ...args,
      '-c',
      AS_USER,
      'drover-user',
      '/no/folder',
      isGiven,
      '-',
      'pwd',
    ];
    const { status, stdout, stderr } = spawnSync(shell, words('given'), { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([126, '', 'drover: the folder /no/folder cannot be entered any more\n']);
    expect(spawnSync(shell, words(''), { cwd: '/', encoding: 'utf8' }).stdout).toBe('/\n');
  });

  it(`gives what was given again after a login, also by the name that a shell counts with, under ${[shell, ...args].join(' ')}`, () => {
    const names = NAMES.filter(
      (name) => !['UID', 'EUID', 'PPID', 'SHELLOPTS', 'BASHOPTS', 'BASH_VERSINFO', 'PWD', 'OLDPWD'].includes(name),
    );
    const given = run(AFTER_LOGIN, ['drover-login', '/', names.join(' ')], { ...held, n: 'of the profile' });
    expect(given).toMatchObject(Object.fromEntries(names.map((name) => [name, variables[name]])));
  });
}
