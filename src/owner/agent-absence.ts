/**
 * Which hosts have no agent at all, of those that a run finds no way to. Nothing keeps a list of them: the store is asked for
 * those that were asked about, together, and only after they were, so that an agent counts that joined a moment before the run
 * was made.
 */
import type { HostId } from '../base/ids.ts';
import type { Store } from '../store/contract/store.ts';

export class AgentAbsence {
  readonly #store: Pick<Store, 'hostsWithoutAgent'>;
  readonly #asked = new Set<HostId>();
  readonly #isAbsent = new Map<HostId, boolean>();
  #isReading = false;

  constructor(store: Pick<Store, 'hostsWithoutAgent'>) {
    this.#store = store;
  }

  /** `unsure` until it is known; asked again, it is by then. That there is none is said once: whoever asks anew looks anew. */
  of(hostId: HostId): boolean | 'unsure' {
    const isAbsent = this.#isAbsent.get(hostId);
    if (isAbsent !== undefined) {
      if (isAbsent) this.#isAbsent.delete(hostId);
      return isAbsent;
    }
    this.#asked.add(hostId);
    if (!this.#isReading) {
      this.#isReading = true;
      queueMicrotask(() => void this.#read());
    }
    return 'unsure';
  }

  /** What cannot be read is asked for again by whoever wants to know. */
  async #read(): Promise<void> {
    const hosts = [...this.#asked];
    this.#asked.clear();
    try {
      const absent = new Set(await this.#store.hostsWithoutAgent(hosts));
      for (const hostId of hosts) this.#isAbsent.set(hostId, absent.has(hostId));
    } catch {
      // The database is away: everything that is written says so.
    } finally {
      this.#isReading = false;
    }
  }
}
