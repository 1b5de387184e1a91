/**
 * Many small runs: one host each, nothing to do there. How many a second are created, carried out and committed, over
 * the API by 64 clients and by a writer beside the server without HTTP; what one costs in CPU and in WAL; next to
 * graphile-worker's no-op jobs, fetched and completed one by one, on the same PostgreSQL in the same session.
 *
 *   npm run bench:runs -- [--runs 5000] [--agents 200] [--slices 5]
 */
import { oneTask } from '../src/domain/run/new-task.ts';
import { hostSubject } from '../src/domain/run/subject.ts';
import { parseArgs } from 'node:util';
import { Logger, run as graphileRun } from 'graphile-worker';
import pg from 'pg';
import { systemClock } from '../src/base/clock.ts';
import { newRunId } from '../src/base/ids.ts';
import { partitionOf } from '../src/domain/run/partition.ts';
import { silentLog } from '../src/base/log.ts';
import { createPostgresStore } from '../src/store/postgres/postgres-store.ts';
import type { Store } from '../src/store/contract/store.ts';
import { testAuditKey } from '../test/support/audit-key.ts';
import { Cluster } from '../test/support/cluster.ts';
import { plainSpec } from '../test/support/run-spec.ts';
import { until } from '../test/support/until.ts';
import { emit, median, rounded, say } from './support/figures.ts';
import { SimulatedFleet } from './support/fleet.ts';
import { cpuMicroseconds } from './support/process-cost.ts';
import { createRun } from './support/requests.ts';

const CLIENTS = 64;
/** Of the writer without HTTP: enough for full transactions. */
const WRITERS = 200;
const PEER_CONCURRENCY = 24;
const WARM_UP = 200;
const TIMEOUT_MS = 600_000;
const actor = { kind: 'system', id: 'bench', name: 'bench' } as const;

interface Slice {
  readonly perSecond: number;
  readonly createdPerSecond: number;
  readonly cpuUs: Readonly<Record<'server' | 'worker' | 'postgres', number>>;
  readonly walBytes: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5000' },
      agents: { type: 'string', default: '200' },
      slices: { type: 'string', default: '5' },
    },
  });
  const [runs, slices] = [Number(values.runs), Number(values.slices)];
  const cluster = await Cluster.start({ servers: 1, workers: 1, agents: 0 });
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  let fleet: SimulatedFleet | undefined;
  let store: Store | undefined;
  try {
    await database.connect();
    fleet = await SimulatedFleet.start(cluster, Number(values.agents));
    await fleet.waitLinked(cluster, TIMEOUT_MS);
    store = await createPostgresStore({
      url: cluster.databaseUrl,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
    const hosts = await database.query<{ id: string; name: string }>('SELECT id, name FROM host ORDER BY name');
    const byApi = (n: number): Promise<unknown> =>
      createRun(cluster, { targets: hosts.rows[n % hosts.rows.length]!.name, command: ['true'] });
    const byStore = (n: number): Promise<unknown> => createdBeside(store!, hosts.rows[n % hosts.rows.length]!);
    await slice(cluster, database, byApi, CLIENTS, WARM_UP);
    await slice(cluster, database, byStore, WRITERS, WARM_UP);
    await peerRate(cluster.databaseUrl, WARM_UP);
    const [api, bulk, peer]: [Slice[], Slice[], number[]] = [[], [], []];
    // By turns, so that what else the machine does falls on all three alike.
    for (let i = 0; i < slices; i++) {
      peer.push(await peerRate(cluster.databaseUrl, runs));
      api.push(await slice(cluster, database, byApi, CLIENTS, Math.ceil(runs / 2)));
      bulk.push(await slice(cluster, database, byStore, WRITERS, runs));
      emit({
        bench: 'runs-slice',
        peer_jobs_s: rounded(peer.at(-1)!, 0),
        api_runs_s: rounded(api.at(-1)!.perSecond, 0),
        bulk_runs_s: rounded(bulk.at(-1)!.perSecond, 0),
        bulk_created_s: rounded(bulk.at(-1)!.createdPerSecond, 0),
      });
    }
    const peerPerSecond = median(peer);
    for (const [way, measured] of [
      ['api', api],
      ['bulk', bulk],
    ] as const)
      emit({ bench: 'runs', way, ...summary(measured, peerPerSecond) });
  } finally {
    await store?.close();
    await database.end().catch(() => undefined);
    await fleet?.stop();
    await cluster.stop();
  }
}

function summary(slices: readonly Slice[], peerPerSecond: number): Record<string, unknown> {
  const middle = (pick: (one: Slice) => number, digits = 0): number => rounded(median(slices.map(pick)), digits);
  const cpu = {
    server: middle((one) => one.cpuUs.server),
    worker: middle((one) => one.cpuUs.worker),
    postgres: middle((one) => one.cpuUs.postgres),
  };
  return {
    runs_s: middle((one) => one.perSecond),
    created_s: middle((one) => one.createdPerSecond),
    peer_jobs_s: rounded(peerPerSecond, 0),
    ratio: rounded(median(slices.map((one) => one.perSecond)) / peerPerSecond, 2),
    created_ratio: rounded(median(slices.map((one) => one.createdPerSecond)) / peerPerSecond, 2),
    first_to_last: rounded(slices.at(-1)!.perSecond / slices[0]!.perSecond, 2),
    cpu_us_per_run: cpu.server + cpu.worker + cpu.postgres,
    cpu_us: cpu,
    wal_bytes_per_run: middle((one) => one.walBytes),
  };
}

/** From the first creation to the last run being over for another connection. */
async function slice(
  cluster: Cluster,
  database: pg.Client,
  create: (n: number) => Promise<unknown>,
  clients: number,
  runs: number,
): Promise<Slice> {
  const before = { cpu: cpuByRole(cluster), wal: await walBytes(database) };
  const beganMs = systemClock.monotonicMs();
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < runs) await create(next++);
    }),
  );
  const createdS = (systemClock.monotonicMs() - beganMs) / 1_000;
  await until('every run to be over', async () => (await activeRuns(database)) === 0, TIMEOUT_MS);
  const seconds = (systemClock.monotonicMs() - beganMs) / 1_000;
  const after = { cpu: cpuByRole(cluster), wal: await walBytes(database) };
  const failed = await database.query("SELECT count(*)::int AS n FROM run WHERE state <> 'succeeded'");
  if ((failed.rows[0] as { n: number }).n > 0) throw new Error('a run did not succeed');
  const perRun = (role: keyof Slice['cpuUs']): number => (after.cpu[role] - before.cpu[role]) / runs;
  return {
    perSecond: runs / seconds,
    createdPerSecond: runs / createdS,
    cpuUs: { server: perRun('server'), worker: perRun('worker'), postgres: perRun('postgres') },
    walBytes: (after.wal - before.wal) / runs,
  };
}

