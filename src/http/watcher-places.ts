/** How many may watch at once: of all, and with one token. */
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

export interface WatcherLimits {
  readonly perServerMax: number;
  readonly perTokenMax: number;
  readonly stalledMsMax: number;
}
const watcherLimits: WatcherLimits = {
  perServerMax: limits.liveWatchersPerServerMax,
  perTokenMax: limits.liveWatchersPerTokenMax,
  stalledMsMax: limits.readerStalledMsMax,
};

/** Places of watchers, of all and of each token. */
export class WatcherPlaces {
  readonly limits: WatcherLimits;
  readonly #byToken = new Map<string, number>();
  #all = 0;

  constructor(placeLimits: WatcherLimits = watcherLimits) {
    this.limits = placeLimits;
  }

  /** Throws when there is none; the answer gives it back. */
  take(tokenId: string): () => void {
    const theirs = this.#byToken.get(tokenId) ?? 0;
    if (theirs >= this.limits.perTokenMax)
      throw new DroverError('too-many-watchers', {
        detail: `This token watches ${theirs} runs on this server, as many as it may.`,
        retryAfterS: 5,
      });
    if (this.#all >= this.limits.perServerMax)
      throw new DroverError('too-many-requests', {
        detail: 'Too many watchers on this server; poll the run instead, or come back.',
        retryAfterS: 5,
      });
    this.#all++;
    this.#byToken.set(tokenId, theirs + 1);
    return () => {
      this.#all--;
      const left = this.#byToken.get(tokenId)! - 1;
      if (left > 0) this.#byToken.set(tokenId, left);
      else this.#byToken.delete(tokenId);
    };
  }
}
