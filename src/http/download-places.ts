/**
 * How many may fetch packages at once: of all, and of one agent that has proved its certificate, else of one address:
 * agents behind one address do not share its places, and whoever shows nothing takes none of theirs. A place is for who
 * reads: whoever takes less than the least pace from one look to the next is cut off, and may go on from where it was.
 */
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { networkOf } from '../base/network.ts';

export interface DownloadLimits {
  readonly perServerMax: number;
  readonly perAddressMax: number;
  readonly perAgentMax: number;
  /** A reader takes at least `stepBytesMin` in every `stepMs`. */
  readonly stepMs: number;
  readonly stepBytesMin: number;
}
const downloadLimits: DownloadLimits = {
  perServerMax: limits.packageDownloadsMax,
  perAddressMax: limits.packageDownloadsPerAddressMax,
  perAgentMax: limits.packageDownloadsPerAgentMax,
  stepMs: limits.packageStepMs,
  stepBytesMin: limits.packageStepBytesMin,
};

const RETRY_AFTER_S = 10;

/** Who fetches. */
export interface DownloadPeer {
  readonly address: string;
  /** By its certificate. */
  readonly agentId?: string | undefined;
}

export interface Download {
  /** How many bytes the reader has taken so far. */
  taken(): number;
  /** Ends it; called once, when it is too slow. */
  cut(): void;
}

export class DownloadPlaces {
  readonly #clock: Clock;
  readonly #limits: DownloadLimits;
  readonly #byPeer = new Map<string, number>();
  #all = 0;

  constructor(clock: Clock, places: DownloadLimits = downloadLimits) {
    this.#clock = clock;
    this.#limits = places;
  }

  /** Throws `too-many-requests` when there is none; the answer gives it back, and may be called again. */
  take({ address, agentId }: DownloadPeer, download: Download): () => void {
    const { perServerMax, perAgentMax, perAddressMax } = this.#limits;
    const [key, most] = agentId === undefined ? [networkOf(address), perAddressMax] : [`agent ${agentId}`, perAgentMax];
    const theirs = this.#byPeer.get(key) ?? 0;
    if (theirs >= most || this.#all >= perServerMax)
      throw new DroverError('too-many-requests', {
        detail: 'Many hosts fetch packages at once; come back in a moment.',
        retryAfterS: RETRY_AFTER_S,
      });
    this.#all++;
    this.#byPeer.set(key, theirs + 1);
    const stopLooking = this.#watch(download);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      stopLooking();
      this.#all--;
      const left = this.#byPeer.get(key)! - 1;
      if (left > 0) this.#byPeer.set(key, left);
      else this.#byPeer.delete(key);
    };
  }

  #watch(download: Download): () => void {
    const { stepMs, stepBytesMin } = this.#limits;
    let before = 0;
    let cancel = (): void => undefined;
    const lookLater = (): void => {
      cancel = this.#clock.after(
        stepMs,
        () => {
          const now = download.taken();
          if (now - before < stepBytesMin) return download.cut();
          before = now;
          lookLater();
        },
        { unref: true },
      );
    };
    lookLater();
    return () => cancel();
  }
}
