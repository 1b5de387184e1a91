/**
 * What batches and steps cost: one no-op on N agents as a command, as a command in batches, and as the step of a job, by turns on the same
 * fleet; CPU of server, worker and PostgreSQL per host, time, and how far the server's memory grows.
 *
 *   npm run bench:rollouts -- [--agents 10000] [--batches 100] [--runs 5]
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Cluster } from '../test/support/cluster.ts';
import { emit, median, rounded, say } from './support/figures.ts';
import { SimulatedFleet } from './support/fleet.ts';
import { cpuByRole, measureRun } from './support/fanout-run.ts';
import { residentKiB } from './support/process-cost.ts';
import { createRun, post } from './support/requests.ts';

const LINK_TIMEOUT_MS = 600_000;
const JOB = 'no-op';
const KINDS = ['command', 'batches', 'step'] as const;
type Kind = (typeof KINDS)[number];

interface Cost {
  readonly seconds: number;
  readonly cpuUsPerHost: number;
  readonly serverKiB: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      agents: { type: 'string', default: '10000' },
      batches: { type: 'string', default: '100' },
      runs: { type: 'string', default: '5' },
    },
  });
  const [agents, batches, runs] = [Number(values.agents), Number(values.batches), Number(values.runs)];
  const cluster = await Cluster.start({ servers: 1, workers: 1, agents: 0 });
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  let fleet: SimulatedFleet | undefined;
  try {
    await database.connect();
    say(`${agents} agents link`);
    fleet = await SimulatedFleet.start(cluster, agents);
    await fleet.waitLinked(cluster, LINK_TIMEOUT_MS);
    await publishJob(cluster);
    const size = Math.ceil(agents / batches);
    const create: Readonly<Record<Kind, (of: Cluster) => Promise<string>>> = {
      command: (of) => createRun(of, { targets: 'all', command: ['true'] }),
      batches: (of) => createRun(of, { targets: 'all', command: ['true'], batches: String(size) }),
      step: async (of) => String((await post(of, `/jobs/${JOB}/runs`, {})).id),
    };
    const costs: Readonly<Record<Kind, Cost[]>> = { command: [], batches: [], step: [] };
    for (let turn = -1; turn < runs; turn++)
      for (const kind of KINDS) {
        const before = total(cluster);
        const { totalS } = await measureRun(cluster, fleet, database, create[kind]);
        const cost: Cost = {
          seconds: totalS,
          cpuUsPerHost: (total(cluster) - before) / agents,
          serverKiB: residentKiB(cluster.servers[0]!.pid),
        };
        // The first turn warms caches and compiled code.
        if (turn >= 0) costs[kind].push(cost);
        emit({
          bench: 'rollouts-run',
          kind,
          seconds: rounded(cost.seconds),
          cpu_us_per_host: rounded(cost.cpuUsPerHost, 1),
          server_mib: rounded(cost.serverKiB / 1_024, 1),
        });
      }
    const of = (kind: Kind, what: keyof Cost): number => median(costs[kind].map((cost) => cost[what]));
    emit({
      bench: 'rollouts',
      agents,
      batches: Math.ceil(agents / size),
      command_s: rounded(of('command', 'seconds')),
      batches_s: rounded(of('batches', 'seconds')),
      step_s: rounded(of('step', 'seconds')),
      step_ratio: rounded(of('step', 'seconds') / of('command', 'seconds'), 2),
      cpu_us_per_host: rounded(of('command', 'cpuUsPerHost'), 1),
      batches_cpu_ratio: rounded(of('batches', 'cpuUsPerHost') / of('command', 'cpuUsPerHost'), 2),
      step_cpu_ratio: rounded(of('step', 'cpuUsPerHost') / of('command', 'cpuUsPerHost'), 2),
      batches_memory_ratio: rounded(of('batches', 'serverKiB') / of('command', 'serverKiB'), 2),
    });
  } finally {
    await database.end();
    await fleet?.stop();
    await cluster.stop();
  }
}

function total(cluster: Cluster): number {
  const { server, worker, postgres } = cpuByRole(cluster);
  return server + worker + postgres;
}

async function publishJob(cluster: Cluster): Promise<void> {
  const definition = `job: ${JOB}\ntargets: all\nstages:\n  - stage: s\n    steps:\n      - { step: s, command: ["true"] }\n`;
  const { version } = (await post(cluster, '/jobs', { definition })).version as { version: number };
  await post(cluster, `/jobs/${JOB}/versions/${version}/publish`, {});
}

await main();
