/** `drover backup` and `drover restore` as an operator uses them: on another machine, with an agent that lives through it all. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, dataOf, type DroverClient } from '@drover/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { testDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import {
  cleanEnv,
  cliOf,
  drover,
  newDataDir,
  removeDataDir,
  runCli,
  startUp,
  stopUp,
  type RunningUp,
} from '../support/up.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-backup-'));
const at = (name: string): string => join(folder, name);
const [oldData, newData] = [newDataDir(), newDataDir()];
const key = at('kept.key');
let old: RunningUp;
let fresh: RunningUp | undefined;
let agent: ChildProcess | undefined;

beforeAll(async () => {
  chmodSync(folder, 0o711);
  old = await startUp(oldData, 0);
  copyFileSync(join(oldData, 'server', 'master.key'), key);
}, 240_000);
afterAll(async () => {
  await endAgent();
  for (const up of [old, fresh]) if (up) await stopUp(up);
  for (const dataDir of [oldData, newData]) removeDataDir(dataDir);
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const clientOf = (up: RunningUp): DroverClient => createClient({ baseUrl: up.url, token: up.token });

async function startAgent(up: RunningUp, join?: string): Promise<void> {
  const workers = dataOf(await clientOf(up).GET('/api/v1/workers')).items;
  const worker = workers.find((item) => item.agents !== undefined)!.agentAddress;
  agent = spawn(drover, ['agent', '--data', at('agent'), '--name', 'web-1', '--worker', worker], {
    stdio: 'ignore',
    env: { ...cleanEnv(), ...given({ DROVER_JOIN: join }) },
  });
  await until('the agent to be linked', async () =>
    dataOf(await clientOf(up).GET('/api/v1/hosts', { params: { query: { linked: 'true' } } })).items.some(
      ({ name }) => name === 'web-1',
    ),
  );
}

async function endAgent(): Promise<void> {
  const ending = agent;
  agent = undefined;
  if (!ending) return;
  const ended = new Promise((resolve) => ending.once('exit', resolve));
  ending.kill('SIGTERM');
  await ended;
}

/** Each start of it adds a line to its own file; what comes after is its script. */
async function begin(up: RunningUp, name: string, script: string): Promise<string> {
  const body = { targets: 'all', script: `echo began >> ${at(name)}\n${script}\n`, startDeadline: '1h' };
  return dataOf(await clientOf(up).POST('/api/v1/runs', { body })).id;
}

const begun = (name: string): number =>
  existsSync(at(name)) ? readFileSync(at(name), 'utf8').split('\n').length - 1 : 0;

async function execution(up: RunningUp, runId: string) {
  return dataOf(await clientOf(up).GET('/api/v1/runs/{runId}/executions', { params: { path: { runId } } })).items[0]!;
}

async function reached(up: RunningUp, runId: string, state: string): Promise<Awaited<ReturnType<typeof execution>>> {
  return until(
    `run ${runId} to be ${state}`,
    async () => {
      const present = await execution(up, runId);
      return present.state === state ? present : undefined;
    },
    120_000,
  );
}

const retry = async (up: RunningUp, runId: string): Promise<unknown> =>
  dataOf(
    await clientOf(up).POST('/api/v1/runs/{runId}/retry', {
      params: { path: { runId } },
      body: { states: ['failed', 'lost'] },
    }),
  );

