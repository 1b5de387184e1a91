/** The CLI as people use it all day: lines of a shell, signals, what a terminal is given. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorityOf } from '../support/authorities.ts';
import { openTerminal } from '../support/terminal.ts';
import { runPackaged, testUp, type TestUp } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { packagedDrover } from '../support/programs.ts';
import { cleanEnv, cliOf, newDataDir, runStateOf, type CliResult } from '../support/up.ts';

const drover = packagedDrover();
const dataDir = newDataDir();
const folder = join(dataDir, '..', 'files');
let up: TestUp;
let cli: (...args: string[]) => Promise<CliResult>;

beforeAll(async () => {
  up = await testUp(dataDir, 2);
  cli = cliOf(up);
  mkdirSync(folder);
});
afterAll(async () => {
  await up?.end();
});

const access = (): Record<string, string> => ({
  ...authorityOf(up.url),
  DROVER_URL: up.url,
  DROVER_TOKEN: up.token,
});

const stateOf = (id: string): Promise<string | undefined> => runStateOf(up, id);

async function detached(...args: string[]): Promise<string> {
  const { stdout, stderr } = await cli('run', '--detach', ...args);
  expect(stderr).toBe('');
  return stdout.trim();
}

async function ended(id: string): Promise<void> {
  await until(
    `${id} has ended`,
    async () => !['created', 'waiting', 'running', 'stopping', undefined].includes(await stateOf(id)),
  );
}

describe('what to run', () => {
  it('is a line for the shell when it is one argument with characters of the shell, as with ssh', async () => {
    const { code, stdout } = await cli('run', '-t', 'local-1', '--', 'echo one; echo "two $((1 + 2))" | tr t T');
    expect([code, stdout.split('\n').slice(1, 3)]).toEqual([0, ['one', 'Two 3']]);
  });

  it('is a program with its arguments, byte by byte, when it is several', async () =>
    expect((await cli('run', '-t', 'local-1', '--', 'printf', '%s|', 'a b', '$HOME', ';', '*')).stdout).toContain(
      'a b|$HOME|;|*|',
    ));

  it('runs nowhere until it is said where', async () =>
    expect(await cli('run', '--', 'true')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('-t all is every host') as string,
    }));

  it('is not blamed on an option that was not given', async () => {
    const { stderr } = await cli('hosts', 'add', 'bad name!', '--address', '10.0.0.1');
    expect(stderr).toContain('name: ');
    expect(stderr).not.toContain('--name');
  });
});

describe('a terminal', () => {
  const nasty = String.raw`printf '\033]0;title\007\033[2J\033]52;c;aGk=\007out\n'; printf '\033]0;title\007\033[2J\033]52;c;aGk=\007err\n' >&2`;
  const onTerminal = async (command: string): Promise<string> => {
    const at = openTerminal(['sh', '-c', `${command}; echo done`], access());
    expect(await at.ended).toBe(0);
    return at.shown();
  };

  it('is commanded by neither stream, whichever of them goes elsewhere', async () => {
    const id = await detached('-t', 'local-1', '--', nasty);
    await ended(id);
    for (const [command, word] of [
      [`'${drover}' runs output ${id} --host local-1 >/dev/null`, 'err'],
      [`'${drover}' runs output ${id} --host local-1 2>/dev/null`, 'out'],
      [`'${drover}' runs output ${id} 2>/dev/null`, 'out'],
      [`'${drover}' run -t local-1 --live -- sh -c ${JSON.stringify(nasty).replaceAll('$', '\\$')} >/dev/null`, 'err'],
    ] as const) {
      const shown = await onTerminal(command);
      expect([command, shown]).toEqual([command, expect.stringContaining(word)]);
      expect(shown).not.toMatch(/\x1b\]|\x1b\[2J|\x07/);
    }
  });

  it('is not given exact bytes; a file is, by its own kind', async () => {
    const id = await detached('-t', 'local-1', '--', nasty);
    await ended(id);
    expect(await onTerminal(`'${drover}' runs output ${id} --raw`)).toContain(
      'Exact bytes could command this terminal',
    );
    const file = join(folder, 'out');
    await onTerminal(`'${drover}' runs output ${id} --host local-1 >'${file}'`);
    expect(readFileSync(file, 'latin1')).toBe('\x1b]0;title\x07\x1b[2J\x1b]52;c;aGk=\x07out\n');
    // Colours are for the terminal alone, also where the other stream is one.
    await onTerminal(`'${drover}' run -t local-1 --live -- echo plain >'${file}'`);
    expect(readFileSync(file, 'latin1')).not.toContain('\x1b');
  });

  it('shows how outputs differ that look the same', async () => {
    const { stdout } = await cli(
      'run',
      '-t',
      'local-*',
      '--',
      'case $DROVER_HOST in *1) printf a ;; *) echo a ;; esac',
    );
    expect(stdout).toMatch(/as above, but with (a|no) newline at the end of its stdout/);
  });
});

describe('a command that is ended', () => {
  const started = async (
    args: readonly string[],
    program: readonly string[] = [drover],
  ): Promise<{ child: ChildProcess; errors: () => string; id: string; code: Promise<number | null> }> => {
    const words = [...program, 'run', '-t', 'local-1', ...args, '--', 'sleep', '60'];
    const child = spawn(words[0]!, words.slice(1), {
      env: { ...cleanEnv(), ...access() },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()));
    await until('the run is told', () => text.includes(' of 1'));
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, errors: () => text, id: /^(\S+): /m.exec(text)![1]!, code };
  };

  it.each(['SIGTERM', 'SIGHUP'] as const)('by %s cancels its run, and says so', async (signal) => {
    const { child, errors, id, code } = await started([]);
    child.kill(signal);
    expect(await code).toBe(1);
    expect(errors()).toContain(`${signal}: cancelling the run`);
    expect(await stateOf(id)).toBe('cancelled');
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    'by %s leaves the run alone where that was said',
    async (signal) => {
      const { child, errors, id, code } = await started(['--on-disconnect', 'detach']);
      child.kill(signal);
      expect(await code).toBe(1);
      expect(errors()).toContain(`${signal} ends this command, not the run`);
      expect(errors()).toContain(`drover runs watch ${id}`);
      expect(['waiting', 'running']).toContain(await stateOf(id));
      await cli('runs', 'cancel', id);
    },
  );

  it('is not ended by SIGHUP under nohup', async () => {
    const { child, errors, id, code } = await started([], ['nohup', drover]);
    child.kill('SIGHUP');
    child.kill('SIGTERM');
    expect(await code).toBe(1);
    expect(errors()).toContain('SIGTERM: cancelling');
    expect(errors()).not.toContain('SIGHUP');
    await ended(id);
  });

  it('is no agent under nohup, which goes on', async () => {
    const { stdout } = await cli('agents', 'join-token', 'create', '--json');
    const { token } = JSON.parse(stdout) as { token: string };
    const args = ['agent', '--data', join(folder, 'nohup'), '--name', 'nohup-1', '--machine-id', 'nohup-1'];
    const agent = spawn('nohup', [drover, ...args], { stdio: 'ignore', env: { ...cleanEnv(), DROVER_JOIN: token } });
    const ended = new Promise((resolve) => agent.once('exit', (code, signal) => resolve(signal ?? code)));
    const answers = async (): Promise<boolean> =>
      (await cli('run', '-t', 'nohup-1', '--start-deadline', '2s', '--', 'true')).code === 0;
    try {
      await until('it is linked', answers);
      agent.kill('SIGHUP');
      expect(await answers()).toBe(true);
    } finally {
      agent.kill('SIGTERM');
      expect(await ended).toBe(0);
      await cli('agents', 'revoke', 'nohup-1');
      expect(await cli('hosts', 'remove', 'nohup-1')).toMatchObject({ code: 0 });
    }
  });

  it('by closing its terminal lets the run go on, for it can be found again', async () => {
    const pid = join(folder, 'pid');
    const at = openTerminal(['sh', '-c', `echo $$ >'${pid}'; exec '${drover}' run -t local-1 -- sleep 60`], access());
    await at.shows('1 running');
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGHUP');
    expect(await at.ended).toBe(1);
    expect(at.shown()).toContain('SIGHUP ends this command, not the run');
    const id = /runs watch (\S+)/.exec(at.shown())![1]!;
    expect(await stateOf(id)).toBe('running');
    await cli('runs', 'cancel', id);
  });
});

it('an account for a user whom no host has is told', async () => {
  const file = join(folder, 'hosts.ini');
  writeFileSync(file, 'a ansible_host=10.9.9.9 ansible_user=deploy\n');
  const { stderr } = await cli('hosts', 'import', file, '--dry-run', '--account-for', 'depoy=web');
  expect(stderr).toContain('--account-for depoy changes nothing');
  expect(stderr).toContain('--account-for deploy=ACCOUNT');
});

describe('an answer', () => {
  it('has the form that was asked for', async () => {
    const [wide, json, jsonl, yaml, name] = await Promise.all(
      ['wide', 'json', 'jsonl', 'yaml', 'name'].map(async (form) => (await cli('hosts', 'list', '-o', form)).stdout),
    );
    const { items } = JSON.parse(json!) as { items: { id: string; name: string }[] };
    expect(items.map((host) => host.name)).toEqual(['local-1', 'local-2']);
    expect(
      jsonl!
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(items);
    expect(parseYaml(yaml!)).toEqual({ items });
    expect(name).toBe('local-1\nlocal-2\n');
    expect(wide).toContain(items[0]!.id);
    expect((await cli('hosts', 'list')).stdout).not.toContain(items[0]!.id);
  });

  it('of a run has it too', async () => {
    const of = async (form: string): Promise<string> =>
      (await cli('run', '-t', 'local-*', '-o', form, '--', 'echo', 'a: "b"')).stdout;
    const lines = (await of('jsonl')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { stdout: string }).stdout)).toEqual(['a: "b"\n', 'a: "b"\n']);
    expect(parseYaml(await of('yaml'))).toMatchObject({
      run: { state: 'succeeded' },
      executions: [
        { host: 'local-1', stdout: 'a: "b"\n' },
        { host: 'local-2', stdout: 'a: "b"\n' },
      ],
    });
    expect(await of('name')).toMatch(/^[0-9a-f-]{36}\n$/);
  });

  it('that is a refusal is a problem on standard error for a program', async () => {
    const refusals = [
      [['run', '-t', 'nosuch', '--json', '--', 'true'], 3, 'host-not-found'],
      [['run', '--json', '--', 'true'], 2, 'bad-input'],
      [['hosts', 'list', '-o', 'yaml', '--nosuch'], 2, 'bad-input'],
      [['hosts', 'list', '-o', 'xml', '-j'], 2, 'bad-input'],
    ] as const;
    for (const [args, exitCode, code] of refusals) {
      const result = await cli(...args);
      expect([args, result.code, result.stdout]).toEqual([args, exitCode, '']);
      expect(JSON.parse(result.stderr)).toMatchObject({ code, exitCode, detail: expect.any(String) as string });
    }
    expect(
      JSON.parse((await runPackaged(['whoami', '--json'], { ...access(), DROVER_URL: 'http://127.0.0.1:1' })).stderr),
    ).toMatchObject({
      code: 'server-unreachable',
      exitCode: 4,
    });
  });

  it('exits with 5 when hosts were not reached and nothing failed, with 1 as soon as something did', async () => {
    expect((await cli('hosts', 'add', 'remote', '--address', '127.0.0.1', '--zone', 'elsewhere')).code).toBe(0);
    const away = await cli('run', '-t', 'remote', '--start-deadline', '1s', '--', 'true');
    expect(away).toMatchObject({ code: 5, stdout: expect.stringContaining('zone-without-worker') });
    // By an agent, which it has not, there is nothing to be waited for.
    const byAgent = (...more: string[]): Promise<CliResult> =>
      cli('run', '-t', 'remote', '--via', 'agent', '--start-deadline', '1d', ...more, '--', 'true');
    expect((await byAgent('--dry-run')).stdout).toMatch(/remote has no agent.*host-without-agent/);
    expect(await byAgent()).toMatchObject({ code: 1, stdout: expect.stringContaining('host-without-agent') });
    expect((await cli('hosts', 'remove', 'remote')).code).toBe(0);
    expect((await cli('run', '-t', 'local-1', '--', 'false')).code).toBe(1);
  });
});

describe('a host without an address, over SSH alone', () => {
  const ssh = (...more: string[]): Promise<CliResult> =>
    cli('run', '-t', 'local-1', '--via', 'ssh', '--start-deadline', '1d', ...more, '--', 'true');

  it('is told by a dry run, and at once by the run, as what stays so', async () => {
    expect((await ssh('--dry-run')).stdout).toMatch(/local-1.*--address ADDRESS.*host-without-address/);
    const run = await ssh();
    expect(run.stdout).toMatch(/not started, host-without-address/);
    expect(run.code).toBe(1);
  });
});

describe('contexts', () => {
  const home = { HOME: folder, XDG_CONFIG_HOME: join(folder, '.config') };
  const known = (...args: string[]): Promise<CliResult> => runPackaged(args, home);
  const file = join(home.XDG_CONFIG_HOME, 'drover', 'contexts.json');

  it('are stored by logging in, in one file for this user alone, and chosen by name', async () => {
    // Whether there is a server is told before anybody is asked for a token.
    expect(await runPackaged(['login', 'http://127.0.0.1:1'], home)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        /^drover: http:\/\/127\.0\.0\.1:1 was not reached: nothing listens on port 1\./,
      ) as string,
    });
    const ca = authorityOf(up.url).DROVER_CA!;
    for (const name of ['one', 'two']) {
      const login = ['login', up.url, '--ca', ca, '--name', name];
      expect((await runPackaged(login, { ...home, DROVER_TOKEN: up.token })).code).toBe(0);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const marks = async (): Promise<unknown> =>
      (JSON.parse((await known('context', 'list', '--json')).stdout) as { items: object[] }).items;
    const [url, authority] = [up.url, 'own'];
    expect(await marks()).toEqual([
      { name: 'one', url, current: false, authority },
      { name: 'two', url, current: true, authority },
    ]);
    expect((await known('context', 'use', 'one')).code).toBe(0);
    expect((await known('hosts', 'list', '-o', 'name')).stdout).toBe('local-1\nlocal-2\n');
    expect(await known('hosts', 'list', '--context', 'three')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There are: one, two') as string,
    });
    expect((await known('hosts', 'list', '--context', 'two')).code).toBe(0);
    // Nobody works on another server than the one that was meant.
    expect((await runPackaged(['logout'], home)).code).toBe(0);
    expect((await known('context', 'list', '-o', 'name')).stdout).toBe('two\n');
    expect((await known('context', 'remove', 'two')).code).toBe(0);
    expect((await known('hosts', 'list')).stderr).toContain('No server is known');
  });
});

it('tells its version', async () =>
  expect((await runPackaged(['version'])).stdout).toMatch(/^drover \d+\.\d+\.\d+ \(Node v24\./));

describe('hosts', () => {
  it('are listed by expression, file, number and state', async () => {
    const names = async (...args: string[]): Promise<string[]> =>
      (await cli('hosts', 'list', '-o', 'name', ...args)).stdout.trim().split('\n');
    await cli('hosts', 'add', 'box-1', '--address', '127.0.0.1', '--port', '1');
    expect(await names('-t', 'local-*')).toEqual(['local-1', 'local-2']);
    expect(await names('-t', 'local-2,box-1')).toEqual(['box-1', 'local-2']);
    expect(await names('--limit', '2')).toEqual(['box-1', 'local-1']);
    expect(await names('--state', 'ssh')).toEqual(['box-1']);
    expect(await names('--state', 'linked,ssh', '-t', 'not local-1')).toEqual(['box-1', 'local-2']);
    expect(await names('--down')).toEqual(['']);
    const file = join(folder, 'some-hosts');
    writeFileSync(file, '# web\nlocal-2  # the second\n\nbox-1\n');
    expect(await names('--hosts-file', file)).toEqual(['box-1', 'local-2']);
    expect(await names('--hosts-file', file, '-t', 'local-1')).toEqual(['box-1', 'local-1', 'local-2']);
    writeFileSync(file, 'local-2\nweb and\n');
    expect((await cli('hosts', 'list', '--hosts-file', file)).stderr).toContain(
      `--hosts-file ${file}:2 "web and" is not valid`,
    );
    writeFileSync(file, '# nothing\n');
    expect((await cli('run', '--hosts-file', file, '--', 'true')).stderr).toContain('names no hosts');
    expect(await cli('hosts', 'list', '-t', 'nosuch')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^drover: No host is named nosuch\..*\(host-not-found\)/) as string,
    });
    for (const args of [['list'], ['label', 'a=b']])
      expect(await cli('hosts', args[0]!, '-t', 'nosuch=*', ...args.slice(1))).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/^drover: No host matches nosuch=\*\..*\(no-target-matched\)/) as string,
      });
    await cli('hosts', 'remove', 'box-1');
  });

  it('are labelled by expression', async () => {
    expect((await cli('hosts', 'label', '-t', 'local-*', 'role=web')).stdout).toBe(
      'local-1: role=web\nlocal-2: role=web\n',
    );
    expect((await cli('hosts', 'label', 'local-1', 'role-')).stdout).toBe('local-1: no labels\n');
    expect((await cli('hosts', 'list', '-t', 'role=web', '-o', 'name')).stdout).toBe('local-2\n');
    expect((await cli('hosts', 'label', 'local-1')).code).toBe(2);
  });
});

describe('a dry run', () => {
  it('tells where, as whom and what, and writes nothing', async () => {
    const count = async (): Promise<string> =>
      (await cli('runs', 'list', '-n', '500', '-o', 'name')).stdout +
      (await cli('audit', '-n', '1', '-o', 'json')).stdout;
    const before = await count();
    const { code, stdout } = await cli('run', '-t', 'local-*', '--dry-run', '--', 'echo a; echo "b"');
    expect([code, stdout]).toEqual([0, expect.stringContaining('would run on 2 hosts: local-[1,2]')]);
    expect(stdout).toContain('script for sh:\n  echo a; echo "b"');
    expect((await cli('run', '-t', 'all', '--limit', '1', '--dry-run', '--', 'printf', 'a b')).stdout).toMatch(
      /1 host: local-1\n[^]*command: printf 'a b'\n/,
    );
    expect(JSON.parse((await cli('run', '-t', 'local-1', '--dry-run', '--json', '--', 'true')).stdout)).toMatchObject({
      dryRun: true,
      hosts: ['local-1'],
      command: ['true'],
    });
    expect(await count()).toBe(before);
  });

  it('makes every refusal that the run would meet', async () => {
    const { code, stderr } = await cli('run', '-t', 'nosuch', '--dry-run', '--', 'true');
    expect([code, stderr]).toEqual([3, expect.stringContaining('nosuch')]);
    expect((await cli('run', '-t', 'all', '--limit', '0', '--dry-run', '--', 'true')).code).toBe(2);
  });
});

describe('runs', () => {
  it('go to as many hosts as was said, and are shown with what ran, for how long, and by whom', async () => {
    const { stdout } = await cli(
      'run',
      '-t',
      'all',
      '--limit',
      '1',
      '-p',
      'k=a b',
      '--reason',
      'why',
      '-o',
      'name',
      '--',
      'echo',
      'x y',
    );
    const shown = (await cli('runs', 'show', stdout.trim())).stdout;
    expect(shown).toMatch(/1 succeeded of 1/);
    expect(shown).toMatch(/ finished +succeeded: 1 succeeded\n/);
    for (const text of [
      "command: echo 'x y'",
      "params    k='a b'",
      'timeout 1h',
      'reason    why',
      'by        local-admin',
    ])
      expect(shown).toContain(text);
    expect(shown).toMatch(/HOST +STATE +VIA +ATTEMPT +TOOK[^]*local-1 +succeeded +agent +1 +\d+(\.\d)?m?s/);
    expect((await cli('runs', 'list', '-n', '1')).stdout).toMatch(/TOOK +BY[^]*s +local-admin +1 /);
  });

  it('are found as the last one, and by the beginning of their id', async () => {
    const id = await detached('-t', 'local-1', '--', 'true');
    await ended(id);
    expect(JSON.parse((await cli('runs', 'show', 'last', '--json')).stdout)).toMatchObject({ run: { id } });
    expect(JSON.parse((await cli('runs', 'show', id.slice(0, 30), '--json')).stdout)).toMatchObject({ run: { id } });
    expect((await cli('runs', 'show', id.slice(0, 4))).stderr).toContain('Several runs');
    expect((await cli('runs', 'show', 'ffffffff')).stderr).toContain('No run has an id that begins');
    expect((await cli('runs', 'show', 'x')).code).toBe(2);
  });

  it('are listed by every state that they may have', async () => {
    const id = await detached('-t', 'local-1', '--timeout', '1s', '--', 'sleep 60');
    await ended(id);
    for (const state of ['timed_out', 'timed-out', 'failed,timed_out'])
      expect((await cli('runs', 'list', '--state', state, '-o', 'name')).stdout).toContain(id);
    expect((await cli('runs', 'list', '--state', 'failed', '-o', 'name')).stdout).not.toContain(id);
    expect((await cli('runs', 'list', '--help')).stdout).toContain('timed_out');
  });

  it('show the output of an earlier attempt', async () => {
    const id = await detached('-t', 'local-1', '--retries', '1', '--', 'echo at $DROVER_ATTEMPT; false');
    await ended(id);
    expect((await cli('runs', 'output', id, '--attempt', '1', '--host', 'local-1')).stdout).toBe('at 1\n');
    expect((await cli('runs', 'output', id, '--attempt', '2', '--raw')).stdout).toBe('at 2\n');
    expect((await cli('runs', 'output', id, '--attempt', '3')).stderr).toContain('no attempt 3');
  });
});

it('tokens have names of their own, and are revoked by them', async () => {
  const create = (): Promise<CliResult> => cli('tokens', 'create', '--name', 'ci', '--role', 'viewer');
  expect((await create()).code).toBe(0);
  expect(await create()).toMatchObject({ code: 3, stderr: expect.stringContaining('(token-name-taken)') as string });
  expect((await cli('tokens', 'revoke', 'ci')).code).toBe(0);
  expect((await create()).code).toBe(0);
  expect((await cli('tokens', 'revoke', 'nosuch')).code).toBe(3);
});
