/**
 * Whether the database has room for new work. Of an embedded one the filesystem is known: new work is refused while there is still room to
 * write how the running work ended. Of any other, that PostgreSQL refused a write is all that can be known.
 */
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { FreeSpace } from '../base/free-space.ts';
import { limits } from '../base/limits.ts';

const RETRY_AFTER_S = 10;
/** A refused write is told of for so long; the next one that is refused tells it again. */
const REFUSAL_TOLD_MS = 30_000;

export class DatabaseSpace {
  readonly #clock: Clock;
  readonly #disk: FreeSpace | undefined;
  #refusedAt = Number.NEGATIVE_INFINITY;

  /** `disk`: where the database's data lie, if that is a filesystem of this machine. */
  constructor(clock: Clock, disk?: FreeSpace) {
    this.#clock = clock;
    this.#disk = disk;
  }

  /** PostgreSQL refused a write because its disk is full. */
  onRefused(): void {
    this.#refusedAt = this.#clock.monotonicMs();
  }

  /** `low`: new work is refused, the rest goes on. `full`: PostgreSQL itself refuses what would be written. */
  state(): 'enough' | 'low' | 'full' {
    if (this.#clock.monotonicMs() - this.#refusedAt < REFUSAL_TOLD_MS && (this.#disk?.isLow() ?? true)) return 'full';
    return this.#disk?.isLow() ? 'low' : 'enough';
  }

  /** Bytes left for the database, where that can be known. */
  freeBytes(): number | undefined {
    return this.#disk?.freeBytes();
  }

  /** Throws `database-full` when there is no room for more than what is under way. */
  assertRoomForWork(): void {
    if (!this.#disk?.isLow()) return;
    const freeMiB = Math.floor(this.#disk.freeBytes() / 1_048_576);
    throw new DroverError('database-full', {
      detail:
        `The disk of the database has ${freeMiB} MiB left, and ${limits.databaseFreeBytesMin / 1_048_576} are kept ` +
        'for what is under way; nothing of this was done. Reading works, and what runs goes on. Make room at ' +
        `${this.#disk.folder}; nothing has to be restarted.`,
      retryAfterS: RETRY_AFTER_S,
    });
  }
}
