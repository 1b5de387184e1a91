/**
 * Which worker a task without hosts goes to: filter, score, pick. The board holds workers as they were last heard of,
 * with what was given to them since, so that a burst does not go to the one that had least to do before it. Nothing
 * here is certain: the worker looks again, and has the last word. Pure: no clock, no chance but what it is given.
 *
 * A pick costs the same for ten workers and ten thousand: what rules workers out for long is kept by shape, and of
 * those that are left no more than `SAMPLE` that fit are scored, from a place that is drawn; so the best is the best of
 * these. Where nothing fits, that is known until something is given back.
 */
import type { Random } from '../../base/random.ts';
import {
  FILTER_NAMES,
  FILTERS,
  LASTING_FILTERS,
  PASSING_FILTERS,
  SCORE_NAMES,
  SCORES,
  STRATEGIES,
  STRATEGY_NAMES,
  type FilterName,
  type PlacedWorker,
  type Resources,
  type ScoreName,
  type ScoreWeights,
  type Strategy,
  type TaskShape,
} from './plugins.ts';

/** Workers that fit and are scored for one pick. */
const SAMPLE = 10;
/** Shapes for which candidates are kept; further ones take the place of those used longest ago. */
const SHAPES_MAX = 500;

export interface Placed {
  readonly id: string;
  /** Of all that may be given the task, so many were found to fit; with more than one they were scored. */
  readonly considered: number;
}

export interface Sifted {
  readonly all: number;
  readonly fits: number;
  readonly ruledOut: Readonly<Partial<Record<FilterName, number>>>;
}

type Told = Omit<PlacedWorker, 'coolUntilAt'>;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
type Entry = Omit<Writable<PlacedWorker>, 'free'> & { readonly free: Writable<Resources> };

interface Counted {
  readonly weight: number;
  readonly score: (worker: PlacedWorker, shape: TaskShape) => number;
}

interface ShapeIndex {
  /** Of the board, when these were found. */
  version: number;
  candidates: Entry[];
  /** All before it do not fit, as of `freed`. */
  from: number;
  freed: number;
  /** As of `freed` nothing fits, and no worker is done with cooling before this. */
  noneUntilAt: number;
}

export class PlacementBoard {
  readonly #counted: Readonly<Record<Strategy, readonly Counted[]>>;
  readonly #workers = new Map<string, Entry>();
  readonly #shapes = new Map<TaskShape, ShapeIndex>();
  /** Raised when a worker comes, goes, or is another than before in what rules it out for long. */
  #version = 0;
  /** Raised when something that did not fit may fit. */
  #freed = 0;

