/**
 * Writes how the last connection to each host over SSH went, for whoever looks at hosts. Of the last of each host and
 * in batches, beside the commits of runs: a second of it that is lost with a server is made good by the next
 * connection.
 */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import type { HostId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { writeApart } from '../base/write-apart.ts';
import type { SshContact } from '../domain/crew/ssh-contact.ts';
import type { Store } from '../store/contract/store.ts';

type Written = Parameters<Store['hostContactsWrite']>[0][number];

const FLUSH_MS = 500;
const BATCH_MAX = 2_000;

export class SshContacts {
  readonly #store: Pick<Store, 'hostContactsWrite'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #last = new Map<HostId, Written>();
  #scheduled = false;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: { store: Pick<Store, 'hostContactsWrite'>; clock: Clock; log: Log }) {
    [this.#store, this.#clock, this.#log] = [options.store, options.clock, options.log];
  }

  /** As of now, by this clock: the host's own is for display alone. */
  note(hostId: HostId, { code }: SshContact): void {
    this.#last.set(hostId, { hostId, atMs: this.#clock.nowMs(), ...given({ code }) });
    this.#schedule();
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#flushing;
    await this.#flush();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#clock.after(
      FLUSH_MS,
      () => {
        this.#scheduled = false;
        this.#flushing = this.#flushing.then(() => this.#flush());
      },
      { unref: true },
    );
  }

  async #flush(): Promise<void> {
    while (this.#last.size > 0) {
      const batch = [...this.#last.values()].slice(0, BATCH_MAX);
      for (const { hostId } of batch) this.#last.delete(hostId);
      try {
        for (const { item, error } of await writeApart(batch, (some) => this.#store.hostContactsWrite(some)))
          this.#log.warn({ hostId: item.hostId, err: error }, 'how a host was reached cannot be kept');
      } catch (error) {
        this.#log.warn({ err: error }, 'how hosts were reached could not be written; it will be again');
        for (const one of batch) if (!this.#last.has(one.hostId)) this.#last.set(one.hostId, one);
        this.#schedule();
        return;
      }
    }
  }
}
