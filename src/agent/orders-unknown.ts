/**
 * What an agent has said that it does not know of. A server may have settled it on that word, so an order that was signed before must not
 * be carried out when it comes after all: only a later order of the same server. Remembered for as long as an order may be valid.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { OrderMark } from '../protocol/link/session.ts';

export class OrdersUnknown {
  readonly #clock: Clock;
  readonly #said = new Map<string, OrderMark & { readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(a: string, { server, order }: OrderMark): void {
    const at = this.#clock.monotonicMs();
    this.#said.delete(a);
    this.#said.set(a, { server, order, at });
    for (const [oldest, said] of this.#said) {
      if (at - said.at <= 2 * limits.dispatchValidMs && this.#said.size <= limits.ordersUnknownMax) break;
      this.#said.delete(oldest);
    }
  }

  isVoid(a: string, { server, order }: OrderMark): boolean {
    const said = this.#said.get(a);
    return said !== undefined && (said.server !== server || order <= said.order);
  }
}
