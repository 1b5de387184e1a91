/**
 * What it costs to choose a worker for a task without hosts: tasks of many shapes are bound one after the other on a board of many workers, and
 * as many end again as are bound once the board is full, on one core and without anything else of a server. Beside it the same on a tenth of the
 * workers, for what a pick costs must not grow with them.
 *
 *   npm run bench:placement -- [--workers 10000] [--tasks 100000] [--shapes 50] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/base/random.ts';
import { PlacementBoard } from '../src/domain/placement/board.ts';
import { STRATEGY_NAMES, type Strategy, type TaskShape } from '../src/domain/placement/plugins.ts';
import { emit, median, rounded, say } from './support/figures.ts';

const GiB = 1_024;
const ZONES = 5;
const SLOTS = 16;
/** kube-scheduler is held to so many at 5,000 nodes by its own tests. */
const KUBE_BINDS_PER_S = 680;

interface Measured {
  readonly bindsPerS: number;
  readonly usPerBind: number;
  readonly placed: number;
  /** Tasks of workers at the end: least, mean, most, and how far they are from the mean. */
  readonly spread: { readonly least: number; readonly mean: number; readonly most: number; readonly deviation: number };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      workers: { type: 'string', default: '10000' },
      tasks: { type: 'string', default: '100000' },
      shapes: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const [workers, tasks, shapes] = [Number(values.workers), Number(values.tasks), Number(values.shapes)];
  const large: Measured[] = [];
  const ratios: number[] = [];
  for (let round = -1; round < Number(values.rounds); round++) {
    const [few, many] = [measure(workers / 10, tasks, shapes, round), measure(workers, tasks, shapes, round)];
    // The first is before the code is compiled.
    if (round < 0) continue;
    ratios.push(many.usPerBind / few.usPerBind);
    large.push(many);
    emit({ round, workers, ...many });
    emit({ round, workers: workers / 10, ...few });
  }
  const bindsPerS = median(large.map((one) => one.bindsPerS));
  const costRatio = median(ratios);
  // Where every task is to be spread: how even that is.
  const { spread } = measure(workers, tasks, shapes, 0, ['spread']);
  say(
    `${rounded(bindsPerS)} binds/s at ${workers} workers; a bind costs ${rounded(costRatio, 2)} times that at a tenth of them`,
  );
  emit({
    bindsPerS: rounded(bindsPerS),
    usPerBind: rounded(median(large.map((one) => one.usPerBind)), 2),
    costRatio: rounded(costRatio, 2),
    overKube: rounded(bindsPerS / KUBE_BINDS_PER_S),
    spread,
    reached: bindsPerS >= 50_000 && costRatio <= 1.5,
  });
}

function measure(
  workers: number,
  tasks: number,
  shapes: number,
  seed: number,
  strategies: readonly Strategy[] = STRATEGY_NAMES,
): Measured {
  const random = seededRandom(seed + 100);
  const board = new PlacementBoard();
  const total = { milliCpus: 16_000, memoryMiB: 64 * GiB, diskMiB: 200 * GiB };
  const told = (n: number) => ({
    ...{ id: `w${n}`, name: `w${n}`, labels: { zone: `z${n % ZONES}` } },
    ...{ engines: ['process'], isDrained: n % 100 === 99, total, free: total, slots: SLOTS },
    ...{ underWay: 0, queued: 0, loadMilliCpus: 500 * (n % 7) },
  });
  for (let n = 0; n < workers; n++) board.tell(told(n));
  const wanted = Array.from({ length: shapes }, (_, n) => shapeOf(n, strategies));
  const counts = new Map<string, number>();
  const given: { readonly id: string; readonly shape: TaskShape }[] = [];
  // As many are under way as fill the board by two thirds; from then on one ends for each that begins.
  const underWayMax = Math.min(tasks, Math.floor((workers * SLOTS * 2) / 3));
  let placed = 0;
  // Of the processor, not of the clock: others use the machine too.
  const before = process.cpuUsage();
  for (let n = 0; n < tasks; n++) {
    if (given.length >= underWayMax) {
      const at = Math.floor(random.next() * given.length);
      const over = given[at]!;
      given[at] = given.at(-1)!;
      given.pop();
      board.giveBack(over.id, over.shape);
      counts.set(over.id, counts.get(over.id)! - 1);
    }
    const shape = wanted[n % shapes]!;
    const found = board.pick(shape, random, n);
    if (!found) continue;
    board.take(found.id, shape);
    given.push({ id: found.id, shape });
    counts.set(found.id, (counts.get(found.id) ?? 0) + 1);
    placed++;
  }
  const { user, system } = process.cpuUsage(before);
  const us = user + system;
  // Of those that may be given any.
  const all = Array.from({ length: workers }, (_, n) => n).flatMap((n) =>
    n % 100 === 99 ? [] : [counts.get(`w${n}`) ?? 0],
  );
  const mean = all.reduce((sum, count) => sum + count, 0) / all.length;
  const deviation = Math.sqrt(all.reduce((sum, count) => sum + (count - mean) ** 2, 0) / all.length);
  return {
    bindsPerS: rounded((placed / us) * 1_000_000),
    usPerBind: rounded(us / placed, 3),
    placed,
    spread: {
      least: Math.min(...all),
      mean: rounded(mean, 2),
      most: Math.max(...all),
      deviation: rounded(deviation, 2),
    },
  };
}

/** Small and larger ones, of any zone or of one, by every strategy. */
function shapeOf(n: number, strategies: readonly Strategy[]): TaskShape {
  const zone = `z${n % ZONES}`;
  return {
    engine: 'process',
    isMeant: n % 3 === 0 ? ({ labels }) => labels.zone === zone : () => true,
    isPreferred: ({ labels }) => labels.zone === zone,
    needs: { milliCpus: 250 * (1 + (n % 4)), memoryMiB: (1 + (n % 3)) * GiB, diskMiB: 0 },
    strategy: strategies[n % strategies.length]!,
  };
}

main();
