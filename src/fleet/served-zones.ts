/**
 * Which hosts are in zones that have a worker here. Of a host in another it is said that this is why nothing begins
 * there; whether its agent was linked before says nothing then. Hosts of zones without a worker are few as a rule, and
 * are read when a zone gains its first worker or loses its last.
 */
import type { HostId } from '../base/ids.ts';
import type { Store } from '../store/contract/store.ts';

export class ServedZones {
  readonly #store: Pick<Store, 'hostsOutside'>;
  #zones: readonly string[] = [];
  #outside: ReadonlySet<HostId> = new Set();

  constructor(store: Pick<Store, 'hostsOutside'>) {
    this.#store = store;
  }

  /** `workers`: that are linked now. `haveMoved`: hosts may be in other zones than before. */
  async look(workers: Iterable<{ readonly zone: string }>, haveMoved: boolean): Promise<void> {
    const zones = [...new Set(Array.from(workers, ({ zone }) => zone))].sort();
    if (zones.join() === this.#zones.join() && !haveMoved) return;
    // Without any worker nobody need be told apart.
    this.#outside = zones.length === 0 ? new Set() : new Set(await this.#store.hostsOutside(zones));
    this.#zones = zones;
  }

  has(hostId: HostId): boolean {
    return this.#zones.length > 0 && !this.#outside.has(hostId);
  }
}
