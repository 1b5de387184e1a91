/**
 * One no-op on N agents, from the request to the last result committed in PostgreSQL: how long, at what cost of CPU,
 * next to a bare `ws` + TLS round trip to as many connections in the same session; memory of the worker per idle agent;
 * and how long a storm takes when the worker is killed and all agents come back, with the API asked all the while.
 *
 *   npm run bench:fanout -- [--agents 10000] [--runs 7] [--no-storm] [--curve]
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { pause, systemClock } from '../src/base/clock.ts';
import { given } from '../src/base/given.ts';
import { Cluster } from '../test/support/cluster.ts';
import { until } from '../test/support/until.ts';
import { BareLinks, type BareRound } from './support/bare-ws.ts';
import { emit, mean, median, percentile, rounded, say } from './support/figures.ts';
import { countLinked, SimulatedFleet } from './support/fleet.ts';
import { openFilesMax, residentKiB } from './support/process-cost.ts';
import { cpuByRole, measureRun, type CpuByRole, type Measured } from './support/fanout-run.ts';

const CURVE = [100, 1_000, 10_000, 50_000];
const LINK_TIMEOUT_MS = 600_000;
/** Descriptors that a process wants besides its agents'. */
const SPARE_FILES = 1_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      agents: { type: 'string', default: '10000' },
      runs: { type: 'string', default: '7' },
      curve: { type: 'boolean', default: false },
      'no-storm': { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (values.curve)
    for (const agents of CURVE.filter((size) => size !== Number(values.agents)))
      await measure(agents, { runs, storm: false });
  await measure(Number(values.agents), { runs, storm: !values['no-storm'] });
}

async function measure(agents: number, options: { runs: number; storm: boolean }): Promise<void> {
  const perProcess = openFilesMax() - SPARE_FILES;
  say(`${agents} agents: the bare round trip`);
  const bare = await BareLinks.start(agents, perProcess);
  const workers = Math.ceil(agents / perProcess);
  let cluster: Cluster | undefined;
  let fleet: SimulatedFleet | undefined;
  try {
    cluster = await Cluster.start({ servers: 1, workers, agents: 0 });
    const emptyKiB = workersKiB(cluster);
    const beganMs = systemClock.monotonicMs();
    fleet = await SimulatedFleet.start(cluster, agents);
    await fleet.waitLinked(cluster, LINK_TIMEOUT_MS);
    emit({ bench: 'fanout-link', agents, workers, seconds: rounded((systemClock.monotonicMs() - beganMs) / 1_000, 1) });
    await pause(systemClock, 15_000);
    const workerKiB = rounded((workersKiB(cluster) - emptyKiB) / agents, 1);
    const figures = await measureRuns(cluster, fleet, bare, options.runs);
    const stormS = options.storm ? await measureStorm(cluster, fleet) : undefined;
    emit({
      bench: 'fanout',
      agents,
      workers,
      ...figures,
      worker_kib_per_agent: workerKiB,
      ...given({
        storm_s: stormS,
        storm_ratio: stormS === undefined ? undefined : rounded(stormS / figures.bare_s, 1),
      }),
    });
  } finally {
    await fleet?.stop();
    await cluster?.stop();
    await bare.stop();
  }
}

function workersKiB(cluster: Cluster): number {
  return cluster.workers.reduce((sum, worker) => sum + residentKiB(worker.pid), 0);
}

