/**
 * Reports of runs and attempts that the database does not know: of what was begun after the backup that was restored,
 * or is older than runs are kept. Nobody will ever want them, so they are acknowledged, lest agents tell them for ever;
 * told once for each run, and counted.
 */
import type { RunId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Ack } from './ack.ts';

/** Of the runs told last; one that is forgotten may be told again. */
const REMEMBERED_MAX = 1_000;

export interface UnknownRunsOptions {
  readonly log: Log;
  readonly ack: (ack: Ack) => void;
  readonly onReport?: (() => void) | undefined;
}

export class UnknownRuns {
  readonly #options: UnknownRunsOptions;
  readonly #told = new Set<RunId>();

  constructor(options: UnknownRunsOptions) {
    this.#options = options;
  }

  /** Only for an attempt of an owned partition that was looked for in the database after this was told, and is not there. */
  release(runId: RunId, ack: Ack): void {
    this.#options.onReport?.();
    if (!this.#told.has(runId)) {
      this.#told.add(runId);
      if (this.#told.size > REMEMBERED_MAX) this.#told.delete(this.#told.values().next().value!);
      this.#options.log.warn(
        { runId, attempt: ack.attempt, executor: ack.executor, code: 'run-not-found' },
        'an executor told of a run or attempt that the database does not know; it may forget it',
      );
    }
    this.#options.ack(ack);
  }
}