function cpuByRole(cluster: Cluster): Slice['cpuUs'] {
  return {
    server: cpuMicroseconds(cluster.servers.map((one) => one.pid)),
    worker: cpuMicroseconds(cluster.workers.map((one) => one.pid)),
    postgres: cpuMicroseconds([cluster.postgres.pid!]),
  };
}

async function walBytes(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ bytes: string }>(
    "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bytes",
  );
  return Number(rows[0]!.bytes);
}

async function activeRuns(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ n: number }>('SELECT count(*)::int AS n FROM run_active');
  return rows[0]!.n;
}

function createdBeside(store: Store, host: { readonly id: string; readonly name: string }): Promise<unknown> {
  const id = newRunId(systemClock.nowMs());
  return store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'true',
      reason: '',
      createdBy: actor,
      targetExpression: host.name,
      ...oneTask(plainSpec(), [hostSubject(host.id as never, host.name)]),
    },
    { actor, action: 'job.run.create', target: `run/${id}`, detail: {} },
  );
}

/**
 * Jobs a second that graphile-worker carries out, with a task that does nothing, each fetched and completed by itself.
 */
async function peerRate(url: string, jobs: number): Promise<number> {
  let done = 0;
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const settings = {
    connectionString: url,
    concurrency: PEER_CONCURRENCY,
    maxPoolSize: PEER_CONCURRENCY + 2,
    noHandleSignals: true,
    pollInterval: 1_000,
    parsedCronItems: [],
    logger: new Logger(() => () => undefined),
    taskList: {
      noop: () => {
        if (++done === jobs) finish();
      },
    },
  };
  // The tables are there before the jobs are: a runner makes them.
  const first = await graphileRun(settings);
  await first.stop();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    "SELECT count(*) FROM graphile_worker.add_jobs((SELECT array_agg(('noop', '{}'::json, NULL, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec) FROM generate_series(1, $1::int)))",
    [jobs],
  );
  await client.end();
  const beganMs = systemClock.monotonicMs();
  const runner = await graphileRun(settings);
  await finished;
  const seconds = (systemClock.monotonicMs() - beganMs) / 1_000;
  await runner.stop();
  return jobs / seconds;
}

say('small runs of one host; three ways by turns');
await main();
