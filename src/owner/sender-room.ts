/**
 * How much of one sender is under way at once: what is beyond its room is passed over, and comes again if the sender
 * was honest. An agent may report of any run, say, and one that makes runs up has the owner read for nobody but itself.
 */
export class SenderRoom {
  readonly #max: number;
  readonly #inside = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** False when the sender has no room left. */
  enter(senderId: string): boolean {
    const inside = this.#inside.get(senderId) ?? 0;
    if (inside >= this.#max) return false;
    this.#inside.set(senderId, inside + 1);
    return true;
  }

  leave(senderId: string): void {
    const left = (this.#inside.get(senderId) ?? 0) - 1;
    if (left > 0) this.#inside.set(senderId, left);
    else this.#inside.delete(senderId);
  }
}
