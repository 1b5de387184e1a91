/**
 * Hosts without agents, when one of several workers dies: what it had sent there has one effect and one verdict, whoever owns the run
 * by then, and the other worker touches nothing but what is new. Real servers, workers and sshd.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import pg from 'pg';
import type { RunId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import type { ExecutionRecord } from '../../src/store/contract/execution.ts';
import type { RunRecord } from '../../src/store/contract/run.ts';
import { ChaosApi } from '../chaos/api.ts';
import { Cluster, type ManagedProcess } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { SshWorld } from '../support/sshd.ts';
import { until } from '../support/until.ts';

requiring('sshd').describe('a host without an agent, of two workers', () => {
  let cluster: Cluster;
  let api: ChaosApi;
  let world: SshWorld;
  let effects: string;

  beforeAll(async () => {
    world = new SshWorld();
    cluster = await Cluster.start({ servers: 2, workers: 2, agents: 0 });
    api = new ChaosApi(cluster.urls, cluster.token);
    effects = join(cluster.folder, 'effects');
    mkdirSync(effects);
    const { port } = await world.start();
    const account = {
      name: 'ops',
      scope: 'all',
      loginUser: world.user,
      credentials: [{ kind: 'key', name: 'k', privateKey: world.userKey.text }],
    };
    expect(await api.post('/api/v1/accounts', account)).toMatchObject({ status: 201 });
    const host = { name: 'box-1', address: '127.0.0.1', port, account: 'ops' };
    expect(await api.post('/api/v1/hosts', host)).toMatchObject({ status: 201 });
  }, 180_000);
  afterAll(async () => {
    await cluster?.stop();
    await world.end();
  }, 60_000);

  const executionOf = async (id: RunId): Promise<ExecutionRecord> =>
    (await cluster.store.executionList(id, {}, { limit: 1 })).items[0]!;
  const ended = (id: RunId): Promise<RunRecord> =>
    until(
      'the run to end',
      async () => {
        const run = await cluster.store.runFetch(id);
        return run && isTerminalRun(run.state) && run;
      },
      60_000,
    );
  /** Attempts that had their effect, each as often as it had it. */
  const effectsOf = (id: RunId): string[] =>
    existsSync(join(effects, id)) ? readFileSync(join(effects, id), 'latin1').trim().split('\n') : [];
  const letGo = (id: RunId): void => writeFileSync(join(effects, `${id}.go`), '');

  /** On the server that workers have joined by, which owns it; resolves when it runs. Not for ever: a test that failed leaves none. */
  async function running(lostAfter: string): Promise<RunId> {
    const script = [
      'run="$DROVER_PARAM_EFFECTS/${DROVER_ATTEMPT_ID%%.*}"',
      'echo "$DROVER_ATTEMPT_ID" >> "$run"',
      'until [ -e "$run.go" ] || [ ! -d "$DROVER_PARAM_EFFECTS" ]; do sleep 0.05; done',
      'echo "end of $DROVER_ATTEMPT_ID"; exit 3',
    ].join('\n');
    const body = { targets: 'box-1', script, params: { EFFECTS: effects }, timeout: '120s', lostAfter };
    const created = await new ChaosApi([cluster.urls[0]!], cluster.token).post('/api/v1/runs', body);
    expect(created.status).toBe(201);
    const id = created.body.id as RunId;
    await until('it runs', async () => (await executionOf(id)).state === 'running' && effectsOf(id).length > 0);
    return id;
  }

  async function ownerOf(id: RunId): Promise<ManagedProcess> {
    const client = new pg.Client({ connectionString: cluster.databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ url: string }>(
        'SELECT s.url FROM partition p JOIN server s ON s.id = p.owner WHERE p.id = $1',
        [partitionOf(id)],
      );
      return cluster.servers[cluster.urls.indexOf(rows[0]!.url)]!;
    } finally {
      await client.end();
    }
  }

  it('has each attempt once and told once when the first is killed, its run is taken over, and it comes back', async () => {
    const [patient, hasty] = [await running('10m'), await running('1s')];
    const first = (await executionOf(patient)).route!;
    expect((await executionOf(hasty)).route).toEqual(first);
    const { name } = (await cluster.store.workerList(EVERYTHING)).find((worker) => worker.id === first.workerId)!;
    const worker = cluster.workers[Number(name.slice('worker-'.length)) - 1]!;
    await worker.kill();
    for (const id of [patient, hasty]) letGo(id);

    expect(await ended(hasty)).toMatchObject({ state: 'failed', counts: { lost: 1 } });
    // Whoever decides to try again has another attempt, by the worker that is left.
    expect((await api.post(`/api/v1/runs/${hasty}/retry`, { states: ['lost'] })).status).toBe(201);
    const again = await until('it is over', async () => {
      const execution = await executionOf(hasty);
      return execution.attempt === 2 && execution.state === 'failed' && execution;
    });
    expect([again.outcome, again.route?.workerId === first.workerId]).toEqual([{ kind: 'exited', code: 3 }, false]);
    expect(await executionOf(patient)).toMatchObject({ state: 'running', attempt: 1, route: first });

    // What the worker joined by is gone as well: it finds the other server by itself.
    expect(await ownerOf(patient)).toBe(cluster.servers[0]);
    await cluster.servers[0]!.kill();
    worker.start();
    expect(await ended(patient)).toMatchObject({ state: 'failed', counts: { failed: 1 } });
    expect(await executionOf(patient)).toMatchObject({
      state: 'failed',
      outcome: { kind: 'exited', code: 3 },
      attempt: 1,
      route: first,
      settledLate: false,
    });
    const shown = async () => (await api.get(`/api/v1/runs/${hasty}/executions/0/0`)).body as { history?: object[] };
    await until('the truth of the first attempt', async () => 'lateReport' in ((await shown()).history?.[0] ?? {}));
    expect(await shown()).toMatchObject({
      state: 'failed',
      attempt: 2,
      outcome: { kind: 'exited', code: 3 },
      settledLate: false,
      history: [{ attempt: 1, state: 'lost', lateReport: { state: 'failed', outcome: { kind: 'exited', code: 3 } } }],
    });
    const place = { runId: patient, task: 0, ordinal: 0, attempt: 1 };
    const output = await cluster.store.outputRead(place, 1, 0, 200);
    expect(Buffer.from(output!).toString()).toBe(`end of ${patient}.0.0.1\n`);
    expect(effectsOf(patient)).toEqual([`${patient}.0.0.1`]);
    expect(effectsOf(hasty)).toEqual([`${hasty}.0.0.1`, `${hasty}.0.0.2`]);
    expect(cluster.unexpectedEnds).toEqual([]);
  }, 180_000);
});
