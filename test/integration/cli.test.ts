/** The CLI against a real installation: what it says, what it exits with, and what it does at a terminal. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorityOf } from '../support/authorities.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';
import { runPackaged, testUp, type TestUp } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { packagedDrover } from '../support/programs.ts';
import { cleanEnv, cliOf, newDataDir, runStateOf, type CliResult } from '../support/up.ts';

const drover = packagedDrover();
const dataDir = newDataDir();
const home = join(dataDir, '..', 'home');
let up: TestUp;
let cli: (...args: string[]) => Promise<CliResult>;
let local: { url: string; ca: string };

beforeAll(async () => {
  up = await testUp(dataDir, 3, { listen: '0.0.0.0:0' });
  local = JSON.parse(readFileSync(join(dataDir, 'access.json'), 'utf8')) as typeof local;
  cli = cliOf({ ...up, url: local.url });
  mkdirSync(home);
});
afterAll(async () => {
  await up?.end();
});

function file(name: string, content: string): string {
  writeFileSync(join(home, name), content);
  return join(home, name);
}

function terminal(...args: string[]): Terminal {
  return openTerminal([drover, ...args], { DROVER_URL: local.url, DROVER_TOKEN: up.token, HOME: home });
}

const stateOf = (id: string): Promise<string | undefined> => runStateOf({ url: local.url, token: up.token }, id);

async function newestRun(): Promise<string> {
  return (JSON.parse((await cli('runs', 'list', '-n', '1', '--json')).stdout) as { items: { id: string }[] }).items[0]!
    .id;
}

describe('logging in', () => {
  const login = (args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> =>
    runPackaged(['login', up.url, ...args], {
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      DROVER_TOKEN: up.token,
      ...env,
    });
  const stored = join(home, '.config', 'drover', 'contexts.json');
  const fingerprint = async (): Promise<string> => /--fingerprint ([0-9a-f]{64})/.exec((await login([])).stderr)![1]!;

  it('to a server with an authority of its own asks whom to trust, and stores nothing meanwhile', async () => {
    const { code, stderr } = await login([]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/authority of its own.*--fingerprint [0-9a-f]{64}.*--ca FILE/),
    ]);
    expect((await login(['--fingerprint', 'aa'])).stderr).toContain('Somebody may stand in between');
    expect(existsSync(stored)).toBe(false);
  });

  it('stores the token for this user alone, and every command finds it', async () => {
    expect((await login(['--fingerprint', await fingerprint()])).code).toBe(0);
    expect(statSync(stored).mode & 0o777).toBe(0o600);
    const env = { HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
    expect((await runPackaged(['run', '-t', 'local-1', '--', 'true'], env)).code).toBe(0);
    expect((await runPackaged(['logout'], env)).code).toBe(0);
    expect((await runPackaged(['whoami'], env)).code).toBe(2);
  });

  it('takes the authority from a file, and refuses a file that is none', async () => {
    expect((await login(['--ca', file('ca.pem', local.ca), '--json'])).stdout).toContain('"role":"admin"');
    expect(await login(['--ca', file('nonsense.pem', 'nonsense')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be read') as string,
    });
  });

  it('under another authority is a server that is not reached, and is told what to do', async () => {
    expect(await login(['--ca', file('other.pem', getCACertificates('bundled')[0]!)])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/not one that this machine trusts/) as string,
    });
  });

  it('tells the fingerprint where the server is known', async () => {
    const told = await runPackaged(['whoami', '--json'], {
      DROVER_URL: up.url,
      DROVER_TOKEN: up.token,
      DROVER_CA: file('ca.pem', local.ca),
    });
    expect((JSON.parse(told.stdout) as { fingerprint: string }).fingerprint).toBe(await fingerprint());
  });

  it('with a wrong token is refused', async () =>
    expect((await login(['--fingerprint', await fingerprint()], { DROVER_TOKEN: 'drt_wrong' })).code).toBe(3));

  it('asks at a terminal, and does not show the token', async () => {
    const at = openTerminal([drover, 'login', up.url], { HOME: home, XDG_CONFIG_HOME: join(home, '.config') });
    await at.shows('[y/N]');
    at.type('y\r');
    await at.shows('Token: ');
    at.type(`${up.token}\r`);
    expect(await at.ended).toBe(0);
    expect(at.shown()).not.toContain(up.token);
  });
});

describe('usage', () => {
  it.each([
    [
      ['run', '--script', '/nonexistent', '-t', 'all'],
      /--script: the file \/nonexistent cannot be read: there is no such file or folder/,
    ],
    [['run', '--script', 'x', '--', 'y'], /not both/],
    [['run', '--env', 'NOVALUE', '--', 'true'], /NAME=VALUE/],
    [['run', '--secret', 'A=plain', '--', 'true'], /never stands on a command line/],
    [['run', '--concurrency', 'x', '--', 'true'], /whole number/],
    [['runs', 'retry', '01936f2e-0000-7000-8000-000000000000'], /Say which/],
    [['runs', 'output', 'x', '--stream', 'both'], /stdout or stderr/],
    [['tokens', 'create', '--name', 'x', '--role', 'king'], /viewer, operator, admin/],
    [['nosuch'], /has no command nosuch/],
  ])('%j exits 2 and says why', async (args, why) => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(why)]);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('tells every fault of a command line at once, by its flag', async () => {
    const { code, stderr } = await cli(
      'run',
      '-t',
      'web and',
      '--timeout',
      '5',
      '--kill-after',
      'soon',
      '--max-failed',
      'x',
      '--cwd',
      'there',
      '--env',
      'NOVALUE',
      '--secret',
      'A=plain',
      '--retries',
      '-1',
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^drover: 9 things are wrong:/)]);
    for (const flag of [
      '--target',
      '--timeout',
      '--kill-after',
      '--max-failed',
      '--cwd',
      '--env',
      '--secret A',
      '--retries',
      'Say what to run',
    ])
      expect(stderr).toContain(`\n  ${flag}`);
    expect(stderr).not.toContain('plain"');
  });

  it('tells every fault that only the server finds at once, by its flag', async () => {
    const { code, stderr } = await cli(
      'run',
      '-t',
      'local-1',
      '--name',
      'x'.repeat(201),
      '--as',
      'y'.repeat(257),
      '--',
      'true',
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^drover: 2 things are wrong:\n {2}--as: .*\n {2}--name: .*\n$/),
    ]);
  });

  it('refuses an empty script, and a target that nobody knows', async () => {
    expect(await cli('run', '-t', 'local-1', '--script', '/dev/null')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is empty') as string,
    });
    expect(await cli('run', '-t', 'nosuch', '--', 'true')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/nosuch.*\(host-not-found\)/) as string,
    });
  });

  it('suggests what may have been meant, and shows examples', async () => {
    expect((await cli('run', '--sript', 'x')).stderr).toContain('--script');
    expect((await cli('host', 'list')).stderr).toContain('hosts');
    const helps = await Promise.all(
      [['run'], ['runs', 'output'], ['agents', 'join-token', 'create'], ['login'], ['up']].map((command) =>
        cli(...command, '--help'),
      ),
    );
    for (const { stdout } of helps) expect(stdout).toMatch(/Examples:\n {2}\S/);
  });

  it('a gateway without a server behind it is a server that is not reached', async () => {
    const gateway = createServer((_request, response) => response.writeHead(502).end('bad gateway')).listen(
      0,
      '127.0.0.1',
    );
    await until('it listens', () => gateway.listening);
    const { code } = await runPackaged(['whoami'], {
      DROVER_URL: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
      DROVER_TOKEN: 'x',
    });
    gateway.close();
    expect(code).toBe(4);
  });

  it('reads a script from standard input, once only', async () => {
    const child = spawn(drover, ['run', '-t', 'local-1', '--script', '-'], {
      env: { ...cleanEnv(), ...authorityOf(local.url), DROVER_URL: local.url, DROVER_TOKEN: up.token },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let shown = '';
    child.stdout.on('data', (bytes: Buffer) => (shown += bytes.toString()));
    child.stdin.end('echo from standard input\n');
    await new Promise((resolve) => child.once('close', resolve));
    expect(shown).toContain('from standard input');
    expect((await cli('run', '--script', '-', '--stdin', '-', '--', 'true')).code).toBe(2);
  });
});

describe('every command', () => {
  it.each([
    ['hosts', 'list'],
    ['hosts', 'show', 'local-1'],
    ['hosts', 'label', 'local-1', 'a=b'],
    ['agents', 'list'],
    ['agents', 'join-token', 'create'],
    ['agents', 'join-token', 'list'],
    ['workers', 'list'],
    ['workers', 'show', hostname()],
    ['workers', 'drain', hostname()],
    ['workers', 'resume', hostname()],
    ['tokens', 'create', '--name', 'n', '--role', 'viewer'],
    ['tokens', 'list'],
    ['whoami'],
    ['audit'],
    ['agents', 'show', 'local-1'],
    ['runs', 'list'],
    ['run', '-t', 'local-1', '--detach', '--', 'true'],
  ])('%s %s … answers with one document', async (...args) => {
    const flags = args.indexOf('--');
    const [{ code, stdout }, text] = await Promise.all([
      cli(...(flags < 0 ? [...args, '--json'] : [...args.slice(0, flags), '--json', ...args.slice(flags)])),
      // Names of tokens are used once.
      cli(...args.map((word) => (word === 'n' ? 'n-2' : word))),
    ]);
    expect([code, typeof JSON.parse(stdout), text.code]).toEqual([0, 'object', 0]);
  });
});

describe('output of a run', () => {
  it('comes live in whole lines with their host, and what came late is filled in', async () => {
    const { code, stdout, stderr } = await cli(
      'run',
      '--live',
      '-t',
      'local-1,local-2',
      '--',
      'sh',
      '-c',
      'echo one; printf tw; sleep 0.2; echo o; echo oops >&2; printf end',
    );
    expect(code).toBe(0);
    for (const host of ['local-1', 'local-2']) {
      expect(stdout.split('\n').filter((line) => line.startsWith(host))).toEqual([
        `${host} │ one`,
        `${host} │ two`,
        `${host} │ end`,
      ]);
      expect(stderr).toContain(`${host} ┆ oops`);
    }
  });

  it('is given as exact bytes, of one host and stream', async () => {
    const id = (
      await cli(
        'run',
        '-t',
        'local-1',
        '--detach',
        '--',
        'sh',
        '-c',
        'sleep 0.3; printf "\\033[1mx\\n\\n"; printf e >&2',
      )
    ).stdout.trim();
    expect((await cli('runs', 'output', id, '--follow', '--raw')).stdout).toBe('\x1b[1mx\n\n');
    expect((await cli('runs', 'output', id, '--raw', '--stream', 'stderr')).stdout).toBe('e');
    expect(await cli('runs', 'output', id, '--host', 'local-1')).toMatchObject({
      stdout: '\x1b[1mx\n\n',
      stderr: expect.stringMatching(/^e\n?local-1: succeeded/) as string,
    });
    expect(await cli('runs', 'output', id, '--host', 'local-2')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has no host local-2') as string,
    });
  });

  it('stops when its reader has read enough', async () => {
    const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
      const shell = spawn(
        'sh',
        ['-c', `"${drover}" run -t all -- sh -c 'head -c 1000000 /dev/zero | tr "\\000" x' | head -c 10`],
        {
          env: { ...cleanEnv(), ...authorityOf(local.url), DROVER_URL: local.url, DROVER_TOKEN: up.token },
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      let text = '';
      shell.stdout.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
      shell.once('close', () => resolve({ stdout: text }));
    });
    expect(stdout).toHaveLength(10);
  });
});

describe('secrets', () => {
  it('come from a file or a variable, and stand on no command line of this machine', async () => {
    const file = join(home, 'secret');
    writeFileSync(file, 'open sesame\n');
    chmodSync(file, 0o600);
    const result = await runPackaged(
      [
        'run',
        '-t',
        'local-1',
        '--json',
        '--secret',
        `A=@${file}`,
        '--secret',
        'B=env:MINE',
        '--',
        'sh',
        '-c',
        'echo "$A/$B"; tr "\\000" " " </proc/$$/cmdline; [ "$A" = "open s""esame" ] && [ "$B" = "xy""zzy" ]',
      ],
      { DROVER_URL: local.url, DROVER_TOKEN: up.token, MINE: 'xyzzy' },
    );
    expect(result.code).toBe(0);
    expect(result.stdout).not.toMatch(/open sesame|xyzzy/);
    rmSync(file);
  });
});

it('a run is shown with the workers of its timeline by name', async () => {
  await cli('run', '-t', 'local-1', '--', 'true');
  const { stdout } = await cli('runs', 'show', await newestRun());
  expect(stdout).toContain(`  dispatched 1 host, by worker ${hostname()}\n`);
  expect(stdout).toMatch(/created +by \S+, for 1 host \(local-1\)\n/);
});

describe('at a terminal', () => {
  it('draws a bar, tells failures as they come, and folds', async () => {
    const at = terminal('run', '-t', 'all', '--', 'sh', '-c', 'sleep 0.3; [ $DROVER_HOST != local-2 ]');
    expect(await at.ended).toBe(1);
    expect(at.shown()).toMatch(/░.*0\/3.*waiting|░.*0\/3.*running/);
    expect(at.shown()).toMatch(/✗.* local-2: failed, exit 1/);
    expect(at.shown()).toMatch(/── local-\[1,3\]/);
  });

  /** A script that goes on until it is let go, however slow the machine. */
  function held(name: string): { script: string; letGo: () => void } {
    const gate = join(home, name);
    return {
      script: `until [ -e ${gate} ] || [ ! -d ${home} ]; do sleep 0.05; done`,
      letGo: () => writeFileSync(gate, ''),
    };
  }

  it('Ctrl-C asks; detaching lets the run go on', async () => {
    const { script, letGo } = held('detached');
    const at = terminal('run', '-t', 'local-1', '--', 'sh', '-c', script);
    await at.shows('1 running');
    at.type('\x03');
    await at.shows('d detaches');
    at.type('d');
    expect(await at.ended).toBe(1);
    expect(at.shown()).toContain('detached, the run goes on; come back to it with: drover runs watch ');
    const id = await newestRun();
    letGo();
    await until('it has ended by itself', async () => (await stateOf(id)) === 'succeeded');
  });

  it('any other key goes on watching', async () => {
    const { script, letGo } = held('watched');
    const at = terminal('run', '-t', 'local-1', '--', 'sh', '-c', script);
    await at.shows('1 running');
    at.type('\x03');
    await at.shows('d detaches');
    at.type('x');
    letGo();
    expect(await at.ended).toBe(0);
    expect(at.shown()).toContain('1 succeeded');
  });

  it('the second Ctrl-C cancels', async () => {
    const at = terminal('run', '-t', 'local-1', '--', 'sleep', '60');
    await at.shows('1 running');
    at.type('\x03');
    await at.shows('d detaches');
    at.type('\x03');
    expect(await at.ended).toBe(1);
    expect(at.shown()).toMatch(/cancelled/);
    expect(await stateOf(await newestRun())).toBe('cancelled');
  });

  it('a further Ctrl-C leaves a cancel that takes long', async () => {
    const { script, letGo } = held('left');
    const at = terminal('run', '-t', 'local-1', '--kill-after', '60s', '--', 'sh', '-c', `trap "" TERM; ${script}`);
    await at.shows('1 running');
    at.type('\x03');
    await at.shows('d detaches');
    at.type('c');
    await at.shows('cancelling');
    at.type('\x03');
    expect(await at.ended).toBe(1);
    expect(at.shown()).toContain('drover runs watch');
    const id = await newestRun();
    letGo();
    await until('it is cancelled', async () => (await stateOf(id)) === 'cancelled');
  });
});

it('without a terminal an interrupt cancels', async () => {
  const child = spawn(drover, ['run', '-t', 'local-1', '--', 'sleep', '60'], {
    env: { ...cleanEnv(), ...authorityOf(local.url), DROVER_URL: local.url, DROVER_TOKEN: up.token },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  await until('the run is told', () => errors.includes(' of 1'));
  child.kill('SIGINT');
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(1);
  expect(await stateOf(await newestRun())).toBe('cancelled');
});
