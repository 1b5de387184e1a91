/**
 * What is left of runs that are over: enough to answer late duplicates without a look into the database, and no more.
 * What a tombstone says is committed and stays true, whoever owns the partition since: a later attempt makes the end of
 * this one no other.
 */
import type { Clock } from '../base/clock.ts';
import type { AttemptKey, RunId } from '../base/ids.ts';
import { isSameExecutor, type NamedExecutor, type RouteTaken } from '../domain/run/executor.ts';

interface OverRun {
  readonly id: RunId;
  readonly round: number;
  readonly crew: {
    readonly executions: readonly {
      readonly ordinal: number;
      readonly attempt: number;
      readonly state: string;
      readonly route: RouteTaken | undefined;
    }[];
  };
}

interface Tombstone {
  readonly round: number;
  readonly untilAt: number;
  /** Of the last attempt, by ordinal; the values are those that the fleet has too. */
  readonly executors: readonly (NamedExecutor | undefined)[];
  /** By ordinal, where it is not the first. */
  readonly attempts: ReadonlyMap<number, number>;
  /** Ordinals whose end may still be another. */
  readonly lost: ReadonlySet<number>;
}

/** Executors repeat a report every few seconds until it is acknowledged. */
const KEPT_MS = 15_000;
/** Of all tombstones; about 100 bytes each at the most. The oldest go first. */
const EXECUTIONS_MAX = 200_000;

export class Tombstones {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #executionsMax: number;
  readonly #byRun = new Map<RunId, Tombstone>();
  #executions = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, executionsMax = EXECUTIONS_MAX) {
    this.#clock = clock;
    this.#executionsMax = executionsMax;
  }

  get size(): number {
    return this.#byRun.size;
  }

  /** `run`: over, and committed as that. */
  add({ id, round, crew: { executions } }: OverRun): void {
    const now = this.#clock.monotonicMs();
    this.delete(id);
    this.#byRun.set(id, {
      round,
      untilAt: now + KEPT_MS,
      executors: executions.map(({ route }) => route?.executor),
      attempts: new Map(executions.flatMap(({ ordinal, attempt }) => (attempt > 1 ? [[ordinal, attempt]] : []))),
      lost: new Set(executions.flatMap(({ ordinal, state }) => (state === 'lost' ? [ordinal] : []))),
    });
    this.#executions += executions.length;
    for (const [oldest, { untilAt }] of this.#byRun) {
      if (untilAt > now && this.#executions <= this.#executionsMax) break;
      this.delete(oldest);
    }
  }

  delete(id: RunId): void {
    const tombstone = this.#byRun.get(id);
    if (!tombstone) return;
    this.#byRun.delete(id);
    this.#executions -= tombstone.executors.length;
  }

  /** The round that it was in when it ended; undefined where nothing is left of it. */
  roundOf(id: RunId): number | undefined {
    return this.#byRun.get(id)?.round;
  }

  /**
   * A report of it: `settled`, and to be acknowledged; `ignored`, because it is not its executor's; undefined: only the
   * run itself can tell.
   */
  answerTo({ runId, ordinal, attempt }: AttemptKey, executor: NamedExecutor): 'settled' | 'ignored' | undefined {
    const tombstone = this.#byRun.get(runId);
    if (!tombstone || ordinal >= tombstone.executors.length || tombstone.lost.has(ordinal)) return undefined;
    if (attempt !== (tombstone.attempts.get(ordinal) ?? 1)) return undefined;
    return isSameExecutor(executor, tombstone.executors[ordinal]) ? 'settled' : 'ignored';
  }
}
