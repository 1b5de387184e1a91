/**
 * How long is waited for what a host does not say. An order that nobody has confirmed is given up by its deadline, or
 * soon after a cancel. A host that has confirmed it, and tells no end though it must be over, is asked anew; where it then
 * answers, and still tells neither an end nor any more of the output, or goes on so for a day, it is given up too:
 * no host keeps an attempt by answering. All by the monotonic clock.
 */
import type { Clock } from '../../../base/clock.ts';
import { limits } from '../../../base/limits.ts';

export interface PatienceOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
  /** Nobody has confirmed the order: it may have run. */
  readonly onGivenUp: () => void;
  /** It must be over, and its host is asked anew: whatever follows it is let go of. */
  readonly onLook: () => void;
  /** The host answers, and tells no end: it may still run. */
  readonly onEndless: () => void;
}

/** Timers take no more than 24 days; a look too early does no harm. */
const WAIT_MS_MAX = 24 * 60 * 60_000;

export class Patience {
  readonly #options: PatienceOptions;
  #cancelLook = (): void => undefined;
  #cancelGivingUp = (): void => undefined;
  #isExpected = false;
  /** When its host was asked anew for the first time. */
  #lookedAt: number | undefined;
  /** Since it was asked anew last: it has confirmed the attempt, and sent some output. */
  #isAnswering = false;
  #isHeard = false;

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

  /** The host has confirmed that it runs, or ran. `isCancelled`: it was told to end it before. */
  answered(ageMs: number, isCancelled: boolean): void {
    this.#isAnswering = true;
    if (!this.#isExpected) this.expectEnd(ageMs, isCancelled);
  }

  /** Some of its output came. */
  heard(): void {
    this.#isHeard = true;
  }

  /** Counted from now, by the deadline of what is so old, or at once where it was cancelled. */
  expectEnd(ageMs: number, isCancelled: boolean): void {
    const { clock, timeoutMs, killAfterMs } = this.#options;
    const leftMs = isCancelled ? 0 : Math.max(0, timeoutMs - ageMs);
    const wholeMs = leftMs + killAfterMs + limits.sshSilentMs;
    const waitMs = Math.min(wholeMs, WAIT_MS_MAX);
    this.#isExpected = true;
    this.#cancelLook();
    const next = (): void => {
      if (waitMs < wholeMs) this.expectEnd(ageMs + waitMs, isCancelled);
      else this.#look(ageMs + waitMs, isCancelled);
    };
    this.#cancelLook = clock.after(waitMs, next, { unref: true });
  }

  #look(ageMs: number, isCancelled: boolean): void {
    const { clock, onLook, onEndless } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#lookedAt ??= nowMs;
    const isOld = nowMs > this.#lookedAt + limits.sshReattachMs;
    if (this.#lookedAt !== nowMs && this.#isAnswering && (isOld || !this.#isHeard)) return onEndless();
    this.#isAnswering = this.#isHeard = false;
    onLook();
    this.expectEnd(ageMs, isCancelled);
  }

  stop(): void {
    this.#cancelLook();
    this.#cancelGivingUp();
  }
}
