/** The CLI and runs that last: a server that restarts in the middle, output that is large, questions before a whole fleet, long lists. */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorityOf } from '../support/authorities.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';
import { runPackaged, testUp, type TestUp } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { packagedDrover } from '../support/programs.ts';
import { cleanEnv, cliOf, newDataDir, pidsOf, type CliResult } from '../support/up.ts';

const drover = packagedDrover();
const dataDir = newDataDir();
let up: TestUp;
let cli: (...args: string[]) => Promise<CliResult>;

beforeAll(async () => {
  up = await testUp(dataDir, 2);
  cli = cliOf(up);
});
afterAll(async () => {
  await up?.end();
});

function access(more: Record<string, string> = {}): Record<string, string> {
  return { ...authorityOf(up.url), DROVER_URL: up.url, DROVER_TOKEN: up.token, ...more };
}

/** A command that goes on while the test acts. */
function started(...args: string[]): { stdout: () => Buffer; stderr: () => string; ended: Promise<number> } {
  const child = spawn(drover, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...cleanEnv(), ...access() } });
  const pieces: Buffer[] = [];
  let errors = '';
  child.stdout.on('data', (bytes: Buffer) => pieces.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  return {
    stdout: () => Buffer.concat(pieces),
    stderr: () => errors,
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1))),
  };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('output that is large', () => {
  const size = 6_000_000;
  // The same bytes on every host, of every value.
  const script = `i=0; while [ $i -lt 6 ]; do node -e 'process.stdout.write(Buffer.alloc(1000000, Buffer.from(Array.from({ length: 251 }, (_, i) => i))))'; sleep 0.1; i=$((i+1)); done`;
  const one = Buffer.alloc(1_000_000, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
  const whole = sha256(Buffer.concat(Array.from({ length: 6 }, () => one)));
  let id = '';

  it('comes live in exact bytes: what is skipped on the way is fetched at the end', async () => {
    id = (await cli('run', '-t', 'local-1', '--detach', '--', 'sh', '-c', script)).stdout.trim();
    const follow = started('runs', 'output', id, '--host', 'local-1', '--follow', '--raw');
    expect([await follow.ended, follow.stderr()]).toEqual([0, '']);
    expect([follow.stdout().length, sha256(follow.stdout())]).toEqual([size, whole]);
  });

  it('comes live attempt by attempt', async () => {
    const go = join(dataDir, '..', 'go');
    const again = (
      await cli(
        'run',
        '-t',
        'local-1',
        '--detach',
        '--retries',
        '1',
        '--',
        'sh',
        '-c',
        `echo $DROVER_ATTEMPT_ID; while [ ! -e ${go} ]; do sleep 0.05; done; [ \${DROVER_ATTEMPT_ID##*.} = 2 ]`,
      )
    ).stdout.trim();
    const follow = started('runs', 'output', again, '--follow', '--raw');
    await until('it shows the first attempt', () => follow.stdout().length > 0);
    writeFileSync(go, '');
    expect([await follow.ended, follow.stderr(), follow.stdout().toString()]).toEqual([
      0,
      'drover: attempt 2\n',
      `${again}.0.0.1\n${again}.0.0.2\n`,
    ]);
    const running = (await cli('run', '-t', 'local-1', '--detach', '--', 'sleep', '60')).stdout.trim();
    expect(await cli('runs', 'output', running, '--full')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('--follow --raw') as string,
    });
    expect((await cli('runs', 'cancel', running)).code).toBe(0);
  });

  it('is fetched whole from the host, and what is kept is not taken for the whole', async () => {
    const full = started('runs', 'output', id, '--full');
    expect(await full.ended).toBe(0);
    expect(sha256(full.stdout())).toBe(whole);
    // Who begins to follow when it is over already has missed nothing either.
    const late = started('runs', 'output', id, '--host', 'local-1', '--follow', '--raw');
    expect([await late.ended, late.stderr(), sha256(late.stdout())]).toEqual([0, '', whole]);
    const raw = started('runs', 'output', id, '--raw');
    expect([await raw.ended, raw.stderr()]).toEqual([
      1,
      expect.stringMatching(/\d+ of 6000000 bytes are not kept here.*--full/),
    ]);
    expect(raw.stdout()).toHaveLength(4_194_304);
    expect((await cli('runs', 'output', id)).stdout).toMatch(/… \d+ bytes are not kept here/);
  });

  it.each(['--full', '--raw'])('by %s is one stream, and what is on the other is told', async (how) => {
    const both = (
      await cli('run', '-t', 'local-1', '--detach', '--', 'sh', '-c', 'echo out; echo err >&2')
    ).stdout.trim();
    await cli('runs', 'watch', both);
    expect(await cli('runs', 'output', both, how)).toEqual({
      code: 0,
      stdout: 'out\n',
      stderr: expect.stringMatching(
        /^drover: .*local-1; it wrote 4 bytes to standard error too: --stream stderr\n$/,
      ) as string,
    });
    expect(await cli('runs', 'output', both, how, '--stream', 'stderr')).toEqual({
      code: 0,
      stdout: 'err\n',
      stderr: '',
    });
  });
});

