/**
 * The disk of a `drover up` runs full while runs go on. New work is refused while there is room for the ends of the old, reads work, PostgreSQL
 * that had to end for want of space comes back with growing pauses, and once there is room all goes on as if nothing had been.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { ChaosApi } from '../chaos/api.ts';
import { requiring } from '../support/needs.ts';
import { databaseUrl, socketFolderOf } from '../../src/embedded/database-socket.ts';
import { until } from '../support/until.ts';
import { cliOf, pidsOf, startUp, stopUp, type RunningUp } from '../support/up.ts';

const MiB = 1_048_576;

requiring('root').describe('a server whose disk is full', () => {
  let disk: string;
  let elsewhere: string;
  let up: RunningUp;
  let api: ChaosApi;
  let said = '';

  beforeAll(async () => {
    disk = mkdtempSync(join(tmpdir(), 'drover-full-'));
    elsewhere = mkdtempSync(join(tmpdir(), 'drover-go-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=420m,mode=0711', 'tmpfs', disk]);
    // Nothing but our own mount is ever filled.
    expect(statfsSync(disk).blocks * statfsSync(disk).bsize).toBe(420 * MiB);
    up = await startUp(join(disk, 'data'), 1);
    up.process.stderr!.on('data', (bytes: Buffer) => (said += bytes.toString()));
    api = new ChaosApi([up.url], up.token);
  }, 180_000);
  afterAll(async () => {
    rmSync(join(disk, 'filling'), { force: true });
    if (up) await stopUp(up);
    execFileSync('umount', ['--lazy', disk]);
    for (const folder of [disk, elsewhere]) rmSync(folder, { recursive: true, force: true });
  });

  const freeBytes = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;

  /** Leaves about so many bytes free. */
  function fill(leftBytes: number): void {
    const file = openSync(join(disk, 'filling'), 'a');
    try {
      while (freeBytes() > leftBytes) writeSync(file, Buffer.alloc(Math.min(MiB, freeBytes() - leftBytes || 1)));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    } finally {
      closeSync(file);
    }
  }

  async function start(script: string): Promise<{ status: number; id: string; code: unknown; detail: unknown }> {
    const { status, body } = await api.post('/api/v1/runs', { targets: 'all', script, timeout: '5m' });
    return { status, id: String(body.id), code: body.code, detail: body.detail };
  }
  const stateOf = async (id: string): Promise<unknown> => (await api.get(`/api/v1/runs/${id}`)).body.state;
  const held = (name: string): string => `until [ -e ${elsewhere}/${name} ]; do sleep 0.05; done; echo ${name}; exit 3`;
  const ready = async (): Promise<unknown> => (await (await fetch(`${up.url}/readyz`)).json()) as unknown;

  it('refuses new work early, keeps the rest, says so, and recovers by itself', async () => {
    const processes = [...pidsOf(up.dataDir, 'server'), ...pidsOf(up.dataDir, 'agents')];
    const [first, second, third] = [
      await start(held('first')),
      await start(held('second')),
      await start(held('third')),
    ];
    for (const run of [first, second, third])
      await until('it to run', async () => (await stateOf(run.id)) === 'running');
    expect(await ready()).toMatchObject({ status: 'ready', databaseSpace: 'enough' });

    fill(limits.databaseFreeBytesMin - 24 * MiB);
    expect(await start('exit 0')).toMatchObject({
      status: 507,
      code: 'database-full',
      detail: expect.stringMatching(/\d+ MiB left, .*Make room at .*nothing has to be restarted/) as unknown,
    });
    expect(await ready()).toMatchObject({ status: 'ready', databaseSpace: 'low' });
    const cli = cliOf(up);
    const refused = await cli('run', '-t', 'all', '--', 'true');
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('Make room at')]);
    expect((await cli('runs', 'list')).code).toBe(0);
    const metrics = await fetch(`${up.url}/metrics`, { headers: { authorization: `Bearer ${up.token}` } });
    expect(await metrics.text()).toMatch(/^drover_database_full 1$/m);
    // What was under way goes on to its end, and may be ended.
    writeFileSync(join(elsewhere, 'first'), '');
    await until('the end to be written', async () => (await stateOf(first.id)) === 'failed');
    expect((await api.post(`/api/v1/runs/${second.id}/cancel`, {})).status).toBe(202);
    await until('the cancel to be carried out', async () => (await stateOf(second.id)) === 'cancelled');
    await until('up to say so', () => said.includes('the disk of the database is full'));

    // Nothing is left: PostgreSQL itself cannot go on once its log of changes has to grow.
    fill(0);
    await untilPostgresEnds();
    await until('up to say why', () => /ended by itself.*No space left on device/s.test(said));
    fill(0);
    writeFileSync(join(elsewhere, 'third'), '');
    await until('several starts in vain, with pauses that grow', () => ends().length >= 3);
    const pauses = ends()
      .slice(1)
      .map((at, i) => at - ends()[i]!);
    // Each is what the pause is at least, and twice the one before.
    for (const [i, pauseMs] of pauses.entries()) expect(pauseMs).toBeGreaterThan(200 * 2 ** i - 10);

    rmSync(join(disk, 'filling'));
    await until('up to say that it is back', () => said.includes('PostgreSQL answers again'));
    await until('the end that had to wait', async () => (await stateOf(third.id).catch(() => undefined)) === 'failed');
    const run = await until('new work to be taken', async () => {
      const answer = await start('exit 0');
      return answer.status === 201 ? answer : undefined;
    });
    await until('it to succeed', async () => (await stateOf(run.id)) === 'succeeded');
    expect(await ready()).toMatchObject({ status: 'ready', databaseSpace: 'enough' });
    // Nobody had to be started again, though the logs and journals of all lie on that disk.
    expect([...pidsOf(up.dataDir, 'server'), ...pidsOf(up.dataDir, 'agents')]).toEqual(
      expect.arrayContaining(processes),
    );
    await until('its log to have the reason, written when there was space', () =>
      /No space left on device[^]*PostgreSQL answers again/.test(
        readFileSync(join(up.dataDir, 'postgres', 'postgres.log'), 'utf8'),
      ),
    );
  }, 180_000);

  const ends = (): number[] =>
    [...said.matchAll(/"time":"([^"]+)"[^\n]*PostgreSQL ended by itself/g)].map(([, at]) => Date.parse(at!));

  async function untilPostgresEnds(): Promise<void> {
    const folder = join(up.dataDir, 'postgres');
    const password = readFileSync(join(folder, 'password'), 'utf8').trim();
    const client = new pg.Client({ connectionString: databaseUrl(socketFolderOf(folder), password) });
    client.on('error', () => undefined);
    await client.connect();
    await until('PostgreSQL to end', async () =>
      client.query("SELECT pg_logical_emit_message(false, 'filling', repeat(md5(random()::text), 32768))").then(
        () => false,
        () => ends().length > 0,
      ),
    );
    await client.end().catch(() => undefined);
  }
});
