/**
 * What happens to attempts, told to the server that owns their run, in company. Without an owner, or when it is far behind, an event is
 * dropped: reports come again, and the rest can be asked.
 */
import type { Clock } from '../base/clock.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';
import type { PartitionOwners } from './partition-owners.ts';
import type { KnownServer, ServerLinks } from './server-links.ts';

/** How long events may wait for company before they are sent on. */
const FLUSH_MS = 2;

export class AttemptEvents {
  readonly #clock: Clock;
  readonly #servers: ServerLinks;
  readonly #owners: PartitionOwners;
  #isFlushing = false;

  constructor(options: { readonly clock: Clock; readonly servers: ServerLinks; readonly owners: PartitionOwners }) {
    this.#clock = options.clock;
    this.#servers = options.servers;
    this.#owners = options.owners;
  }

  /** The server that owns the run of the attempt, if it is linked. */
  ownerOf(a: string): KnownServer | undefined {
    const owner = this.#owners.ownerOf(a);
    return owner === undefined ? undefined : this.#servers.of(owner);
  }

  tell(a: string, event: AttemptEvent): void {
    const server = this.ownerOf(a);
    if (!server?.events.push(event)) return;
    if (server.link && server.events.isFrameFull) server.events.flush(server.link);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushing || [...this.#servers.known()].every((server) => server.events.isEmpty)) return;
    this.#isFlushing = true;
    this.#clock.after(FLUSH_MS, () => {
      this.#isFlushing = false;
      for (const { events, link } of this.#servers.known()) if (link) events.flush(link);
      this.#flushSoon();
    });
  }
}