it('is restored on another machine, where nothing runs twice and the agent goes on', async () => {
  const client = clientOf(old);
  const { token } = dataOf(await client.POST('/api/v1/join-tokens', { body: { role: 'agent' } }));
  await startAgent(old, token);
  const before = await begin(old, 'before', 'echo hello');
  await reached(old, before, 'succeeded');
  const failed = await begin(old, 'failed', `[ -e ${at('fixed')} ]`);
  await reached(old, failed, 'failed');
  const running = await begin(old, 'running', `until [ -e ${at('go')} ]; do sleep 0.1; done`);
  await reached(old, running, 'running');
  await endAgent();
  const waiting = await begin(old, 'waiting', 'echo hello');
  const reported = await begin(old, 'reported', `until [ -e ${at('go-on')} ]; do sleep 0.1; done; echo late`);

  // The fleet goes on, and so does the backup.
  const file = at('drover.backup');
  const taken = await runCli(['backup', file, '--data', oldData, '--json']);
  expect(taken).toMatchObject({ code: 0, stderr: '' });
  const { keyIds, rows } = JSON.parse(taken.stdout) as { keyIds: string[]; rows: number };
  expect(keyIds).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
  expect(rows).toBeGreaterThan(40);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(existsSync(`${file}.part`)).toBe(false);
  expect(readFileSync(file).includes(Buffer.from(readFileSync(key, 'utf8').trim(), 'base64'))).toBe(false);
  expect(await runCli(['backup', 'verify', file])).toMatchObject({ code: 0, stdout: expect.stringContaining('whole') });

  // What the backup does not know: all of it ends, a failure is retried, and one end is not told any more.
  writeFileSync(at('go'), '');
  await startAgent(old);
  await Promise.all([reached(old, running, 'succeeded'), reached(old, waiting, 'succeeded')]);
  await reached(old, reported, 'running');
  writeFileSync(at('fixed'), '');
  await retry(old, failed);
  await reached(old, failed, 'succeeded');
  // Whatever was acknowledged before this one has arrived by now.
  await reached(old, await begin(old, 'unknown', 'echo hello'), 'succeeded');
  await stopUp(old, 'SIGKILL');
  writeFileSync(at('go-on'), '');

  const restored = await runCli(['restore', file, '--data', newData, '--master-key', key, '--json']);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(restored.stdout)).toMatchObject({ lost: 2, runsUnderWay: 1 });
  fresh = await startUp(newData, 0);
  const up = fresh;
  await endAgent();
  await startAgent(up);

  expect(await reached(up, before, 'succeeded')).toMatchObject({ attempt: 1 });
  // Nobody knows any more how these ended; the journal of the agent knows that they did, and starts neither again.
  await reached(up, running, 'lost');
  await reached(up, waiting, 'lost');
  // Its report was never committed: it comes now, and is the truth.
  expect(await reached(up, reported, 'succeeded')).toMatchObject({ settledLate: true });
  await retry(up, failed);
  expect(await reached(up, failed, 'lost')).toMatchObject({ attempt: 2, detail: expect.stringContaining('before') });
  expect(['running', 'waiting', 'reported', 'failed'].map(begun)).toEqual([1, 1, 1, 2]);
  // Asked for anew, it runs anew.
  await retry(up, failed);
  expect(await reached(up, failed, 'succeeded')).toMatchObject({ attempt: 3 });
  expect(begun('failed')).toBe(3);
  await reached(up, await begin(up, 'after', 'echo hello'), 'succeeded');
  expect(await cliOf(up)('audit', 'verify')).toMatchObject({ code: 0 });
}, 400_000);

it('refuses what would not work, with what to do, and changes nothing', async () => {
  const dataDir = join(newDataDir(), '..', 'data');
  const database = await testDatabase();
  const file = at('drover.backup');
  try {
    const refused = async (args: string[], code: string, env: Record<string, string> = {}): Promise<void> => {
      const { code: exit, stderr } = await runCli(args, env);
      expect(stderr).toContain(`(${code})`);
      expect(exit).toBe(code === 'bad-input' ? 2 : 3);
    };
    await refused(['backup', at('x'), '--data', at('nothing')], 'bad-input');
    await refused(['backup', join(folder, 'no', 'folder'), '--data', oldData], 'backup-unwritable');
    await refused(['restore', at('no-file'), '--data', dataDir, '--master-key', key], 'bad-input');
    await refused(['restore', file, '--data', dataDir], 'backup-key-missing');
    writeFileSync(at('other.key'), Buffer.alloc(32, 1).toString('base64'));
    await refused(['restore', file, '--data', dataDir, '--master-key', at('other.key')], 'backup-key-missing');
    await refused(['restore', file, '--data', newData, '--master-key', key], 'data-folder-in-use');
    copyFileSync(file, at('cut.backup'));
    truncateSync(at('cut.backup'), statSync(file).size - 1);
    await refused(['restore', at('cut.backup'), '--data', dataDir, '--master-key', key], 'backup-damaged');
    await refused(['backup', 'verify', at('cut.backup')], 'backup-damaged');
    expect(existsSync(dataDir)).toBe(false);

    // A database by its URL takes it as well, once; the folder that is not running is started for the time of a backup.
    const env = { DATABASE_URL: database.url, DROVER_MASTER_KEY: readFileSync(key, 'utf8').trim() };
    expect(await runCli(['restore', file], env)).toMatchObject({ code: 0 });
    await refused(['restore', file], 'restore-target-used', env);
    expect(await runCli(['backup', at('again.backup')], env)).toMatchObject({ code: 0 });
    expect(await runCli(['backup', at('stopped.backup'), '--data', oldData])).toMatchObject({ code: 0 });
  } finally {
    removeDataDir(dataDir);
    await database.drop();
  }
}, 240_000);
