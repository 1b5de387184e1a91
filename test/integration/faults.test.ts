/**
 * What users are promised when something dies, one fault at a time: two servers, two workers and agents as real processes on one
 * PostgreSQL. `npm run chaos` does the same things at random; here each has its own claim, and its own proof.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import type { RunId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { limits } from '../../src/base/limits.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import type { ExecutionRecord } from '../../src/store/contract/execution.ts';
import type { RunRecord } from '../../src/store/contract/run.ts';
import { ChaosApi } from '../chaos/api.ts';
import { readTraces } from '../chaos/script.ts';
import { Cluster, type ManagedProcess } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4'];
const TRACE = 'printf "%s\\n" "$DROVER_ATTEMPT_ID" >> "$DROVER_PARAM_TRACES/$DROVER_HOST"';
/** Scripts run for as long as the test needs them to: however slow the machine, they all run when the fault strikes. Not for ever: a test that failed leaves none. */
const HOLD =
  'until [ -e "$DROVER_PARAM_TRACES/../let-go-${DROVER_ATTEMPT_ID%%.*}" ] || [ ! -d "$DROVER_PARAM_TRACES" ]; do sleep 0.05; done';
/** On a machine that has time; on another one as much longer as an ordinary run takes there. */
const TAKE_OVER_MS = 10_000;
const ORDINARY_RUN_MS = 500;
/** A report is some 350 bytes on the wire, and is told again and again until it is acknowledged. */
const REPORTED_BYTES = 2_000;

/** What peers have sent to a local port and its process has not read yet. */
function unreadBytes(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const queues = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(local));
  return queues.reduce((sum, columns) => sum + Number.parseInt(columns[4]!.split(':')[1]!, 16), 0);
}

