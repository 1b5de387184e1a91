/** So many requests of an address per second, for what needs no token. Remembers the addresses heard last, and no more than it may. */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { networkOf } from '../base/network.ts';

export interface AddressRateOptions {
  readonly clock: Clock;
  readonly perSecond?: number;
  readonly burst?: number;
  readonly addressesMax?: number;
}

export class AddressRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #addressesMax: number;
  /** In the order in which they were heard; what is left of an address's burst, and when that was so. */
  readonly #heard = new Map<string, { left: number; atMs: number }>();

  constructor(options: AddressRateOptions) {
    this.#clock = options.clock;
    this.#perSecond = options.perSecond ?? limits.publicRequestsPerSecond;
    this.#burst = options.burst ?? limits.publicRequestsBurst;
    this.#addressesMax = options.addressesMax ?? limits.publicAddressesMax;
  }

  get size(): number {
    return this.#heard.size;
  }

  /** Seconds after which the address may come back; 0: it may now, and that is counted. */
  take(address: string): number {
    const [key, nowMs] = [networkOf(address), this.#clock.monotonicMs()];
    const left = this.#left(key, nowMs);
    const isTaken = left >= 1;
    this.#heard.delete(key);
    this.#heard.set(key, { left: isTaken ? left - 1 : left, atMs: nowMs });
    if (this.#heard.size > this.#addressesMax) this.#heard.delete(this.#heard.keys().next().value!);
    return isTaken ? 0 : Math.ceil((1 - left) / this.#perSecond);
  }

  /** Whether `take` would be given one now; nothing is counted. */
  hasLeft(address: string): boolean {
    return this.#left(networkOf(address), this.#clock.monotonicMs()) >= 1;
  }

  #left(key: string, nowMs: number): number {
    const known = this.#heard.get(key);
    if (!known) return this.#burst;
    return Math.min(this.#burst, known.left + ((nowMs - known.atMs) / 1_000) * this.#perSecond);
  }
}
