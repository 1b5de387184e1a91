/**
 * Which worker is given a task that goes to no hosts: a board of placement for each engine that carries such tasks out,
 * kept up to date with what workers tell of themselves. Labels and zone are those of their enrolment, and whether they
 * are drained is the store's; what they have to do, and what is free there, is their word.
 */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import type { WorkerId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { PlacementBoard, siftedText } from '../domain/placement/board.ts';
import { engineOf, PLACED_ENGINES, type PlacedEngine, type WorkerChoice } from '../domain/placement/placement.ts';
import { NO_NEEDS, type Resources, type ScoreWeights, type TaskShape } from '../domain/placement/plugins.ts';
import { PRIORITIES } from '../domain/placement/queue-pick.ts';
import type { ChosenWorker } from '../domain/run/executor.ts';
import { parseTarget, targetTest, type TargetHost } from '../domain/target/expression.ts';
import type { LinkedWorker } from './worker-roster.ts';

/** Choices that are kept read; runs say few different ones. */
const SHAPES_KEPT_MAX = 500;
/** A worker that has not taken a task is passed over for so long. */
const COOL_MS = 2_000;
/** From news of room to another look at what waits for some, whatever more is told meanwhile. */
const WAKE_MS = 250;
/** Of a worker that has not told yet: enough for what says no needs, and not more. */
const NOTHING_TOLD: Resources = NO_NEEDS;

export interface WorkerChoicesOptions {
  readonly workers: { all(): Iterable<LinkedWorker>; takesWork(id: WorkerId): boolean };
  readonly clock: Clock;
  readonly random: Random;
  readonly weights?: ScoreWeights;
  /** What waits for a worker may find one now. */
  readonly onRoom: () => void;
}

export class WorkerChoices {
  readonly #options: WorkerChoicesOptions;
  readonly #boards: ReadonlyMap<PlacedEngine, PlacementBoard>;
  readonly #shapes = new Map<string, TaskShape>();
  /** Nothing fitted, since somebody was told of room last. */
  #isWaitedFor = false;
  #isWaking = false;

  constructor(options: WorkerChoicesOptions) {
    this.#options = options;
    this.#boards = new Map(PLACED_ENGINES.map((engine) => [engine, new PlacementBoard(options.weights)]));
  }

  /** It has come, or has told of itself, or may do something else than before. */
  heard({ id, name, zone, labels, hello, load }: LinkedWorker): void {
    const { total = NOTHING_TOLD, free = NOTHING_TOLD, loadMilliCpus = 0 } = load.resources ?? {};
    const isDrained = !this.#options.workers.takesWork(id);
    for (const [engine, board] of this.#boards) {
      const lane = load.lanes?.[engine];
      board.tell({
        id,
        name,
        labels: { ...labels, zone },
        engines: hello.features ?? [],
        isDrained,
        total,
        free,
        slots: lane?.capacity ?? 1,
        underWay: lane?.underWay ?? 0,
        queued: lane ? PRIORITIES.reduce((sum, priority) => sum + lane.queues[priority].length, 0) : 0,
        loadMilliCpus,
      });
    }
    if (this.#isWaitedFor) this.#wakeLater(WAKE_MS);
  }

  allHeard(): void {
    for (const worker of this.#options.workers.all()) this.heard(worker);
  }

  gone(id: WorkerId): void {
    for (const board of this.#boards.values()) board.gone(id);
  }

  /** It did not take what it was given: others are asked first for a while. */
  refused(id: WorkerId): void {
    const untilAt = this.#options.clock.monotonicMs() + COOL_MS;
    for (const board of this.#boards.values()) board.cool(id, untilAt);
    this.#wakeLater(COOL_MS);
  }

  /** Each call picks anew, and counts as given. */
  pick(choice: WorkerChoice): ChosenWorker | undefined {
    const [shape, board] = [this.#shapeOf(choice), this.#boardOf(choice)];
    const placed = board.pick(shape, this.#options.random, this.#options.clock.monotonicMs());
    if (!placed) {
      this.#isWaitedFor = true;
      return undefined;
    }
    const { id, considered } = placed;
    const scores = considered > 1 ? board.scoresOf(id, shape) : undefined;
    board.take(id, shape);
    return { id: id as WorkerId, considered, ...given({ scores }) };
  }

  /** How many fit now, and in words by what the others do not: `0 of 12 workers: 8 are not meant, 4 have too little memory free`. */
  told(choice: WorkerChoice): { readonly count: number; readonly why: string } {
    const sifted = this.#boardOf(choice).sift(this.#shapeOf(choice), this.#options.clock.monotonicMs());
    return { count: sifted.fits, why: siftedText(sifted) };
  }

  #wakeLater(ms: number): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    this.#options.clock.after(
      ms,
      () => {
        this.#isWaking = this.#isWaitedFor = false;
        this.#options.onRoom();
      },
      { unref: true },
    );
  }

  #boardOf(choice: WorkerChoice): PlacementBoard {
    return this.#boards.get(engineOf(choice))!;
  }

  /** The same one for the same choice: the board keeps by it what it has found. */
  #shapeOf(choice: WorkerChoice): TaskShape {
    const { select, prefer, needs = NO_NEEDS, strategy = 'spread' } = choice;
    const engine = engineOf(choice);
    const key = JSON.stringify([engine, select, prefer, needs, strategy]);
    let shape = this.#shapes.get(key);
    if (shape) return shape;
    shape = {
      engine,
      isMeant: testOf(select),
      needs,
      strategy,
      ...given({ isPreferred: prefer === undefined ? undefined : testOf(prefer) }),
    };
    if (this.#shapes.size >= SHAPES_KEPT_MAX) this.#shapes.clear();
    this.#shapes.set(key, shape);
    return shape;
  }
}

function testOf(expression: string): (worker: TargetHost) => boolean {
  const parsed = parseTarget(expression);
  return parsed.ok ? targetTest(parsed.expression) : () => false;
}