describe('one fault at a time', () => {
  let cluster: Cluster;
  let api: ChaosApi;
  let traces: string;

  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 2, workers: 2, agents: HOSTS.length });
    api = new ChaosApi(cluster.urls, cluster.token);
    traces = join(cluster.folder, 'traces');
    mkdirSync(traces);
  }, 180_000);
  afterAll(() => cluster?.stop(), 60_000);

  /** Everybody is up again before the next fault. */
  afterEach(async () => {
    for (const process of cluster.processes) {
      if (process.stopped) process.signal('SIGCONT');
      if (!process.isAlive) process.start();
    }
    await until(
      'all servers to be ready',
      async () => (await Promise.all(cluster.urls.map(isReady))).every(Boolean),
      60_000,
    );
    // What is about to change hands would do so in the middle of the next test.
    await until(
      'each server to own its half',
      async () =>
        (
          await query(
            'SELECT owner FROM partition GROUP BY owner HAVING owner IS NOT NULL AND count(*) = (SELECT count(*) / 2 FROM partition)',
          )
        ).length === cluster.servers.length,
      60_000,
    );
    await until(
      'all hosts to be linked',
      async () =>
        (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 })).items.length === HOSTS.length,
      60_000,
    );
    expect(cluster.unexpectedEnds).toEqual([]);
  }, 120_000);

  async function isReady(url: string): Promise<boolean> {
    return fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.ok,
      () => false,
    );
  }

  async function query<T>(text: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client({ connectionString: cluster.databaseUrl });
    await client.connect();
    try {
      return (await client.query(text, values)).rows as T[];
    } finally {
      await client.end();
    }
  }

  /** Started on the hosts, each leaving its trace first and held until `letGo`; resolves when it runs on all of them. */
  async function running(body: string, targets = 'all', more: Record<string, unknown> = {}): Promise<RunId> {
    const created = await api.post('/api/v1/runs', {
      targets,
      script: `${TRACE}\n${HOLD}\n${body}\n`,
      params: { TRACES: traces },
      timeout: '60s',
      lostAfter: '60s',
      ...more,
    });
    expect(created.status).toBe(201);
    const id = created.body.id as RunId;
    await until('the script to run everywhere', async () =>
      (await executions(id)).every(({ state }) => state === 'running'),
    );
    return id;
  }

  const letGo = (id: RunId): void => writeFileSync(join(cluster.folder, `let-go-${id}`), '');

  const executions = async (id: RunId): Promise<readonly ExecutionRecord[]> =>
    (await cluster.store.executionList(id, {}, { limit: 100 })).items;

  async function ended(id: RunId, timeoutMs = 60_000): Promise<RunRecord> {
    return until(
      'the run to end',
      async () => {
        const run = await cluster.store.runFetch(id).catch(() => undefined);
        return run && isTerminalRun(run.state) ? run : undefined;
      },
      timeoutMs,
    );
  }

  const tracesOf = (id: RunId): string[] =>
    readTraces(traces)
      .filter(({ attempt }) => attempt.startsWith(id))
      .map(({ attempt, host }) => `${host} ${attempt.split('.').at(-1)}`)
      .toSorted();
  const onceEach = HOSTS.map((host) => `${host} 1`);

  /** The server that owns a run's partition, and its term. */
  async function ownership(id: RunId): Promise<{ server: ManagedProcess | undefined; term: number }> {
    const [row] = await query<{ url: string | null; term: string }>(
      'SELECT s.url, p.term FROM partition p LEFT JOIN server s ON s.id = p.owner WHERE p.id = $1',
      [partitionOf(id)],
    );
    return { server: cluster.servers[cluster.urls.indexOf(row!.url ?? '')], term: Number(row!.term) };
  }

  const agent = (name: string): ManagedProcess => cluster.agents[HOSTS.indexOf(name)]!;

  it('the owner of a run is killed: another takes over within ten seconds, and the run ends right', async () => {
    const begunAt = systemClock.monotonicMs();
    const ordinary = await running('true');
    letGo(ordinary);
    await ended(ordinary);
    const slowness = Math.max(1, (systemClock.monotonicMs() - begunAt) / ORDINARY_RUN_MS);
    const id = await running('echo done');
    const { server, term } = await ownership(id);
    await server!.kill();
    letGo(id);
    const killedAt = systemClock.monotonicMs();
    await until('another to own the run', async () => {
      const now = await ownership(id);
      return now.term > term && now.server !== undefined && now.server !== server;
    });
    expect(systemClock.monotonicMs() - killedAt).toBeLessThan(TAKE_OVER_MS * slowness);
    expect(await ended(id)).toMatchObject({ state: 'succeeded', counts: { succeeded: HOSTS.length } });
    expect(tracesOf(id)).toEqual(onceEach);
  }, 120_000);

  it('the ear of the owner is cut off while the other server is told to cancel: the run is cancelled', async () => {
    const id = await running('echo done');
    const { server } = await ownership(id);
    const other = cluster.urls[1 - cluster.servers.indexOf(server!)]!;
    const cut = await query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN drover%' AND application_name = $1",
      [server!.name],
    );
    expect(cut).toHaveLength(1);
    const answer = await new ChaosApi([other], cluster.token).post(`/api/v1/runs/${id}/cancel`, {});
    expect(answer.status).toBe(202);
    expect(await ended(id, 20_000)).toMatchObject({ state: 'cancelled', counts: { cancelled: HOSTS.length } });
  }, 120_000);

  it('the owner is killed right after a create, a cancel and a retry are written: the other carries all of them out', async () => {
    const url = cluster.urls[0]!;
    const own = new ChaosApi([url], cluster.token);
    const create = (script: string) => ({ targets: 'host-1', script, params: { TRACES: traces }, timeout: '60s' });
    const [retried, cancelled] = await Promise.all(
      [`${TRACE}\n`, `${TRACE}\n${HOLD}\n`].map(
        async (script) => (await own.post('/api/v1/runs', create(script))).body.id as RunId,
      ),
    );
    await ended(retried!);
    await until('the script to run', async () => (await executions(cancelled!))[0]!.state === 'running');
    expect((await ownership(cancelled!)).server).toBe(cluster.servers[0]);
    const before = (await cluster.store.runList(EVERYTHING, {}, { limit: 1 })).items[0]!.id;
    const database = new pg.Client({ connectionString: cluster.databaseUrl });
    await database.connect();
    const post = (path: string, body: object): void =>
      void fetch(`${url}/api/v1/runs${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
      }).catch(() => undefined);
    post('', create(`${TRACE}\n`));
    post(`/${cancelled}/cancel`, {});
    post(`/${retried}/retry`, { states: ['succeeded'] });
    let created: RunId | undefined;
    for (let isWritten = false; !isWritten; ) {
      const { rows } = await database.query<{ id: RunId; is_cancel: boolean; is_retry: boolean }>(
        `SELECT max(id::text) FILTER (WHERE id > $1) AS id, bool_or(id = $2 AND cancel_requested_at_ms IS NOT NULL) AS is_cancel, bool_or(id = $3 AND round = 2) AS is_retry FROM run`,
        [before, cancelled, retried],
      );
      created = rows[0]!.id;
      isWritten = created !== null && rows[0]!.is_cancel && rows[0]!.is_retry;
    }
    await cluster.servers[0]!.kill();
    await database.end();
    expect(await ended(cancelled!)).toMatchObject({ state: 'cancelled' });
    expect(await ended(retried!)).toMatchObject({ state: 'succeeded', round: 2 });
    expect(await ended(created!)).toMatchObject({ state: 'succeeded' });
    expect(tracesOf(created!)).toEqual(['host-1 1']);
    expect(tracesOf(retried!)).toEqual(['host-1 1', 'host-1 2']);
  }, 120_000);

  it('the owner stands still for longer than its lease and goes on: not one stale write lands', async () => {
    await query(`CREATE TABLE witness (writer text, owner_url text, run_id uuid, state text);
      CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO witness SELECT current_setting('application_name'), s.url, NEW.run_id, NEW.state FROM run r JOIN partition p ON p.id = r.partition LEFT JOIN server s ON s.id = p.owner WHERE r.id = NEW.run_id;
        RETURN NULL; END $$;
      CREATE TRIGGER witness AFTER UPDATE ON execution FOR EACH ROW EXECUTE FUNCTION witness();`);
    const id = await running('echo done');
    const { server, term } = await ownership(id);
    // The scripts end while it stands still: their reports lie in its sockets, and it believes that they are its to write. The workers
    // stand still from then on, so that the new owner hears nothing, and nothing but the fence is in the way of what the old one believes.
    server!.signal('SIGSTOP');
    letGo(id);
    const { port } = new URL(cluster.urls[cluster.servers.indexOf(server!)]!);
    await until('the reports to lie there', () => unreadBytes(Number(port)) > REPORTED_BYTES);
    for (const worker of cluster.workers) worker.signal('SIGSTOP');
    await until(
      'the lease to be taken over',
      async () => (await ownership(id)).term > term,
      2 * limits.serverLeaseMs + 10_000,
    );
    server!.signal('SIGCONT');
    await until('it to have read the reports', () => unreadBytes(Number(port)) === 0);
    await until('it to answer again', () => isReady(cluster.urls[cluster.servers.indexOf(server!)]!));
    for (const worker of cluster.workers) worker.signal('SIGCONT');
    expect(await ended(id)).toMatchObject({ state: 'succeeded', counts: { succeeded: HOSTS.length } });
    const writes = await query<{ writer: string; owner_url: string | null }>(
      'SELECT writer, owner_url FROM witness WHERE run_id = $1',
      [id],
    );
    // Each by whoever was the owner at that very instant.
    expect(
      writes.filter((write) => write.owner_url !== cluster.urls[Number(write.writer.slice('server-'.length)) - 1]),
    ).toEqual([]);
    expect(writes.length).toBeGreaterThan(0);
    expect(tracesOf(id)).toEqual(onceEach);
    await query('DROP TRIGGER witness ON execution; DROP FUNCTION witness(); DROP TABLE witness');
  }, 120_000);

  it('PostgreSQL is killed in the middle of a run: it ends right, and every link stays', async () => {
    const since = async (): Promise<unknown> =>
      (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 })).items.map((host) => [
        host.name,
        host.workerId,
        host.linkChangedAtMs,
      ]);
    const id = await running('echo done');
    const links = await since();
    process.kill(cluster.postgres.pid!, 'SIGKILL');
    letGo(id);
    expect(await ended(id)).toMatchObject({ state: 'succeeded', counts: { succeeded: HOSTS.length } });
    expect(await since()).toEqual(links);
    expect(tracesOf(id)).toEqual(onceEach);
  }, 120_000);

  it('a worker is killed: its agents move to the other one, and what runs goes on', async () => {
    const id = await running('echo done');
    const held = (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 })).items.map(
      (host) => host.workerId,
    );
    const victim = (await cluster.store.workerList(EVERYTHING)).find((worker) => held.includes(worker.id))!;
    await cluster.workers[Number(victim.name.slice('worker-'.length)) - 1]!.kill();
    await until(
      'its agents to be linked elsewhere',
      async () => {
        const { items } = await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 });
        return items.length === HOSTS.length && items.every((host) => host.workerId !== victim.id);
      },
      30_000,
    );
    letGo(id);
    expect(await ended(id)).toMatchObject({ state: 'succeeded', counts: { succeeded: HOSTS.length } });
    expect((await executions(id)).map(({ attempt, settledLate }) => [attempt, settledLate])).toEqual(
      HOSTS.map(() => [1, false]),
    );
    expect(tracesOf(id)).toEqual(onceEach);
  }, 120_000);

  it('an agent is killed and started again: it finds its process again, as if nothing had happened', async () => {
    const id = await running('echo done; exit 3', 'host-1');
    const [before] = await executions(id);
    await agent('host-1').kill();
    letGo(id);
    agent('host-1').start();
    await ended(id);
    expect(await executions(id)).toMatchObject([
      {
        state: 'failed',
        attempt: 1,
        outcome: { kind: 'exited', code: 3 },
        settledLate: false,
        startedAtMs: before!.startedAtMs,
        stdout: { size: 5 },
      },
    ]);
    expect(tracesOf(id)).toEqual(['host-1 1']);
  }, 120_000);

  it('an agent is gone for longer than lost-after: the run is told as lost, and then as what it was', async () => {
    const id = await running('echo done', 'host-2', { lostAfter: '1s' });
    await agent('host-2').kill();
    letGo(id);
    expect(await ended(id)).toMatchObject({ state: 'failed', counts: { lost: 1 } });
    expect(await executions(id)).toMatchObject([{ state: 'lost', reason: 'link-lost' }]);
    agent('host-2').start();
    await until('the truth', async () => (await executions(id))[0]!.state === 'succeeded');
    expect(await executions(id)).toMatchObject([
      { state: 'succeeded', outcome: { kind: 'exited', code: 0 }, settledLate: true, attempt: 1 },
    ]);
    expect(await cluster.store.runFetch(id)).toMatchObject({ state: 'succeeded', counts: { succeeded: 1, lost: 0 } });
    expect(
      (await cluster.store.timelineList(id, { limit: 100 })).filter(({ kind }) => kind === 'settled-late'),
    ).toMatchObject([{ detail: { hosts: ['host-2'], count: 1, states: { succeeded: 1 } } }]);
    expect(tracesOf(id)).toEqual(['host-2 1']);
  }, 120_000);

  it('the truth of a lost attempt comes after a newer one was opened: it is kept beside it, and moves nothing', async () => {
    const id = await running('echo "attempt $DROVER_ATTEMPT_ID"', 'host-3', { lostAfter: '1s' });
    await agent('host-3').kill();
    letGo(id);
    await ended(id);
    expect((await api.post(`/api/v1/runs/${id}/retry`, { states: ['lost'] })).status).toBe(201);
    agent('host-3').start();
    expect(await ended(id)).toMatchObject({ state: 'succeeded', round: 2 });
    const shown = async (): Promise<{ history: object[] }> =>
      (await api.get(`/api/v1/runs/${id}/executions/0/0`)).body as unknown as { history: object[] };
    await until('the late report', async () => 'lateReport' in (await shown()).history[0]!);
    expect(await shown()).toMatchObject({
      state: 'succeeded',
      attempt: 2,
      settledLate: false,
      history: [
        { attempt: 1, state: 'lost', lateReport: { state: 'succeeded', outcome: { kind: 'exited', code: 0 } } },
      ],
    });
    const { body: timeline } = await api.get(`/api/v1/runs/${id}/timeline`);
    expect(
      (timeline.items as { kind: string; detail: unknown }[]).filter(({ kind }) => kind === 'late-report'),
    ).toMatchObject([{ detail: { hosts: ['host-3'], count: 1 } }]);
    const kept = await cluster.store.outputRead({ runId: id, task: 0, ordinal: 0, attempt: 1 }, 1, 0, 200);
    expect(Buffer.from(kept!).toString()).toBe(`attempt ${id}.0.0.1\n`);
    expect(tracesOf(id)).toEqual(['host-3 1', 'host-3 2']);
  }, 120_000);

  it('a host leaves while no server is up: it is told as away when they are back', async () => {
    await Promise.all(cluster.servers.map((server) => server.kill()));
    await agent('host-4').kill();
    for (const server of cluster.servers) server.start();
    await until('the host to be away', async () => (await cluster.store.hostFetch('host-4'))?.linked === false, 60_000);
    expect(
      (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 10 })).items.map((host) => host.name),
    ).toEqual(['host-1', 'host-2', 'host-3']);
  }, 120_000);
});
