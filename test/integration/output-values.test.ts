/** Output values, from the script to whoever asks: by agents and over SSH, and the processes between killed. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requiring } from '../support/needs.ts';
import { SshWorld } from '../support/sshd.ts';
import { until } from '../support/until.ts';
import {
  cliOf,
  newDataDir,
  pidsOf,
  removeDataDir,
  startUp,
  stopUp,
  type CliResult,
  type RunningUp,
} from '../support/up.ts';

interface Told {
  run: { id: string; state: string };
  executions: {
    host: string;
    state: string;
    attempt: number;
    values?: Record<string, string>;
    valuesFault?: string;
  }[];
}

describe('output values', () => {
  const dataDir = newDataDir();
  const scratch = mkdtempSync(join(tmpdir(), 'drover-values-'));
  let up: RunningUp;
  let cli: (...args: string[]) => Promise<CliResult>;
  const file = (name: string): string => join(scratch, name);
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stderr]).toEqual([0, expect.anything()]);
    return stdout;
  };
  const run = async (text: string, ...args: string[]): Promise<Told> =>
    JSON.parse((await cli('run', '--json', ...args, '--', 'sh', '-c', text)).stdout) as Told;
  const ended = (id: string): Promise<Told> =>
    until('the run to end', async () => {
      const shown = JSON.parse(await ok('runs', 'show', id, '--json')) as Told;
      return ['succeeded', 'failed', 'cancelled', 'timed_out'].includes(shown.run.state) && shown;
    });

  beforeAll(async () => {
    up = await startUp(dataDir, 2);
    cli = cliOf(up);
  });
  afterAll(async () => {
    await stopUp(up);
    removeDataDir(dataDir);
    rmSync(scratch, { recursive: true, force: true });
  });

  it('are with the executions that told them, and in a list of their own', async () => {
    const told = await run(
      `[ $DROVER_HOST = local-2 ] || { echo "host=$DROVER_HOST" >>"$DROVER_OUTPUT"; printf 'l<<E\\na\\n\\033[2Jb\\nE\\nnonsense\\n' >>"$DROVER_OUTPUT"; }`,
      '-t',
      'all',
    );
    const fault = 'Line 6 is neither NAME=VALUE nor NAME<<END.';
    const values = { host: 'local-1', l: 'a\n\u001b[2Jb' };
    expect(told.run.state).toBe('succeeded');
    expect(told.executions.map((e) => [e.host, e.values, e.valuesFault])).toEqual([
      ['local-1', values, fault],
      ['local-2', undefined, undefined],
    ]);
    expect((await ended(told.run.id)).executions[0]).toMatchObject({ host: 'local-1', values, valuesFault: fault });
    const list = JSON.parse(await ok('runs', 'values', told.run.id, '--json')) as { items: object[] };
    expect(list.items).toEqual([
      expect.objectContaining({ task: 0, ordinal: 0, attempt: 1, host: 'local-1', state: 'succeeded', values, fault }),
    ]);
    const table = await ok('runs', 'values', told.run.id);
    expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['HOST', 'NAME', 'VALUE'],
      ['local-1', 'host', 'local-1'],
      ['local-1', 'l', 'a⏎�[2Jb'],
      ['local-1', '(left out)', fault],
      [''],
    ]);
    expect(await ok('runs', 'show', told.run.id)).toContain('a⏎�[2Jb');
    expect(await ok('runs', 'values', told.run.id, '--host', 'local-2')).toBe(
      'nothing was told through DROVER_OUTPUT\n',
    );
  });

  it('of a script that is tried again are those of the last attempt; those before can be asked for', async () => {
    const told = await run(
      'echo "attempt=$DROVER_ATTEMPT" >>"$DROVER_OUTPUT"; [ $DROVER_ATTEMPT = 2 ]',
      '-t',
      'local-1',
      '--retries',
      '2',
    );
    expect(told.executions).toMatchObject([{ state: 'succeeded', attempt: 2, values: { attempt: '2' } }]);
    const list = async (...args: string[]) =>
      (JSON.parse(await ok('runs', 'values', told.run.id, '--json', ...args)) as { items: { values: object }[] }).items;
    expect(await list()).toMatchObject([{ attempt: 2, values: { attempt: '2' } }]);
    expect(await list('--attempt', '1')).toMatchObject([{ attempt: 1, values: { attempt: '1' } }]);
  });

  it('hold no secret', async () => {
    process.env.VALUES_SECRET = 'correct-horse-battery';
    const told = await run('echo "a=<$S>" >>"$DROVER_OUTPUT"', '-t', 'local-1', '--secret', 'S=env:VALUES_SECRET');
    delete process.env.VALUES_SECRET;
    expect(told.executions[0]!.values).toEqual({ a: '<******>' });
  });

  it('are not lost where agents are killed between the end and its report', async () => {
    const script = `echo a=1 >>"$DROVER_OUTPUT"; : >'${file('open')}'; until [ -e '${file('go')}' ]; do sleep 0.05; done
      echo b=2 >>"$DROVER_OUTPUT"; : >'${file('over')}'`;
    const id = (await ok('run', '--detach', '-t', 'local-1', '--', 'sh', '-c', script)).trim();
    await until('it to have begun', () => existsSync(file('open')));
    const agents = pidsOf(dataDir, 'agents');
    for (const pid of agents) process.kill(pid, 'SIGSTOP');
    writeFileSync(file('go'), '');
    await until('it to be over', () => existsSync(file('over')));
    for (const pid of agents) process.kill(pid, 'SIGKILL');
    expect((await ended(id)).executions).toMatchObject([{ state: 'succeeded', values: { a: '1', b: '2' } }]);
  });

  requiring('root').it('of a script that runs as another user are written by that user', async () => {
    const told = await run(
      'echo "user=$(id -un) $(stat -c %U "$DROVER_OUTPUT")" >>"$DROVER_OUTPUT"',
      '-t',
      'local-1',
      '--user',
      'nobody',
    );
    expect(told.executions).toMatchObject([{ state: 'succeeded', values: { user: 'nobody nobody' } }]);
  });

  requiring('sshd', 'root').it('come over SSH alike, also where the worker is killed meanwhile', async () => {
    const world = new SshWorld();
    try {
      const sshd = await world.start();
      await ok(
        'accounts',
        'create',
        'ops',
        '--scope',
        'box-1',
        '--default',
        '--user',
        world.user,
        '--key',
        world.userKey.path,
      );
      await ok('hosts', 'add', 'box-1', '--address', '127.0.0.1', '--port', String(sshd.port));
      const short = await run('echo "host=$DROVER_HOST" >>"$DROVER_OUTPUT"', '-t', 'box-1');
      expect(short.executions).toMatchObject([{ state: 'succeeded', values: { host: 'box-1' } }]);
      const script = `echo a=1 >>"$DROVER_OUTPUT"; : >'${file('ssh-open')}'; until [ -e '${file('ssh-go')}' ]; do sleep 0.05; done
        echo b=2 >>"$DROVER_OUTPUT"`;
      const id = (await ok('run', '--detach', '-t', 'box-1', '--', 'sh', '-c', script)).trim();
      await until('it to have begun', () => existsSync(file('ssh-open')));
      for (const pid of pidsOf(dataDir, 'worker')) process.kill(pid, 'SIGKILL');
      writeFileSync(file('ssh-go'), '');
      expect((await ended(id)).executions).toMatchObject([{ state: 'succeeded', values: { a: '1', b: '2' } }]);
    } finally {
      await world.end();
    }
  });
});
