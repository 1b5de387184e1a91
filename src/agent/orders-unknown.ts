/**
 * What an agent has said that it does not know of, or does not take now. A server may have settled it on that word, so an order that was
 * signed before must not be carried out when it comes after all: only a later order of the same server. Remembered for as long as an order
 * may be valid; of what is too much to remember, the highest count of each server: no order up to there is carried out.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { OrderMark } from '../protocol/link/session.ts';

export class OrdersUnknown {
  readonly #clock: Clock;
  readonly #said = new Map<string, OrderMark & { readonly at: number }>();
  readonly #floors = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(a: string, { server, order }: OrderMark): void {
    const at = this.#clock.monotonicMs();
    const before = this.#said.get(a);
    this.#said.delete(a);
    // Two refusals at a time may come in any order: the later of the orders counts.
    this.#said.set(a, { server, order: before?.server === server ? Math.max(before.order, order) : order, at });
    for (const [oldest, said] of this.#said) {
      const isOver = at - said.at > 2 * limits.dispatchValidMs;
      if (!isOver && this.#said.size <= limits.ordersUnknownMax) break;
      this.#said.delete(oldest);
      if (!isOver) this.#raise(said);
    }
  }

  #raise({ server, order }: OrderMark): void {
    const floor = Math.max(order, this.#floors.get(server) ?? 0);
    this.#floors.delete(server);
    this.#floors.set(server, floor);
    if (this.#floors.size > limits.serversKnownMax) this.#floors.delete(this.#floors.keys().next().value!);
  }

  isVoid(a: string, { server, order }: OrderMark): boolean {
    const said = this.#said.get(a);
    if (order <= (this.#floors.get(server) ?? -1)) return true;
    return said !== undefined && (said.server !== server || order <= said.order);
  }
}
