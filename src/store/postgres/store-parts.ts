/** What every noun of the store works with. */
import type { DatabaseClock } from './database-clock.ts';
import type { Hints } from './hint.ts';
import type { Pool } from './pool.ts';

export interface StoreParts {
  /** For whoever asks: callers of the API, or this server in the name of its workers and agents. */
  readonly pool: Pool;
  /** For what this server owns, so that no caller keeps it from being written. */
  readonly ownPool: Pool;
  readonly hints: Hints;
  readonly clock: DatabaseClock;
  /** Of `clock`. */
  readonly now: () => number;
}
