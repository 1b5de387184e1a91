/**
 * Turns of the event loop, counted while somebody asks: what two callers do in the same turn, nobody else of the
 * process had a chance between. The links of one end share one.
 */
export class LoopTurns {
  #turn = 0;
  #isCounting = false;

  get current(): number {
    if (!this.#isCounting) {
      this.#isCounting = true;
      setImmediate(() => {
        this.#isCounting = false;
        this.#turn++;
      });
    }
    return this.#turn;
  }
}
