/**
 * How long is waited for what a host does not say. An order that nobody has confirmed is given up by its deadline, or
 * soon after a cancel; a host that follows and tells no end, though it must be over, is asked anew. Both go by the
 * monotonic clock.
 */
import type { Clock } from '../../../base/clock.ts';
import { limits } from '../../../base/limits.ts';

export interface PatienceOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
  /** Nobody has confirmed the order: it may have run. */
  readonly onGivenUp: () => void;
}

/** Timers take no more than 24 days; a look too early does no harm. */
const WAIT_MS_MAX = 24 * 60 * 60_000;

export class Patience {
  readonly #options: PatienceOptions;
  #cancelLook = (): void => undefined;
  #cancelGivingUp = (): void => undefined;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Counted from now: when the order left, or when somebody cancelled. */
  giveUpLater(isCancelled: boolean): void {
    const { timeoutMs, killAfterMs } = this.#options;
    this.#giveUpIn((isCancelled ? 0 : timeoutMs) + killAfterMs + limits.sshSilentMs);
  }

  #giveUpIn(waitMs: number): void {
    const { clock, onGivenUp } = this.#options;
    const stepMs = Math.min(waitMs, WAIT_MS_MAX);
    const next = (): void => (stepMs < waitMs ? this.#giveUpIn(waitMs - stepMs) : onGivenUp());
    this.#cancelGivingUp();
    this.#cancelGivingUp = clock.after(stepMs, next, { unref: true });
  }

  /** It was confirmed, or will not come in any more. */
  keepOn(): void {
    this.#cancelGivingUp();
  }

  /** `leftMs`: until its deadline, or none where it is cancelled. */
  lookLater(leftMs: number, look: () => void): void {
    const { clock, killAfterMs } = this.#options;
    this.#cancelLook();
    const waitMs = Math.min(leftMs + killAfterMs + limits.sshSilentMs, WAIT_MS_MAX);
    this.#cancelLook = clock.after(waitMs, look, { unref: true });
  }

  lookNoMore(): void {
    this.#cancelLook();
  }

  stop(): void {
    this.#cancelLook();
    this.#cancelGivingUp();
  }
}