async function measureRuns(
  cluster: Cluster,
  fleet: SimulatedFleet,
  bare: BareLinks,
  runs: number,
): Promise<{
  bare_s: number;
  /** Of the medians. */
  ratio: number;
  bare_cpu_us_per_host: number;
  /** Of server, worker and PostgreSQL together, over the server side of the bare round trip. */
  cpu_ratio: number;
  median_s: number;
  min_s: number;
  max_s: number;
  host_p50_ms: number;
  host_p99_ms: number;
  cpu_us_per_host: number;
  cpu_us: CpuByRole;
}> {
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  try {
    // Compiled code and warm caches are the state of a server that has been up for a minute.
    for (let i = 0; i < 2; i++) await measureRun(cluster, fleet, database);
    const cpuBefore = cpuByRole(cluster);
    const measured: Measured[] = [];
    const rounds: BareRound[] = [];
    for (let i = 0; i < runs; i++) {
      const round = await bare.round();
      const one = await measureRun(cluster, fleet, database);
      rounds.push(round);
      measured.push(one);
      emit({
        bench: 'fanout-run',
        agents: fleet.size,
        seconds: rounded(one.totalS),
        bare_s: rounded(round.seconds),
        host_p50_ms: rounded(percentile(one.hostMs, 0.5), 0),
        host_p99_ms: rounded(percentile(one.hostMs, 0.99), 0),
      });
    }
    const cpuAfter = cpuByRole(cluster);
    const perHost = (role: keyof CpuByRole): number =>
      rounded((cpuAfter[role] - cpuBefore[role]) / runs / fleet.size, 1);
    const [server, worker, postgres] = [perHost('server'), perHost('worker'), perHost('postgres')];
    const totals = measured.map((one) => one.totalS);
    const bareS = median(rounds.map((round) => round.seconds));
    const bareUs = mean(rounds.map((round) => round.serverUs));
    return {
      bare_s: rounded(bareS),
      ratio: rounded(median(totals) / bareS, 2),
      bare_cpu_us_per_host: rounded(bareUs, 1),
      cpu_ratio: rounded((server + worker + postgres) / bareUs, 2),
      median_s: rounded(median(totals)),
      min_s: rounded(Math.min(...totals)),
      max_s: rounded(Math.max(...totals)),
      host_p50_ms: rounded(median(measured.map((one) => percentile(one.hostMs, 0.5))), 0),
      host_p99_ms: rounded(median(measured.map((one) => percentile(one.hostMs, 0.99))), 0),
      cpu_us_per_host: rounded(server + worker + postgres, 1),
      cpu_us: { server, worker, postgres },
    };
  } finally {
    await database.end();
  }
}

/**
 * All workers are killed and started again at once. Settled when every agent is linked and the database knows; how the
 * API did meanwhile is part of the answer.
 */
async function measureStorm(cluster: Cluster, fleet: SimulatedFleet): Promise<number> {
  const beganMs = systemClock.monotonicMs();
  await Promise.all(cluster.workers.map((worker) => worker.kill()));
  for (const worker of cluster.workers) worker.start();
  await until('the storm to begin', async () => (await countLinked(cluster)) < fleet.size, 60_000);
  const asking = new AbortController();
  const asked = askApi(cluster, asking.signal);
  await fleet.waitLinked(cluster, LINK_TIMEOUT_MS);
  const seconds = rounded((systemClock.monotonicMs() - beganMs) / 1_000, 1);
  asking.abort();
  const { latenciesMs, failures } = await asked;
  emit({
    bench: 'fanout-storm',
    agents: fleet.size,
    seconds,
    api_requests: latenciesMs.length,
    api_failures: failures,
    api_p50_ms: rounded(percentile(latenciesMs, 0.5), 1),
    api_p99_ms: rounded(percentile(latenciesMs, 0.99), 1),
    api_max_ms: rounded(Math.max(...latenciesMs), 1),
  });
  return seconds;
}

async function askApi(cluster: Cluster, signal: AbortSignal): Promise<{ latenciesMs: number[]; failures: number }> {
  const latenciesMs: number[] = [];
  let failures = 0;
  while (!signal.aborted) {
    const beganMs = systemClock.monotonicMs();
    const ok = await fetch(`${cluster.urls[0]}/api/v1/runs?limit=10`, {
      headers: { authorization: `Bearer ${cluster.token}` },
    }).then(
      async (response) => response.ok && (await response.text()) !== '',
      () => false,
    );
    latenciesMs.push(systemClock.monotonicMs() - beganMs);
    if (!ok) failures++;
    await pause(systemClock, 50);
  }
  return { latenciesMs, failures };
}

await main();
