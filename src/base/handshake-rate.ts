/**
 * TLS handshakes of an address: so many under way at once, and so many that come to nothing. Each costs a millisecond of processor before
 * anybody has said who it is. One whose connection turns out to be somebody's (an agent, a worker, a caller with a token) is given back, so
 * that a fleet behind one address comes back as fast as it is let in, and only what leads nowhere is held to a rate.
 *
 * Who may not begin yet waits, in order, with the place and the deadline of its connection.
 */
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';
import { networkOf } from './network.ts';

export interface HandshakeLimits {
  readonly atOnceMax: number;
  /** Of those that come to nothing: so many at first, and then so many a second. */
  readonly burst: number;
  readonly perSecond: number;
  /** Addresses at rest that are remembered, those heard last. */
  readonly addressesMax: number;
}

const handshakeLimits: HandshakeLimits = {
  atOnceMax: limits.handshakesAtOncePerAddressMax,
  burst: limits.publicRequestsBurst,
  perSecond: limits.publicRequestsPerSecond,
  addressesMax: limits.publicAddressesMax,
};

/** Each may be called more than once. */
export interface Handshake {
  /** It is over; whether it was anybody's is not known yet. */
  over(): void;
  /** The connection is somebody's. */
  proved(): void;
  /** The connection is gone. */
  gone(): void;
}

interface AddressState {
  left: number;
  atMs: number;
  underWay: number;
  readonly waiting: Set<() => void>;
  cancel: (() => void) | undefined;
}

export class HandshakeRate {
  readonly #clock: Clock;
  readonly #limits: HandshakeLimits;
  readonly #busy = new Map<string, AddressState>();
  readonly #atRest = new Map<string, AddressState>();

  constructor(clock: Clock, rate: HandshakeLimits = handshakeLimits) {
    this.#clock = clock;
    this.#limits = rate;
  }

  /** Addresses that something is known of. */
  get size(): number {
    return this.#busy.size + this.#atRest.size;
  }

  /** Calls `begin` when it is its turn: at once where it may. */
  enter(address: string, begin: () => void): Handshake {
    const network = networkOf(address);
    const state = this.#stateOf(network);
    let isUnderWay = false;
    let isOwed = false;
    const start = (): void => {
      isUnderWay = isOwed = true;
      state.underWay++;
      state.left--;
      begin();
    };
    const over = (): void => {
      if (!isUnderWay) return;
      isUnderWay = false;
      state.underWay--;
      this.#goOn(network, state);
    };
    state.waiting.add(start);
    this.#goOn(network, state);
    return {
      over,
      proved: () => {
        if (!isOwed) return;
        isOwed = false;
        this.#refill(state);
        state.left = Math.min(this.#limits.burst, state.left + 1);
        over();
        this.#goOn(network, state);
      },
      gone: () => {
        isOwed = false;
        if (state.waiting.delete(start)) this.#goOn(network, state);
        over();
      },
    };
  }

  #stateOf(network: string): AddressState {
    const known = this.#busy.get(network) ?? this.#atRest.get(network);
    if (known) return known;
    const { burst } = this.#limits;
    return { left: burst, atMs: this.#clock.monotonicMs(), underWay: 0, waiting: new Set(), cancel: undefined };
  }

  #refill(state: AddressState): void {
    const now = this.#clock.monotonicMs();
    state.left = Math.min(this.#limits.burst, state.left + ((now - state.atMs) / 1_000) * this.#limits.perSecond);
    state.atMs = now;
  }

  /** Begins what may begin, and looks again when more may. */
  #goOn(network: string, state: AddressState): void {
    this.#refill(state);
    for (const start of state.waiting) {
      if (state.underWay >= this.#limits.atOnceMax || state.left < 1) break;
      state.waiting.delete(start);
      start();
    }
    state.cancel?.();
    state.cancel = undefined;
    if (state.waiting.size > 0 && state.left < 1)
      state.cancel = this.#clock.after(
        Math.ceil(((1 - state.left) / this.#limits.perSecond) * 1_000),
        () => this.#goOn(network, state),
        { unref: true },
      );
    this.#remember(network, state);
  }

  #remember(network: string, state: AddressState): void {
    this.#atRest.delete(network);
    if (state.underWay > 0 || state.waiting.size > 0) return void this.#busy.set(network, state);
    this.#busy.delete(network);
    this.#atRest.set(network, state);
    if (this.#atRest.size > this.#limits.addressesMax) this.#atRest.delete(this.#atRest.keys().next().value!);
  }
}
