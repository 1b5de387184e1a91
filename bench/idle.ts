/**
 * An agent that has nothing to do, as it is shipped (one executable): its resident memory and CPU while idle, then
 * again after many executions, because what grows a little each time fills a host in a year.
 *
 *   npm run bench:idle -- [--minutes 10] [--executions 10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { pause, systemClock } from '../src/base/clock.ts';
import { Cluster } from '../test/support/cluster.ts';
import { until } from '../test/support/until.ts';
import { buildAgent } from '../tools/agent-build.ts';
import { agentBundle } from '../tools/agent-bundle.ts';
import { emit, rounded, say } from './support/figures.ts';
import { cpuMicroseconds, residentKiB } from './support/process-cost.ts';
import { createRun } from './support/requests.ts';

const IN_FLIGHT = 32;
const ROUNDS = 5;
/** After the last execution: what was garbage has had the time to go. */
const REST_MS = 30_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '10' }, executions: { type: 'string', default: '10000' } },
  });
  const folder = mkdtempSync(join(tmpdir(), 'drover-bundle-'));
  const { metafile, bytes } = await agentBundle(join(folder, 'drover-agent.mjs'), { write: false });
  await buildAgent({
    out: folder,
    archs: [process.arch],
    version: '0.0.0',
    keyFile: join(folder, 'key', 'release.key'),
    compression: 1,
  });
  const serverCode = Object.keys(metafile.inputs).filter((path) =>
    /^src\/(store|http|loops|app|fleet|embedded|cli)\/|node_modules\/(pg|fastify|zod)\//.test(path),
  );
  const cluster = await Cluster.start({
    servers: 1,
    workers: 1,
    agents: 1,
    agentProgram: join(folder, `drover-agent-0.0.0-linux-${process.arch}`),
  });
  const agent = cluster.agents[0]!;
  try {
    const idleMs = Number(values.minutes) * 60_000;
    await pause(systemClock, Math.min(10_000, idleMs));
    const cpuBefore = cpuMicroseconds([agent.pid]);
    const idleKiB = await highestKiB(agent.pid, idleMs);
    const cpuPercent = rounded((cpuMicroseconds([agent.pid]) - cpuBefore) / (idleMs * 10), 3);
    emit({
      bench: 'idle-before',
      rss_mib: rounded(idleKiB / 1_024, 1),
      cpu_percent: cpuPercent,
      minutes: Number(values.minutes),
    });
    const perRound = Math.ceil(Number(values.executions) / ROUNDS);
    const afterKiB: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      await executions(cluster, perRound);
      await pause(systemClock, REST_MS);
      afterKiB.push(residentKiB(agent.pid));
      emit({ bench: 'idle-round', executions: round * perRound, rss_mib: rounded(afterKiB.at(-1)! / 1_024, 1) });
    }
    emit({
      bench: 'idle',
      rss_mib: rounded(idleKiB / 1_024, 1),
      cpu_percent: cpuPercent,
      executions: ROUNDS * perRound,
      rss_after_mib: rounded(afterKiB.at(-1)! / 1_024, 1),
      growth_after_first_round_mib: rounded((afterKiB.at(-1)! - afterKiB[0]!) / 1_024, 1),
      bundle_kib: rounded(bytes / 1_024, 0),
      server_modules: serverCode.length,
    });
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function highestKiB(pid: number, forMs: number): Promise<number> {
  let highest = 0;
  for (
    const endMs = systemClock.monotonicMs() + forMs;
    systemClock.monotonicMs() < endMs;
    await pause(systemClock, 1_000)
  )
    highest = Math.max(highest, residentKiB(pid));
  return highest;
}

async function executions(cluster: Cluster, count: number): Promise<void> {
  const database = new pg.Pool({ connectionString: cluster.databaseUrl, max: 4 });
  try {
    let left = count;
    const users = Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) {
        const runId = await createRun(cluster, { targets: 'host-1', command: ['true'] });
        await until(
          'the run to be over',
          async () =>
            (await database.query('SELECT 1 FROM run WHERE id = $1 AND finished_at_ms IS NOT NULL', [runId]))
              .rowCount === 1,
          120_000,
        );
      }
    });
    await Promise.all(users);
    say(`${count} executions done`);
  } finally {
    await database.end();
  }
}

await main();
