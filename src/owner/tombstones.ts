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
  executions(): Iterable<Dead>;
}
interface Dead {
  readonly task: number;
  readonly ordinal: number;
  readonly attempt: number;
  readonly state: string;
  readonly route: RouteTaken | undefined;
}

interface Tombstone {
  readonly round: number;
  readonly untilAt: number;
  /** By number. */
  readonly tasks: ReadonlyMap<number, TaskTombstone>;
}
interface TaskTombstone {
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
  add(run: OverRun): void {
    const { id, round } = run;
    const now = this.#clock.monotonicMs();
    this.delete(id);
    const byTask = Map.groupBy(run.executions(), ({ task }) => task);
    const tasks = new Map([...byTask].map(([task, executions]) => [task, tombstoneOf(executions)]));
    this.#byRun.set(id, {
      round,
      untilAt: now + KEPT_MS,
      tasks,
    });
    this.#executions += countOf(tasks);
    for (const [oldest, { untilAt }] of this.#byRun) {
      if (untilAt > now && this.#executions <= this.#executionsMax) break;
      this.delete(oldest);
    }
  }

  delete(id: RunId): void {
    const tombstone = this.#byRun.get(id);
    if (!tombstone) return;
    this.#byRun.delete(id);
    this.#executions -= countOf(tombstone.tasks);
  }

  /** The round that it was in when it ended; undefined where nothing is left of it. */
  roundOf(id: RunId): number | undefined {
    return this.#byRun.get(id)?.round;
  }

  /**
   * A report of it: `settled`, and to be acknowledged; `ignored`, because it is not its executor's; undefined: only the
   * run itself can tell.
   */
  answerTo({ runId, task, ordinal, attempt }: AttemptKey, executor: NamedExecutor): 'settled' | 'ignored' | undefined {
    const tombstone = this.#byRun.get(runId)?.tasks.get(task);
    if (!tombstone || ordinal >= tombstone.executors.length || tombstone.lost.has(ordinal)) return undefined;
    if (attempt !== (tombstone.attempts.get(ordinal) ?? 1)) return undefined;
    return isSameExecutor(executor, tombstone.executors[ordinal]) ? 'settled' : 'ignored';
  }
}

/** `executions`: of one task, by ordinal. */
function tombstoneOf(executions: readonly Dead[]): TaskTombstone {
  return {
    executors: executions.map(({ route }) => route?.executor),
    attempts: new Map(executions.flatMap(({ ordinal, attempt }) => (attempt > 1 ? [[ordinal, attempt]] : []))),
    lost: new Set(executions.flatMap(({ ordinal, state }) => (state === 'lost' ? [ordinal] : []))),
  };
}

function countOf(tasks: ReadonlyMap<number, TaskTombstone>): number {
  let sum = 0;
  for (const { executors } of tasks.values()) sum += executors.length;
  return sum;
}
