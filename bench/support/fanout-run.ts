/** One no-op on all agents of a fleet, whatever asks for it: how long until all of it is committed, and at what cost of CPU. */
import pg from 'pg';
import { pause, systemClock } from '../../src/base/clock.ts';
import type { Cluster } from '../../test/support/cluster.ts';
import { until } from '../../test/support/until.ts';
import type { SimulatedFleet } from './fleet.ts';
import { cpuMicroseconds } from './process-cost.ts';
import { createRun } from './requests.ts';

const RUN_TIMEOUT_MS = 300_000;
const POLL_MS = 5;

export interface CpuByRole {
  readonly server: number;
  readonly worker: number;
  readonly postgres: number;
}
export interface Measured {
  readonly totalS: number;
  readonly hostMs: readonly number[];
}

export function cpuByRole(cluster: Cluster): CpuByRole {
  return {
    server: cpuMicroseconds(cluster.servers.map((one) => one.pid)),
    worker: cpuMicroseconds(cluster.workers.map((one) => one.pid)),
    postgres: cpuMicroseconds([cluster.postgres.pid!]),
  };
}

/** From the request leaving to the run's row being terminal for another connection, i.e. everything committed. */
export async function measureRun(
  cluster: Cluster,
  fleet: SimulatedFleet,
  database: pg.Client,
  create: (cluster: Cluster) => Promise<string> = (of) => createRun(of, { targets: 'all', command: ['true'] }),
): Promise<Measured> {
  await fleet.executedAtMs();
  const beganMs = systemClock.monotonicMs();
  const beganAtMs = systemClock.nowMs();
  const runId = await create(cluster);
  const row = await runEnd(database, runId);
  const totalS = (systemClock.monotonicMs() - beganMs) / 1_000;
  if (row.state !== 'succeeded' || row.counts.succeeded !== fleet.size)
    throw new Error(`the run ended as ${row.state}: ${JSON.stringify(row.counts)}`);
  await until('every agent to know', async () => (await fleet.progress()).unacknowledged === 0, RUN_TIMEOUT_MS);
  return { totalS, hostMs: (await fleet.executedAtMs()).map((atMs) => atMs - beganAtMs) };
}

async function runEnd(database: pg.Client, runId: string): Promise<{ state: string; counts: Record<string, number> }> {
  const deadlineMs = systemClock.monotonicMs() + RUN_TIMEOUT_MS;
  while (systemClock.monotonicMs() < deadlineMs) {
    const { rows } = await database.query<{ state: string; counts: Record<string, number> }>({
      name: 'run',
      text: 'SELECT state, counts FROM run WHERE id = $1 AND finished_at_ms IS NOT NULL',
      values: [runId],
    });
    if (rows[0]) return rows[0];
    await pause(systemClock, POLL_MS);
  }
  throw new Error(`run ${runId} did not end within ${RUN_TIMEOUT_MS} ms`);
}
