/**
 * What workers ask that costs more than reading it: the database is asked, secrets are opened, certificates signed. So
 * many of one sender are carried out at once, the others of it wait in the order they came, and what does not fit is
 * refused: no sender takes the server for itself.
 */
export interface TurnLimits {
  readonly atOnceMax: number;
  readonly waitingMax: number;
}

interface Sender {
  atOnce: number;
  readonly waiting: (() => Promise<void>)[];
}

export class SenderTurns {
  readonly #limits: TurnLimits;
  readonly #senders = new Map<string, Sender>();

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Carries the work out when it is its turn; false when there is no room for it. `work` sees to its own failures. */
  run(senderId: string, work: () => Promise<void>): boolean {
    const sender = this.#senders.get(senderId) ?? { atOnce: 0, waiting: [] };
    this.#senders.set(senderId, sender);
    if (sender.atOnce >= this.#limits.atOnceMax) {
      if (sender.waiting.length >= this.#limits.waitingMax) return false;
      sender.waiting.push(work);
      return true;
    }
    sender.atOnce++;
    void this.#carryOut(senderId, sender, work);
    return true;
  }

  /** The sender is gone: what waits of it is not carried out any more. */
  forget(senderId: string): void {
    this.#senders.get(senderId)?.waiting.splice(0);
  }

  async #carryOut(senderId: string, sender: Sender, work: () => Promise<void>): Promise<void> {
    for (let next: (() => Promise<void>) | undefined = work; next; next = sender.waiting.shift()) await next();
    sender.atOnce--;
    if (sender.atOnce === 0 && this.#senders.get(senderId) === sender) this.#senders.delete(senderId);
  }
}
