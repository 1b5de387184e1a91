/** What `drover up` promises of itself: folders, faults, tokens, and that nothing is left behind. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import {
  cleanEnv,
  cliOf,
  drover,
  newDataDir,
  pidsOf,
  removeDataDir,
  runCli,
  startUp,
  stopUp,
  type RunningUp,
} from '../support/up.ts';

const folders: string[] = [];
const running: RunningUp[] = [];

function dataFolder(): string {
  const folder = newDataDir();
  folders.push(folder);
  return folder;
}

async function begin(dataDir: string, agents: number, more: Parameters<typeof startUp>[2] = {}): Promise<RunningUp> {
  const up = await startUp(dataDir, agents, more);
  running.push(up);
  return up;
}

/** Everything that has the folder in its command line: children of `up`, and PostgreSQL. */
function processesOf(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
        return line.includes(dataDir) ? [`${pid} ${line}`] : [];
      } catch {
        return [];
      }
    });
}

function childrenOf(pid: number): string[] {
  return spawnSync('ps', ['--ppid', String(pid), '-o', 'args='], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n');
}

afterEach(async () => {
  for (const up of running.splice(0)) await stopUp(up);
  for (const folder of folders.splice(0)) removeDataDir(folder);
});

describe('a folder', () => {
  it('of something else is refused and left as it was', async () => {
    const folder = dataFolder();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'precious'), 'x');
    await expect(begin(folder, 1)).rejects.toThrow(/not a Drover data folder.*\(data-folder-foreign\)/);
    expect(readdirSync(folder)).toEqual(['precious']);
  });

  it('that cannot be made is refused with what to do', async () => {
    const folder = dataFolder();
    mkdirSync(join(folder, '..'), { recursive: true });
    writeFileSync(folder, 'a file, not a folder');
    await expect(begin(join(folder, 'below'), 1)).rejects.toThrow(
      /Choose another with --data.*\(data-folder-unwritable\)/,
    );
  });

  it('that the system does not let anybody make is refused at once', async () => {
    await expect(begin('/proc/nowhere/data', 1)).rejects.toThrow(
      /\/proc\/nowhere.*Choose another with --data.*\(data-folder-unwritable\)/,
    );
    // Nor is anything kept below a home that cannot be made.
    const home = { HOME: '/proc/nowhere', XDG_CACHE_HOME: '/proc/nowhere/cache', NODE_COMPILE_CACHE: '' };
    expect((await runCli(['version'], home)).code).toBe(0);
  });

  it('in use is refused, naming who uses it', async () => {
    const folder = dataFolder();
    const up = await begin(folder, 0, { args: ['--call-allow', '127.0.0.1'] });
    await expect(begin(folder, 0)).rejects.toThrow(`(pid ${up.process.pid})`);
    // What is said of calls is said to its worker.
    const workers = processesOf(folder).filter((line) => line.includes(' worker --data '));
    expect(workers).toEqual([expect.stringContaining('--call-allow 127.0.0.1')]);
  });
});

describe('a start that fails', () => {
  it('tells the refusal of the part that refused, and leaves nothing running', async () => {
    const folder = dataFolder();
    const taken = createServer().listen(0, '127.0.0.1');
    await until('the port is taken', () => taken.listening);
    const { port } = taken.address() as AddressInfo;
    await expect(begin(folder, 1, { listen: `127.0.0.1:${port}` })).rejects.toThrow(
      /^up ended with 3: drover: server did not start: .* is in use.* \(address-in-use\)\n$/,
    );
    taken.close();
    expect(processesOf(folder)).toEqual([]);
  });

  it.each([
    [['--nosuch'], 'nosuch'],
    [['--agents', 'many'], 'many'],
    [['--listen', 'here'], 'here'],
    [['--listen', '127.0.0.1:65536'], '65535, not .*65536'],
    [['--agents', '-1'], 'from 0 to 200, not .*-1'],
    [['--call-allow', '10.0.0.0/99'], '--call-allow takes .*10.0.0.0/99'],
  ])('for %j exits 2 with one line', async (args, word) => {
    const { code, stderr } = await runCli(['up', '--data', dataFolder(), ...args]);
    expect([code, stderr.trim().split('\n')]).toEqual([
      2,
      [expect.stringMatching(new RegExp(`^drover: .*${word}.*\\(bad-input\\)$`))],
    ]);
  });
});

