/**
 * An idle system, one real agent: from the request to the first byte of output at a client that watches the run. Where
 * the time goes is told beside it, from the record of the execution and from the client's own clock (one machine, one
 * clock). Each sample has a floor of its own beside it (latency-floor.ts): the ratio of the medians is the figure.
 *
 *   npm run bench:latency -- [--samples 200]
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { pause, systemClock } from '../src/base/clock.ts';
import { Cluster } from '../test/support/cluster.ts';
import { until } from '../test/support/until.ts';
import { emit, percentile, rounded } from './support/figures.ts';
import { LatencyFloor, type FloorSample } from './support/latency-floor.ts';
import { createRun, firstEvent, standBy } from './support/requests.ts';

const WARM_UP = 20;
/**
 * Idle between samples: the figure is that of a person who starts something, not of a loop. Long enough for what follows a run, so that
 * its agent gets ready for the next beside neither the sample nor its floor.
 */
const IDLE_MS = 400;

interface Sample {
  readonly totalMs: number;
  readonly answeredMs: number;
  readonly dispatchedMs: number;
  readonly startedMs: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { samples: { type: 'string', default: '200' } } });
  const cluster = await Cluster.start({ servers: 1, workers: 1, agents: 1 });
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  let floor: LatencyFloor | undefined;
  try {
    await database.connect();
    floor = await LatencyFloor.start(database);
    const samples: Sample[] = [];
    const floors: FloorSample[] = [];
    for (let i = 0; i < WARM_UP + Number(values.samples); i++) {
      const least = await floor.measure();
      const sample = await measure(cluster, database);
      if (i < WARM_UP) continue;
      samples.push(sample);
      floors.push(least);
    }
    const floorMs = (pick: (sample: FloorSample) => number): number => percentile(floors.map(pick), 0.5);
    const floorP50Ms = floorMs(({ requestMs, commitMs, spawnMs }) => requestMs + commitMs + spawnMs);
    emit({
      bench: 'latency-floor',
      https_request_ms: rounded(
        floorMs((s) => s.requestMs),
        1,
      ),
      commit_ms: rounded(
        floorMs((s) => s.commitMs),
        1,
      ),
      spawn_ms: rounded(
        floorMs((s) => s.spawnMs),
        1,
      ),
      p50_ms: rounded(floorP50Ms, 1),
    });
    const totals = samples.map((sample) => sample.totalMs);
    const part = (pick: (sample: Sample) => number): number => rounded(percentile(samples.map(pick), 0.5), 1);
    emit({
      bench: 'latency-parts',
      answered_ms: part((s) => s.answeredMs),
      dispatched_ms: part((s) => s.dispatchedMs),
      process_started_ms: part((s) => s.startedMs),
      first_byte_ms: part((s) => s.totalMs),
      meaning:
        'medians since the request: the API has answered (the run is committed); the order is decided; the process has begun on the host; its first byte is with the client',
    });
    emit({
      bench: 'latency',
      samples: samples.length,
      p50_ms: rounded(percentile(totals, 0.5), 1),
      p90_ms: rounded(percentile(totals, 0.9), 1),
      p99_ms: rounded(percentile(totals, 0.99), 1),
      max_ms: rounded(Math.max(...totals), 1),
      floor_p50_ms: rounded(floorP50Ms, 1),
      ratio: rounded(percentile(totals, 0.5) / floorP50Ms, 2),
    });
  } finally {
    await floor?.stop();
    await database.end().catch(() => undefined);
    await cluster.stop();
  }
}

async function measure(cluster: Cluster, database: pg.Client): Promise<Sample> {
  // As the floor's request does, this one goes over a connection that stands.
  await standBy(cluster);
  const [beganMs, beganAtMs] = [systemClock.monotonicMs(), systemClock.nowMs()];
  const runId = await createRun(cluster, { targets: 'host-1', command: ['echo', 'hello'] }, true);
  const answeredMs = systemClock.monotonicMs() - beganMs;
  await firstEvent(cluster, runId, 'output=true', (event) => event === 'output');
  const totalMs = systemClock.monotonicMs() - beganMs;
  const row = await until('the run to be over', async () => {
    const { rows } = await database.query<{ dispatched: string; started: string }>(
      'SELECT dispatched_at_ms AS dispatched, started_at_ms AS started FROM execution WHERE run_id = $1 AND finished_at_ms IS NOT NULL',
      [runId],
    );
    return rows[0];
  });
  await pause(systemClock, IDLE_MS);
  return {
    totalMs,
    answeredMs,
    dispatchedMs: Number(row.dispatched) - beganAtMs,
    startedMs: Number(row.started) - beganAtMs,
  };
}

await main();
