/**
 * By what a worker is chosen for a task without hosts: filters, which rule a worker out, and scores from 0 to 100,
 * which rank those that are left. Each is one line of a map here, and settings name them by these names. Pure.
 */
import { meantText, nearest } from '../../base/nearest.ts';
import type { TargetHost } from '../target/expression.ts';

/**
 * What a task wants for itself, or a worker has to give: whole numbers, so that what is taken and given back adds up,
 * and small ones, which lie in the object itself.
 */
export interface Resources {
  /** Thousandths of a CPU. */
  readonly milliCpus: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
}

/** A worker as it was last heard of. What is free has what was given to it since taken off. */
export interface PlacedWorker {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly engines: readonly string[];
  readonly isDrained: boolean;
  readonly total: Resources;
  readonly free: Resources;
  /** Tasks that it may have under way at once; further ones wait there. */
  readonly slots: number;
  readonly underWay: number;
  readonly queued: number;
  /** Thousandths of CPUs that are busy on average, with whatever runs on that machine. */
  readonly loadMilliCpus: number;
  /** It is passed over until then, by the clock of whoever asks. */
  readonly coolUntilAt: number;
}

/** Tasks of one shape may go to the same workers. */
export interface TaskShape {
  readonly engine: string;
  readonly isMeant: (worker: TargetHost) => boolean;
  readonly isPreferred?: (worker: TargetHost) => boolean;
  readonly needs: Resources;
  readonly strategy: Strategy;
}

export const NO_NEEDS: Resources = { milliCpus: 0, memoryMiB: 0, diskMiB: 0 };

type Filter = (worker: PlacedWorker, shape: TaskShape, nowAt: number) => boolean;

/**
 * In this order: a worker is counted under the first that rules it out. What changes with the work comes after what is
 * told of the worker.
 */
export const FILTERS = {
  engine: ({ engines }, { engine }) => engines.includes(engine),
  labels: (worker, { isMeant }) => isMeant(worker),
  drained: ({ isDrained }) => !isDrained,
  'cool-down': ({ coolUntilAt }, _shape, nowAt) => coolUntilAt <= nowAt,
  cpus: ({ free }, { needs }) => needs.milliCpus <= free.milliCpus,
  memory: ({ free }, { needs }) => needs.memoryMiB <= free.memoryMiB,
  disk: ({ free }, { needs }) => needs.diskMiB <= free.diskMiB,
} as const satisfies Record<string, Filter>;

export type FilterName = keyof typeof FILTERS;
export const FILTER_NAMES = Object.keys(FILTERS) as readonly FilterName[];
/** Those that only a change of the worker itself, or of what it may, makes pass: their answer is kept. */
export const LASTING_FILTERS: readonly FilterName[] = ['engine', 'labels', 'drained'];
export const PASSING_FILTERS = FILTER_NAMES.filter((name) => !LASTING_FILTERS.includes(name));

type Score = (worker: PlacedWorker, shape: TaskShape) => number;

/** Each from 0 to 100; more is better. */
export const SCORES = {
  /** What the task prefers. */
  selectorPriority: (worker, { isPreferred }) => (isPreferred?.(worker) ? 100 : 0),
  /** Few tasks wait there. */
  leastReqQueue: ({ queued }) => 100 / (1 + queued),
  /** Few are under way, for the room that it has. */
  leastTasks: ({ underWay, slots }) => percent(1 - underWay / Math.max(1, slots)),
  /** CPUs and memory would be used alike, so that neither is left over. */
  balancedResource: ({ free, total }, { needs }) =>
    percent(1 - Math.abs(usedShare(free, total, needs, 'milliCpus') - usedShare(free, total, needs, 'memoryMiB'))),
  /** Much is used: what is left free elsewhere stays whole. */
  mostUsed: ({ free, total, underWay, slots }, { needs }) =>
    percent(
      Math.max(
        usedShare(free, total, needs, 'milliCpus'),
        usedShare(free, total, needs, 'memoryMiB'),
        Math.min(1, underWay / Math.max(1, slots)),
      ),
    ),
  /** Its machine has little to do, whoever gave it that. */
  leastLoad: ({ loadMilliCpus, total }) => percent(1 - loadMilliCpus / Math.max(1, total.milliCpus)),
} as const satisfies Record<string, Score>;

export type ScoreName = keyof typeof SCORES;
export const SCORE_NAMES = Object.keys(SCORES) as readonly ScoreName[];
export type ScoreWeights = Readonly<Partial<Record<ScoreName, number>>>;

/** What a job may ask for: how much each score counts for it. */
export const STRATEGIES = {
  spread: { selectorPriority: 1, leastReqQueue: 1, leastTasks: 1, balancedResource: 1 },
  pack: { selectorPriority: 1, leastReqQueue: 1, mostUsed: 2 },
  'prefer-zone': { selectorPriority: 10, leastReqQueue: 1, leastTasks: 1, balancedResource: 1 },
  'least-loaded': { selectorPriority: 1, leastReqQueue: 1, leastLoad: 2 },
} as const satisfies Record<string, ScoreWeights>;

export type Strategy = keyof typeof STRATEGIES;
export const STRATEGY_NAMES = Object.keys(STRATEGIES) as [Strategy, ...Strategy[]];

const WEIGHT_MAX = 1_000;

export type ReadWeights =
  | { readonly ok: true; readonly weights: ScoreWeights }
  | { readonly ok: false; readonly detail: string };

/** `leastTasks=2,leastReqQueue=0`: what is not named has 1. */
export function parseWeights(text: string): ReadWeights {
  const weights: Partial<Record<ScoreName, number>> = {};
  for (const word of text.split(',').map((part) => part.trim())) {
    if (word === '') continue;
    const [name = '', value = ''] = word.split('=').map((part) => part.trim());
    const known = SCORE_NAMES.find((one) => one === name);
    if (!known)
      return {
        ok: false,
        detail: `There is no score ${JSON.stringify(name)}.${meantText(nearest(name, SCORE_NAMES))} There are: ${SCORE_NAMES.join(', ')}.`,
      };
    if (!/^\d{1,4}(?:\.\d{1,3})?$/.test(value) || Number(value) > WEIGHT_MAX)
      return {
        ok: false,
        detail: `The weight of ${known} is a number from 0 to ${WEIGHT_MAX}, not ${JSON.stringify(value)}.`,
      };
    weights[known] = Number(value);
  }
  return { ok: true, weights };
}

/** What the task and those before it use of what there is; all of it where there is none. */
function usedShare(free: Resources, total: Resources, needs: Resources, of: 'milliCpus' | 'memoryMiB'): number {
  return total[of] <= 0 ? 1 : Math.min(1, Math.max(0, 1 - (free[of] - needs[of]) / total[of]));
}

function percent(share: number): number {
  return 100 * Math.min(1, Math.max(0, share));
}