describe('access', () => {
  it('is kept for this user alone, is the same after a restart, and is made anew once revoked', async () => {
    const folder = dataFolder();
    const first = await begin(folder, 0);
    expect(statSync(join(folder, 'access.json')).mode & 0o777).toBe(0o600);
    await stopUp(first);
    const second = await begin(folder, 0);
    // What the agent's program was built with has ended.
    expect(childrenOf(second.process.pid!).filter((line) => line.includes('esbuild'))).toEqual([]);
    expect([second.token, second.url]).toEqual([first.token, first.url]);
    const tokens = JSON.parse((await cliOf(second)('tokens', 'list', '--json')).stdout) as { items: { id: string }[] };
    await cliOf(second)('tokens', 'revoke', tokens.items[0]!.id);
    await stopUp(second);
    const third = await begin(folder, 0);
    expect(third.token).not.toBe(first.token);
    expect((await cliOf(third)('whoami')).code).toBe(0);
  });

  it('of others goes over TLS, for which this machine needs no setting', async () => {
    const folder = dataFolder();
    const up = await begin(folder, 1, { listen: '0.0.0.0:0' });
    expect(up.url).toMatch(/^https:\/\//);
    const { url } = JSON.parse(readFileSync(join(folder, 'access.json'), 'utf8')) as { url: string };
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:/);
    expect((await runCli(['run', '-t', 'all', '--', 'true'], { DROVER_URL: url, DROVER_TOKEN: up.token })).code).toBe(
      0,
    );
  });
});

describe('a host of its own', () => {
  it('joins again when it was removed', async () => {
    const folder = dataFolder();
    const up = await begin(folder, 2);
    expect((await cliOf(up)('hosts', 'remove', 'local-1')).code).toBe(0);
    await stopUp(up);
    const again = await begin(folder, 2);
    expect((await cliOf(again)('run', '-t', 'local-1,local-2', '--', 'true')).code).toBe(0);
  });
});

describe('an end', () => {
  it('by SIGINT stops everything in order and exits 0', async () => {
    const folder = dataFolder();
    const up = await begin(folder, 2);
    const ended = new Promise((resolve) => up.process.once('exit', (code) => resolve(code)));
    up.process.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(processesOf(folder)).toEqual([]);
  });

  it('while it is starting leaves nothing running', async () => {
    const folder = dataFolder();
    const child = spawn(drover, ['up', '--data', folder, '--listen', '127.0.0.1:0', '--json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: cleanEnv(),
    });
    let errors = '';
    child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    await until('the server is being started', () => pidsOf(folder, 'server').length > 0);
    child.kill('SIGTERM');
    expect([await ended, errors]).toEqual([0, '']);
    await until('all of it has ended', () => processesOf(folder).length === 0);
  });

  it('by SIGKILL takes the processes along, but not what they run', async () => {
    const folder = dataFolder();
    const up = await begin(folder, 1);
    const mark = join(folder, 'ran-on');
    await cliOf(up)('run', '-t', 'all', '--detach', '--', 'sh', '-c', `sleep 2; touch ${mark}`);
    await until('it runs', () => processesOf(mark).length > 0);
    await stopUp(up, 'SIGKILL');
    await until('server, worker and agents have ended', () =>
      (['server', 'worker', 'agents'] as const).every(
        (role) =>
          pidsOf(folder, role).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'node').length ===
          0,
      ),
    );
    await until('the script has ended by itself', () => statSync(mark, { throwIfNoEntry: false }) !== undefined);
    const again = await begin(folder, 1);
    expect((await cliOf(again)('runs', 'list')).stdout).toContain('succeeded');
  });
});

describe('the launcher', () => {
  it('works through a link and from anywhere', () => {
    const folder = dataFolder();
    mkdirSync(folder, { recursive: true });
    symlinkSync(drover, join(folder, 'one'));
    symlinkSync('one', join(folder, 'drover'));
    const { stdout } = spawnSync('./drover', ['--version'], { cwd: folder, env: cleanEnv(), encoding: 'utf8' });
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
