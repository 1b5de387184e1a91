/**
 * A worker that is being emptied: while others of its zone can serve its agents they are sent there, so many at once as
 * those can take in.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { AgentLink } from './output-relay.ts';

export interface DrainOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: () => Iterable<{ readonly link: AgentLink }>;
  /** Other workers of the zone are there. */
  readonly hasOthers: () => boolean;
}

const BATCH = 200;
const EVERY_MS = 500;

export class Drain {
  readonly #options: DrainOptions;
  #isOn = false;
  #isRetired = false;
  #stop = (): void => undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** For good: no agent may link here any more, whether others are there or not. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  retire(): void {
    this.#isRetired = true;
    this.set(true);
  }

  set(isOn: boolean): void {
    if (isOn === this.#isOn || (this.#isRetired && !isOn)) return;
    this.#isOn = isOn;
    this.#stop();
    this.#options.log.info({ on: isOn }, isOn ? 'draining: no new work is taken' : 'work is taken again');
    if (isOn) this.#sendAway();
  }

  stop(): void {
    this.#stop();
  }

  #sendAway(): void {
    const { clock, agents, hasOthers } = this.#options;
    if (hasOthers() || this.#isRetired)
      for (const { link } of [...agents()].slice(0, BATCH))
        link.close('worker-draining', 'This worker is being emptied; another takes over.');
    this.#stop = clock.after(EVERY_MS, () => this.#sendAway(), { unref: true });
  }
}
