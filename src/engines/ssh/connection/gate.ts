/** So many at once and no more, first come first served: dials of a worker, through one jump host, to one host. */
export class Gate {
  readonly #most: number;
  #inside = 0;
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  get isUnused(): boolean {
    return this.#inside === 0 && this.#waiting.size === 0;
  }

  /** Resolves when it is the caller's turn; what it resolves to must be called once, when the caller is done. */
  async enter(): Promise<() => void> {
    if (this.#inside >= this.#most) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#inside++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.values().next().value;
      // The place is handed over, not given back: nobody slips in between.
      if (next) {
        this.#waiting.delete(next);
        next();
      } else this.#inside--;
    };
  }
}

/** A gate per key, made when first used and dropped when nobody is in it. */
export class Gates {
  readonly #most: number;
  readonly #gates = new Map<string, Gate>();

  constructor(most: number) {
    this.#most = most;
  }

  async enter(key: string): Promise<() => void> {
    let gate = this.#gates.get(key);
    if (!gate) this.#gates.set(key, (gate = new Gate(this.#most)));
    const leave = await gate.enter();
    return () => {
      leave();
      if (gate.isUnused) this.#gates.delete(key);
    };
  }
}
