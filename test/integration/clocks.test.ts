/** A server or an agent whose clock jumps by hours in the middle of a run: nothing is settled for it, nothing is refused for it. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { RunId } from '../../src/base/ids.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import type { RunRecord } from '../../src/store/contract/run.ts';
import { ChaosApi } from '../chaos/api.ts';
import { Cluster } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { until } from '../support/until.ts';

const LIBRARY = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
].find((path) => existsSync(path));
/** How far the server's clock may be from the real one before it counts as having jumped. */
const JUMPED_MS = 3_600_000;

requiring('faketime').describe('a clock that jumps', () => {
  let folder: string;
  let cluster: Cluster;
  let api: ChaosApi;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-clocks-'));
    mkdirSync(join(folder, 'go'));
    const [serverEnv, agentEnv] = (['server', 'agent'] as const).map((whose) => {
      setClock(whose, '+0');
      return {
        LD_PRELOAD: LIBRARY!,
        FAKETIME_TIMESTAMP_FILE: join(folder, whose),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
    });
    cluster = await Cluster.start({ servers: 1, workers: 1, agents: 1, serverEnv: serverEnv!, agentEnv: agentEnv! });
    api = new ChaosApi(cluster.urls, cluster.token);
  }, 180_000);
  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function setClock(whose: 'server' | 'agent', offset: string): void {
    writeFileSync(join(folder, whose), `${offset}\n`);
  }

  /** As whoever asks over HTTP is told. */
  async function serverAheadMs(): Promise<number> {
    const response = await fetch(`${cluster.urls[0]}/readyz`);
    return Date.parse(response.headers.get('date')!) - systemClock.nowMs();
  }

  async function start(script: string): Promise<RunId> {
    const created = await api.post('/api/v1/runs', { targets: 'all', script, timeout: '90s', params: { GO: folder } });
    expect(created.status).toBe(201);
    return created.body.id as RunId;
  }
  const ended = (id: RunId): Promise<RunRecord> =>
    until('the run to end', async () => {
      const run = await cluster.store.runFetch(id);
      return run && isTerminalRun(run.state) ? run : undefined;
    });
  const stateOf = async (id: RunId): Promise<string> =>
    (await cluster.store.executionList(id, {}, { limit: 1 })).items[0]!.state;

  it('of a server changes nothing: what ran goes on and new work is taken, two hours ahead and two behind', async () => {
    const held = await start(
      'until [ -e "$DROVER_PARAM_GO/go/on" ] || [ ! -d "$DROVER_PARAM_GO/go" ]; do sleep 0.1; done',
    );
    await until('the script to run', async () => (await stateOf(held)) === 'running');
    for (const [offset, isThere] of [
      ['+2h', (aheadMs: number) => aheadMs > JUMPED_MS],
      ['-2h', (aheadMs: number) => aheadMs < -JUMPED_MS],
    ] as const) {
      setClock('server', offset);
      await until(`the server's clock to be at ${offset}`, async () => isThere(await serverAheadMs()));
      const run = await ended(await start('exit 0'));
      expect([run.state, Math.abs(run.createdAtMs - systemClock.nowMs()) < JUMPED_MS]).toEqual(['succeeded', true]);
      expect(await stateOf(held)).toBe('running');
    }
    writeFileSync(join(folder, 'go', 'on'), '');
    expect(await ended(held)).toMatchObject({ state: 'succeeded' });
    setClock('server', '+0');
  }, 120_000);

  it('of a linked agent changes nothing, and is named: a day ahead, and back', async () => {
    const hold = 'until [ -e "$DROVER_PARAM_GO/go/on" ] || [ ! -d "$DROVER_PARAM_GO/go" ]; do sleep 0.1; done';
    rmSync(join(folder, 'go', 'on'), { force: true });
    const held = await start(hold);
    await until('the script to run', async () => (await stateOf(held)) === 'running');
    for (const offset of ['+1d', '+0']) {
      setClock('agent', offset);
      const run = await ended(await start('exit 0'));
      expect(run.state).toBe('succeeded');
      // It was ordered once: one time out, and no other.
      const kinds = (await cluster.store.timelineList(run.id, { limit: 100 })).map(({ kind }) => kind);
      expect([offset, kinds]).toEqual([offset, [...new Set(kinds)]]);
      expect(await stateOf(held)).toBe('running');
      if (offset === '+0') break;
      // What is told once a minute is told at once by whoever links anew.
      await cluster.workers[0]!.kill();
      cluster.workers[0]!.start();
      await until('it to be named', async () => {
        const { body } = await api.get('/api/v1/agents');
        const [agent] = body.items as { linked: boolean; problems: string[]; load?: object }[];
        return agent!.linked && agent!.load && agent!.problems.includes('skewed');
      });
    }
    writeFileSync(join(folder, 'go', 'on'), '');
    expect(await ended(held)).toMatchObject({ state: 'succeeded' });
  }, 180_000);
});