describe('before the whole fleet', () => {
  const asking = (...args: string[]): Terminal =>
    openTerminal([drover, 'run', ...args], access({ DROVER_CONFIRM_OVER: '1' }));

  it('one is asked', async () => {
    const no = asking('-t', 'all', '--', 'true');
    await no.shows('all matches 2 hosts. Run on all of them? [y/N]');
    no.type('\r');
    expect(await no.ended).toBe(2);
    expect(no.shown()).toContain('Nothing was run.');
    const yes = asking('-t', 'not local-9*', '--', 'true');
    await yes.shows('[y/N]');
    yes.type('y\r');
    expect(await yes.ended).toBe(0);
  });

  it('it must be said where nobody can be asked', async () => {
    const env = access({ DROVER_CONFIRM_OVER: '1' });
    expect(await runPackaged(['run', '-t', 'all', '--', 'true'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes') as string,
    });
    expect((await runPackaged(['run', '-t', 'all', '--yes', '--', 'true'], env)).code).toBe(0);
    expect((await runPackaged(['run', '-t', 'local-*', '--', 'true'], env)).code).toBe(0);
    expect((await runPackaged(['run', '-t', 'all', '--', 'true'], access({ DROVER_CONFIRM_OVER: 'many' }))).code).toBe(
      2,
    );
  });
});

describe('runs', () => {
  interface Page {
    items: { id: string; name: string; state: string }[];
    next?: string;
  }
  const list = async (...flags: string[]): Promise<Page> =>
    JSON.parse((await cli('runs', 'list', '--json', ...flags)).stdout) as Page;

  it('are listed page by page, and by name, state, author and time', async () => {
    for (const [name, command] of [
      ['listed a', 'true'],
      ['listed b', 'false'],
      ['listed c', 'true'],
    ] as const)
      await cli('run', '-t', 'local-1', '--name', name, '--', command);
    const [first, all] = [await list('--name', 'listed', '-n', '2'), await list('--name', 'listed')];
    expect(all.items.map((run) => run.name)).toEqual(['listed c', 'listed b', 'listed a']);
    expect([first.items, (await list('--name', 'listed', '--cursor', first.next!)).items]).toEqual([
      all.items.slice(0, 2),
      all.items.slice(2),
    ]);
    expect((await list('--name', 'listed', '--state', 'failed')).items.map((run) => run.name)).toEqual(['listed b']);
    expect((await list('--name', 'listed', '--by', 'local-admin', '--since', '1h')).items).toHaveLength(3);
    expect((await list('--until', '1h')).items).toHaveLength(0);
    expect((await list('--by', 'nobody')).items).toHaveLength(0);
  });

  it('are tried again on the hosts that are meant', async () => {
    const { run } = JSON.parse(
      (
        await cli(
          'run',
          '-t',
          'all',
          '--json',
          '--timeout',
          '300ms',
          '--kill-after',
          '1s',
          '--',
          'sh',
          '-c',
          '[ $DROVER_HOST = local-1 ] || sleep 60',
        )
      ).stdout,
    ) as { run: { id: string } };
    const counts = async (...flags: string[]): Promise<number[]> =>
      (
        JSON.parse((await cli('runs', 'retry', run.id, '--json', ...flags)).stdout) as {
          executions: { attempt: number }[];
        }
      ).executions.map((execution) => execution.attempt);
    expect(await cli('runs', 'retry', run.id, '--failed')).toMatchObject({ code: 3 });
    expect(await counts('--timed-out')).toEqual([1, 2]);
    expect(await counts('--all')).toEqual([2, 3]);
  });

  it('are shown with the zone of this place, or in UTC', async () => {
    const env = access({ TZ: 'Asia/Shanghai' });
    expect((await runPackaged(['runs', 'list', '-n', '1'], env)).stdout).toMatch(/\d\d:\d\d:\d\d \+08:00/);
    expect((await runPackaged(['runs', 'list', '-n', '1', '--utc'], env)).stdout).toMatch(/\d\d:\d\d:\d\d UTC/);
  });
});

describe('colours', () => {
  it('are left out when NO_COLOR says so', async () => {
    const colour = /\x1b\[3\dm/;
    const shown = async (env: Record<string, string>): Promise<string> => {
      const at = openTerminal([drover, 'run', '-t', 'local-1', '--', 'true'], access(env));
      await at.ended;
      return at.shown();
    };
    expect(await shown({ NO_COLOR: '' })).toMatch(colour);
    expect(await shown({ NO_COLOR: '1' })).not.toMatch(colour);
  });
});

describe('a server that restarts in the middle', () => {
  it('is waited for: live output goes on where it was, every line once', async () => {
    const follow = started(
      'run',
      '--live',
      '-t',
      'local-1',
      '--',
      'sh',
      '-c',
      'i=1; while [ $i -le 40 ]; do echo line $i; sleep 0.1; i=$((i+1)); done',
    );
    await until('it runs', () => follow.stdout().includes('line 5\n'));
    for (const pid of pidsOf(dataDir, 'server')) process.kill(pid, 'SIGKILL');
    expect([await follow.ended, follow.stderr()]).toEqual([0, expect.stringContaining('succeeded: 1 succeeded of 1')]);
    expect(follow.stdout().toString()).toBe(Array.from({ length: 40 }, (_, i) => `local-1 │ line ${i + 1}\n`).join(''));
  });
});
