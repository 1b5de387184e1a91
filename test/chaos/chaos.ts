/**
 * The promise of the product, tried: two servers, two workers, six agents and PostgreSQL as real processes under load, while one after
 * the other is killed or stopped at random by a seed. At the end everybody is let up, everything must settle, and four things must
 * hold (checks.ts). A violation prints what it is, the seed, and where the logs are, and ends with 1.
 *
 *   npm run chaos -- [--minutes 5 | --seconds 60] [--seed N] [--quiet]
 *
 * With --quiet, what was done is told only if something did not hold.
 */
import { mkdirSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pause, systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { seededRandom } from '../../src/base/random.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { Cluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';
import { ChaosApi } from './api.ts';
import { checkWorld, FinalityWatch, readWorld, type World } from './checks.ts';
import { Load } from './load.ts';
import { Monkey } from './monkey.ts';
import { readTraces } from './script.ts';

const SETTLE_MS = 240_000;
const LOOK_EVERY_MS = 2_000;
const FAULTS_SHOWN_MAX = 50;

/** Lines that a quiet run keeps back; undefined when nothing is kept back. */
let held: string[] | undefined;

function emit(line: Readonly<Record<string, unknown>>): void {
  const text = `${JSON.stringify(line)}\n`;
  if (held) held.push(text);
  else process.stdout.write(text);
}

function emitHeld(): void {
  const lines = held ?? [];
  held = undefined;
  process.stdout.write(lines.join(''));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      quiet: { type: 'boolean' },
    },
  });
  const forMs = values.seconds !== undefined ? Number(values.seconds) * 1_000 : Number(values.minutes ?? '5') * 60_000;
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (!(forMs > 0) || !Number.isInteger(seed)) {
    process.stderr.write('chaos: --minutes and --seconds want a positive number, --seed a whole one\n');
    return 2;
  }
  if (values.quiet) held = [];
  emit({ chaos: 'begins', seed, seconds: forMs / 1_000 });
  const cluster = await Cluster.start({ servers: 2, workers: 2, agents: 6 }).catch((error: unknown) => {
    emitHeld();
    throw error;
  });
  const outcome = await tryPromise(cluster, seed, forMs).catch((error: Error) => ({
    faults: [`chaos itself failed: ${error.stack}`],
    figures: {},
  }));
  const ok = outcome.faults.length === 0;
  await cluster.stop({ keepFolder: !ok });
  if (ok) held = undefined;
  else emitHeld();
  for (const fault of outcome.faults.slice(0, FAULTS_SHOWN_MAX)) emit({ chaos: 'violation', fault });
  emit({
    chaos: ok ? 'held' : 'violated',
    seed,
    ...outcome.figures,
    violations: outcome.faults.length,
    ...given({ logs: ok ? undefined : join(cluster.folder, 'logs') }),
  });
  return ok ? 0 : 1;
}

async function tryPromise(
  cluster: Cluster,
  seed: number,
  forMs: number,
): Promise<{ faults: string[]; figures: Record<string, unknown> }> {
  const traces = join(cluster.folder, 'traces');
  mkdirSync(traces);
  const api = new ChaosApi(cluster.urls, cluster.token);
  // Two streams of chance: how users fare must not change what is broken next.
  const load = new Load(api, seededRandom(seed), traces);
  const monkey = new Monkey(cluster, seededRandom(seed + 1), (deed) => emit({ chaos: deed.what, ...deed }));
  const finality = new FinalityWatch();
  const faults: string[] = [];
  const chaos = new AbortController();
  const watching = new AbortController();
  const watch = watchFinality(cluster, finality, faults, watching.signal);
  const cancel = systemClock.after(forMs, () => chaos.abort());
  const users = load.run(chaos.signal);
  await monkey.run(chaos.signal);
  cancel();
  emit({ chaos: 'settling', runs: load.runIds.size });
  await users;
  const world = await settled(cluster, faults);
  watching.abort();
  await watch;
  faults.push(
    ...load.faults,
    ...finality.look(world),
    ...checkWorld(world, { runIds: load.runIds, traces: readTraces(traces) }),
    ...cluster.unexpectedEnds,
  );
  return {
    faults,
    figures: {
      runs: load.counts,
      deeds: monkey.counts,
      attempts: world.attempts.length,
      states: countBy(world.attempts.map((row) => row.state)),
      settled_late: world.attempts.filter((row) => row.settled_late).length,
      watched_final: finality.size,
      api_repeats: api.repeats,
    },
  };
}

/** Looks at the record every few seconds; a database that is away is looked at again. */
async function watchFinality(
  cluster: Cluster,
  finality: FinalityWatch,
  faults: string[],
  signal: AbortSignal,
): Promise<void> {
  while (await pause(systemClock, LOOK_EVERY_MS, signal)) {
    const world = await readWorld(cluster.databaseUrl).catch(() => undefined);
    if (world) faults.push(...finality.look(world));
  }
}

/** Every run is over, and the late truth of the lost has had its time: no change for a while. */
async function settled(cluster: Cluster, faults: string[]): Promise<World> {
  let last = '';
  let since = systemClock.monotonicMs();
  const quiet = async (): Promise<World | undefined> => {
    const world = await readWorld(cluster.databaseUrl).catch(() => undefined);
    if (!world || world.runs.some((run) => !isTerminalRun(run.state))) return undefined;
    const now = JSON.stringify([world.runs.map((run) => [run.id, run.state]), world.attempts.map((row) => row.state)]);
    if (now !== last) [last, since] = [now, systemClock.monotonicMs()];
    return systemClock.monotonicMs() - since > 5_000 ? world : undefined;
  };
  try {
    return await until(
      'everything to settle',
      async () => (await quiet()) ?? void (await pause(systemClock, 500)),
      SETTLE_MS,
    );
  } catch (error) {
    faults.push((error as Error).message);
    return readWorld(cluster.databaseUrl);
  }
}

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

process.exitCode = await main();