  /** Of each score, beside what the strategy says; 1 where it is not named. */
  constructor(weights: ScoreWeights = {}) {
    this.#counted = Object.fromEntries(
      STRATEGY_NAMES.map((strategy) => {
        const of: ScoreWeights = STRATEGIES[strategy];
        const all = SCORE_NAMES.map((name) => ({
          weight: (of[name] ?? 0) * (weights[name] ?? 1),
          score: SCORES[name],
        }));
        return [strategy, all.filter(({ weight }) => weight > 0)];
      }),
    ) as unknown as Record<Strategy, readonly Counted[]>;
  }

  get size(): number {
    return this.#workers.size;
  }

  /** What is told takes the place of all that was known, and of what was given since. */
  tell(told: Told): void {
    const known = this.#workers.get(told.id);
    const entry: Entry = { ...told, free: { ...told.free }, coolUntilAt: known?.coolUntilAt ?? 0 };
    if (known && isAlike(known, told)) Object.assign(known, entry);
    else {
      this.#workers.set(told.id, entry);
      this.#version++;
    }
    this.#freed++;
  }

  gone(id: string): void {
    if (this.#workers.delete(id)) this.#version++;
  }

  /** It is passed over until then. */
  cool(id: string, untilAt: number): void {
    const worker = this.#workers.get(id);
    if (worker) worker.coolUntilAt = untilAt;
  }

  /** A task is given to it. */
  take(id: string, { needs }: TaskShape): void {
    const worker = this.#workers.get(id);
    if (!worker) return;
    add(worker.free, needs, -1);
    if (worker.underWay < worker.slots) worker.underWay++;
    else worker.queued++;
  }

  /** One that it was given is over, or was not taken. */
  giveBack(id: string, { needs }: TaskShape): void {
    const worker = this.#workers.get(id);
    if (!worker) return;
    add(worker.free, needs, 1);
    if (worker.queued > 0) worker.queued--;
    else worker.underWay = Math.max(0, worker.underWay - 1);
    this.#freed++;
  }

  /** Undefined where none fits. Ties are drawn. The shape itself is the key of what is kept for it: ask with the same object again. */
  pick(shape: TaskShape, random: Random, nowAt: number): Placed | undefined {
    const index = this.#indexOf(shape);
    const { candidates } = index;
    const { length } = candidates;
    if (index.freed !== this.#freed) [index.from, index.noneUntilAt, index.freed] = [0, 0, this.#freed];
    if (length === 0 || nowAt < index.noneUntilAt) return undefined;
    // To pack, the first that fit are looked at, always in the same order: others stay empty.
    const isPacked = shape.strategy === 'pack';
    const start = isPacked ? index.from : Math.floor(random.next() * length);
    const fits: Entry[] = [];
    const looks = isPacked ? length - start : length;
    let coolsAt = Number.POSITIVE_INFINITY;
    for (let n = 0; n < looks && fits.length < SAMPLE; n++) {
      const at = start + n;
      const worker = candidates[at < length ? at : at - length]!;
      if (fitsNow(worker, shape, nowAt)) fits.push(worker);
      else if (worker.coolUntilAt > nowAt) coolsAt = Math.min(coolsAt, worker.coolUntilAt);
      else if (isPacked && fits.length === 0 && coolsAt === Number.POSITIVE_INFINITY) index.from = at + 1;
    }
    if (fits.length === 0) {
      index.noneUntilAt = coolsAt;
      return undefined;
    }
    if (fits.length === 1) return { id: fits[0]!.id, considered: 1 };
    const best = this.#best(fits, shape, random);
    return { id: best.id, considered: fits.length };
  }

  /** Of all of them, by the first filter that rules each out. */
  sift(shape: TaskShape, nowAt: number): Sifted {
    const ruledOut: Partial<Record<FilterName, number>> = {};
    let fits = 0;
    for (const worker of this.#workers.values()) {
      const lack = FILTER_NAMES.find((name) => !FILTERS[name](worker, shape, nowAt));
      if (lack === undefined) fits++;
      else ruledOut[lack] = (ruledOut[lack] ?? 0) + 1;
    }
    return { all: this.#workers.size, fits, ruledOut };
  }

  /** What counts for its strategy, each from 0 to 100 before weights, as things are now. Nothing of a worker that is not here. */
  scoresOf(id: string, shape: TaskShape): Partial<Record<ScoreName, number>> {
    const worker = this.#workers.get(id);
    const weights: ScoreWeights = STRATEGIES[shape.strategy];
    return Object.fromEntries(
      SCORE_NAMES.flatMap((name) => (worker && weights[name] ? [[name, Math.round(SCORES[name](worker, shape))]] : [])),
    );
  }

  #best(fits: readonly Entry[], shape: TaskShape, random: Random): Entry {
    const counted = this.#counted[shape.strategy];
    let best = fits[0]!;
    let most = Number.NEGATIVE_INFINITY;
    let ties = 0;
    for (const worker of fits) {
      let sum = 0;
      for (const { weight, score } of counted) sum += weight * score(worker, shape);
      if (sum < most) continue;
      ties = sum > most ? 1 : ties + 1;
      // Each of so many equals has the same chance to be the one that stays.
      if (sum > most || random.next() * ties < 1) best = worker;
      most = sum;
    }
    return best;
  }

  #indexOf(shape: TaskShape): ShapeIndex {
    let index = this.#shapes.get(shape);
    if (index?.version === this.#version) return index;
    const candidates = [...this.#workers.values()].filter((worker) =>
      LASTING_FILTERS.every((name) => FILTERS[name](worker, shape, 0)),
    );
    index = { version: this.#version, candidates, from: 0, freed: this.#freed, noneUntilAt: 0 };
    this.#shapes.delete(shape);
    if (this.#shapes.size >= SHAPES_MAX) this.#shapes.delete(this.#shapes.keys().next().value!);
    this.#shapes.set(shape, index);
    return index;
  }
}

/** Why a worker may not take it, and why several may not. */
const RULED_OUT: Readonly<Record<FilterName, readonly [one: string, several: string]>> = {
  engine: ['does no such work', 'do no such work'],
  labels: ['is not meant', 'are not meant'],
  drained: ['is drained', 'are drained'],
  'cool-down': ['is passed over for a while', 'are passed over for a while'],
  cpus: ['has too few CPUs free', 'have too few CPUs free'],
  memory: ['has too little memory free', 'have too little memory free'],
  disk: ['has too little disk free', 'have too little disk free'],
};

/** `0 of 12 workers: 8 are not meant, 4 have too little memory free`. */
export function siftedText({ all, fits, ruledOut }: Sifted): string {
  const lacks = FILTER_NAMES.flatMap((name) => {
    const count = ruledOut[name] ?? 0;
    return count === 0 ? [] : [`${count} ${RULED_OUT[name][count === 1 ? 0 : 1]}`];
  });
  return `${fits} of ${all} ${all === 1 ? 'worker' : 'workers'}${lacks.length > 0 ? `: ${lacks.join(', ')}` : ''}`;
}

const PASSING = PASSING_FILTERS.map((name) => FILTERS[name]);

function fitsNow(worker: Entry, shape: TaskShape, nowAt: number): boolean {
  for (const fits of PASSING) if (!fits(worker, shape, nowAt)) return false;
  return true;
}

function add(to: Writable<Resources>, needs: Resources, by: 1 | -1): void {
  to.milliCpus += by * needs.milliCpus;
  to.memoryMiB += by * needs.memoryMiB;
  to.diskMiB += by * needs.diskMiB;
}

/** In what rules it out for long. */
function isAlike(known: PlacedWorker, told: Told): boolean {
  return (
    known.isDrained === told.isDrained &&
    known.name === told.name &&
    known.engines.join() === told.engines.join() &&
    JSON.stringify(known.labels) === JSON.stringify(told.labels)
  );
}
