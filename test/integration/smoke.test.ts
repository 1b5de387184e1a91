import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, dataOf, watchRun } from '@drover/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import {
  cliOf,
  newDataDir,
  pidsOf,
  removeDataDir,
  runCli,
  startUp,
  stopUp,
  type CliResult,
  type RunningUp,
} from '../support/up.ts';

interface Document {
  run: { id: string; state: string; round: number; counts: Record<string, number> };
  executions: {
    host: string;
    state: string;
    outcome: { kind: string; code?: number; signal?: string } | null;
    stdout: string;
    stdoutEncoding: string;
    stderr: string;
    reason?: string;
    attempt: number;
  }[];
}

describe('the whole of it, as a user starts it', () => {
  const dataDir = newDataDir();
  let up: RunningUp;
  let cli: (...args: string[]) => Promise<CliResult>;
  const run = async (...args: string[]): Promise<Document & { code: number }> => {
    const result = await cli('run', '--json', ...args);
    if (result.stdout === '') throw new Error(`exit ${result.code}: ${result.stderr}`);
    return { ...(JSON.parse(result.stdout) as Document), code: result.code };
  };

  beforeAll(async () => {
    up = await startUp(dataDir, 3);
    cli = cliOf(up);
  });
  afterAll(async () => {
    await stopUp(up);
    removeDataDir(dataDir);
  });

  it('runs a command on the chosen hosts and tells what each did', async () => {
    const { run: summary, executions, code } = await run('-t', 'local-[1-2]', '--', 'sh', '-c', 'echo $DROVER_HOST');
    expect(code).toBe(0);
    expect(summary).toMatchObject({ state: 'succeeded', counts: { succeeded: 2 } });
    expect(executions.map((e) => [e.host, e.stdout, e.outcome?.code])).toEqual([
      ['local-1', 'local-1\n', 0],
      ['local-2', 'local-2\n', 0],
    ]);
  });

  it('keeps secrets out of core files of agents, and leaves scripts the limit that they would have without', async () => {
    const coreOf = (pid: number | 'self'): string =>
      /^Max core file size +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))![1]!;
    const agents = pidsOf(dataDir, 'agents');
    expect(agents.length).toBeGreaterThanOrEqual(3);
    for (const pid of agents) expect(coreOf(pid)).toBe('1');
    const { executions } = await run('-t', 'local-1', '--', 'grep', '^Max core', '/proc/self/limits');
    expect(executions[0]!.stdout).toMatch(new RegExp(`^Max core file size +${coreOf('self')} `));
  });

  it('exits 1 when some did not succeed, keeps raw codes and signals, and bytes as they are', async () => {
    const { code, executions } = await run(
      '-t',
      'all',
      '--',
      'sh',
      '-c',
      'case $DROVER_HOST in local-1) exit 137;; local-2) kill -9 $$;; *) printf "\\377\\000";; esac',
    );
    expect(code).toBe(1);
    expect(executions.map((e) => [e.state, e.outcome])).toEqual([
      ['failed', { kind: 'exited', code: 137 }],
      ['failed', { kind: 'signalled', signal: 'SIGKILL' }],
      ['succeeded', { kind: 'exited', code: 0 }],
    ]);
    expect(executions[2]).toMatchObject({ stdout: '/wA=', stdoutEncoding: 'base64' });
  });

  it('takes for success what the run names as that: no other attempt, and an exit code of 0', async () => {
    const script = 'case $DROVER_HOST in local-1) exit 3;; local-2) exit 4;; *) kill -9 $$;; esac';
    const asked = ['--success-exit-codes', '3,0', '--retries', '1', '--', 'sh', '-c', script];
    const { code, executions, run: whole } = await run('-t', 'all', ...asked);
    expect(code).toBe(1);
    expect(executions.map((e) => [e.state, e.outcome, e.attempt])).toEqual([
      ['succeeded', { kind: 'exited', code: 3 }, 1],
      ['failed', { kind: 'exited', code: 4 }, 2],
      ['failed', { kind: 'signalled', signal: 'SIGKILL' }, 2],
    ]);
    const client = createClient({ baseUrl: up.url, token: up.token });
    const list = dataOf(await client.GET('/api/v1/runs/{runId}/executions', { params: { path: { runId: whole.id } } }));
    expect(list.items.map(({ outcome }) => outcome)).toEqual([
      { kind: 'exited', code: 3 },
      { kind: 'exited', code: 4 },
      { kind: 'signalled', signal: 'SIGKILL' },
    ]);
    const folded = await cli('run', '-t', 'local-1', ...asked);
    expect(folded).toMatchObject({ code: 0, stdout: expect.stringContaining('succeeded, exit 3') });
    expect((await cli('runs', 'show', whole.id)).stdout).toContain('success is exit 0, 3');
    // The second round judges as the first did.
    expect((await cli('runs', 'retry', whole.id, '--all')).code).toBe(1);
    const [first] = dataOf(
      await client.GET('/api/v1/runs/{runId}/executions', { params: { path: { runId: whole.id } } }),
    ).items;
    expect(first).toMatchObject({ state: 'succeeded', outcome: { kind: 'exited', code: 3 }, attempt: 2 });
    expect(await cli('run', '-t', 'local-1', '--success-exit-codes', '0,x', '--', 'true')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--success-exit-codes wants exit codes from 0 to 2147483647 such as 0,3'),
    });
  });

  it('folds equal output for people', async () => {
    const { stdout, stderr, code } = await cli(
      'run',
      '-t',
      'all',
      '--',
      'sh',
      '-c',
      '[ $DROVER_HOST = local-3 ] && echo other || echo same',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('local-[1,2] (2) succeeded\nsame');
    expect(stdout).toContain('local-3 (1) succeeded\nother');
    expect(stderr).toContain('3 succeeded of 3');
  });

  it('keeps the output of a run for the watcher that was announced, however short the run is', async () => {
    const client = createClient({ baseUrl: up.url, token: up.token });
    const begun = dataOf(
      await client.POST('/api/v1/runs', {
        params: { query: { output: 'true' } },
        body: { targets: 'local-1', command: ['echo', 'short'] },
      }),
    );
    await until(
      'the run to be over',
      async () =>
        dataOf(await client.GET('/api/v1/runs/{runId}', { params: { path: { runId: begun.id } } })).state ===
        'succeeded',
    );
    const events = await Array.fromAsync(watchRun({ baseUrl: up.url, token: up.token }, begun.id, { output: true }));
    expect(events.filter(({ event }) => event === 'output')).toEqual([
      expect.objectContaining({
        data: expect.objectContaining({
          host: 'local-1',
          stream: 'stdout',
          offset: 0,
          base64: Buffer.from('short\n').toString('base64'),
        }),
      }),
    ]);
    expect(events.at(-1)!.event).toBe('end');
  });

  it('tells bad usage, refusal and an unreached server apart', async () => {
    expect((await cli('run', '-t', 'all')).code).toBe(2);
    expect((await cli('run', '--no-such-flag')).code).toBe(2);
    const unknown = await cli('run', '-t', 'nosuch,local-1', '--', 'true');
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('nosuch')]);
    expect((await cli('run', '-t', 'zone=none', '--', 'true')).stderr).toContain('no-target-matched');
    expect((await cli('run', '-t', 'all', '--timeout', '5', '--', 'true')).stderr).toContain('bad-duration');
    expect((await runCli(['runs', 'list'], { DROVER_URL: up.url, DROVER_TOKEN: 'drt_wrong' })).code).toBe(3);
    expect((await runCli(['runs', 'list'], { DROVER_URL: 'https://127.0.0.1:1', DROVER_TOKEN: 'x' })).code).toBe(4);
    expect((await runCli(['runs', 'list'])).code).toBe(2);
  });

  it('retries on the same hosts, as attempts of a new round', async () => {
    const flag = join(dataDir, 'fixed');
    const first = await run('-t', 'local-1,local-2', '--', 'sh', '-c', `[ $DROVER_HOST = local-1 ] || [ -e ${flag} ]`);
    expect(first.run.state).toBe('failed');
    writeFileSync(flag, '');
    const again = JSON.parse((await cli('runs', 'retry', first.run.id, '--failed', '--json')).stdout) as Document;
    expect(again.run).toMatchObject({ state: 'succeeded', round: 2 });
    expect(again.executions.map((e) => e.attempt)).toEqual([1, 2]);
  });

  it('ends a run at its time-out and by cancel, and stops after too many failures', async () => {
    expect(
      (await run('-t', 'local-1', '--timeout', '300ms', '--kill-after', '300ms', '--', 'sleep', '60')).executions[0],
    ).toMatchObject({
      state: 'timed_out',
      outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } },
    });
    const id = (await cli('run', '-t', 'local-1', '--detach', '--', 'sleep', '60')).stdout.trim();
    await cli('runs', 'cancel', id);
    const watched = JSON.parse((await cli('runs', 'watch', id, '--json')).stdout) as Document;
    expect(watched.run.state).toBe('cancelled');
    const stopped = await run('-t', 'all', '--concurrency', '1', '--max-failed', '0', '--', 'false');
    expect(stopped.run).toMatchObject({ state: 'failed', counts: { failed: 1, skipped: 2 } });
  });

  it('keeps secrets out of output and out of the database', async () => {
    const file = join(dataDir, 'secret.txt');
    writeFileSync(file, 'tr0ub4dor-and-3\n');
    const { executions } = await run(
      '-t',
      'local-1',
      '--secret',
      `PASS=@${file}`,
      '--',
      'sh',
      '-c',
      'echo "got $PASS"',
    );
    expect(executions[0]!.stdout).toBe('got ******\n');
  });

  it('keeps head and tail of large output and fetches the whole from the host', async () => {
    const { run: summary, executions } = await run(
      '-t',
      'local-1',
      '--',
      'sh',
      '-c',
      'head -c 9000000 /dev/zero | tr "\\000" x',
    );
    expect(executions[0]).toMatchObject({ stdoutSize: 9_000_000, stdoutGap: 9_000_000 - 4_194_304 });
    expect((await cli('runs', 'output', summary.id, '--host', 'local-1', '--full')).stdout).toHaveLength(9_000_000);
  });

  it('refuses a second start on the same folder', async () => {
    await expect(startUp(dataDir, 1)).rejects.toThrow(/data-folder-in-use/);
  });

  it('goes on when server, worker and agents are killed in the middle of a run', async () => {
    const marks = join(dataDir, 'marks');
    const id = (
      await cli(
        'run',
        '-t',
        'all',
        '--detach',
        '--',
        'sh',
        '-c',
        `echo $DROVER_ATTEMPT_ID >> ${marks}.$DROVER_HOST; sleep 4; echo done`,
      )
    ).stdout.trim();
    await until('all began', () => [1, 2, 3].every((n) => existsSync(`${marks}.local-${n}`)));
    for (const role of ['agents', 'worker', 'server'] as const)
      for (const pid of pidsOf(dataDir, role)) process.kill(pid, 'SIGKILL');
    const watched = await until(
      'the server is back',
      async () => {
        const result = await cli('runs', 'watch', id, '--json');
        return result.code <= 1 && result.stdout !== '' && (JSON.parse(result.stdout) as Document);
      },
      60_000,
    );
    expect(watched.run).toMatchObject({ state: 'succeeded', counts: { succeeded: 3 } });
    for (const n of [1, 2, 3]) expect(readFileSync(`${marks}.local-${n}`, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(watched.executions.map((e) => e.stdout)).toEqual(['done\n', 'done\n', 'done\n']);
  }, 90_000);

  it('keeps everything over kill -9 and a new start, and takes the old database over', async () => {
    const before = JSON.parse((await cli('runs', 'list', '--json', '--limit', '5')).stdout) as {
      items: { id: string }[];
    };
    const mark = join(dataDir, 'outlived');
    const id = (
      await cli('run', '-t', 'local-2', '--detach', '--', 'sh', '-c', `sleep 3; echo outlived; touch ${mark}`)
    ).stdout.trim();
    await until(
      'it runs',
      async () =>
        (JSON.parse((await cli('runs', 'show', id, '--json')).stdout) as { run: { state: string } }).run.state ===
        'running',
    );
    await stopUp(up, 'SIGKILL');
    up = await startUp(dataDir, 3);
    cli = cliOf(up);
    const after = JSON.parse((await cli('runs', 'list', '--json', '--limit', '6')).stdout) as {
      items: { id: string }[];
    };
    expect(after.items.map((item) => item.id)).toEqual([id, ...before.items.map((item) => item.id)]);
    const watched = JSON.parse((await cli('runs', 'watch', id, '--json')).stdout) as Document;
    expect(watched.executions[0]).toMatchObject({ state: 'succeeded', stdout: 'outlived\n', attempt: 1 });
  }, 90_000);
});
