/**
 * What others must see after a restart: which hosts are there, and what they say of themselves. Written to the store in batches; what
 * could not be written is written later, and an older observation never overwrites a newer one.
 */
import { isUuid, type AgentId, type HostId, type WorkerId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { writeApart } from '../base/write-apart.ts';
import type { Store } from '../store/contract/store.ts';

export interface PresenceRecordOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The hosts that the worker holds now. */
  readonly heldBy: (workerId: WorkerId) => readonly HostId[];
}

const FLUSH_MS = 200;
const BATCH_MAX = 2_000;

export class PresenceRecord {
  readonly #options: PresenceRecordOptions;
  #presence: Parameters<Store['hostPresenceWrite']>[0][number][] = [];
  /** The last of each host: however often one tells of itself, it is written once. */
  readonly #facts = new Map<string, Parameters<Store['hostFactsWrite']>[0][number]>();
  /** Workers whose rows are to be held against what they hold, and since when that is true. */
  readonly #reconcile = new Map<WorkerId, number>();
  #scheduled = false;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: PresenceRecordOptions) {
    this.#options = options;
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#flushing;
    await this.#flush();
  }

  /** As observed now, by this server's clock: a worker's own is for display alone. */
  presence(change: Omit<Parameters<Store['hostPresenceWrite']>[0][number], 'atMs'>): void {
    this.#presence.push({ ...change, atMs: this.#options.clock.nowMs() });
    this.#schedule();
  }

  /** Facts are whatever a host says; they are written together with those of others, so what the database would refuse stays out. */
  facts(hostId: string, agentId: string, version: string, facts: Record<string, unknown>): void {
    const storable = storableFacts(facts);
    if (!storable || !isUuid(hostId) || !isUuid(agentId))
      return this.#options.log.warn({ hostId, agentId }, 'facts that cannot be kept were passed over');
    this.#facts.set(hostId, {
      hostId: hostId as HostId,
      agentId: agentId as AgentId,
      version: version.slice(0, 100).replaceAll('\0', ''),
      facts: storable,
    });
    this.#schedule();
  }

  /** The worker has told everything that it holds; what left it while nobody was there to note it has left before `atMs`. */
  reconcile(workerId: WorkerId, atMs: number): void {
    this.#reconcile.set(workerId, atMs);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.clock.after(
      FLUSH_MS,
      () => {
        this.#scheduled = false;
        this.#flushing = this.#flushing.then(() => this.#flush());
      },
      { unref: true },
    );
  }

  async #flush(): Promise<void> {
    const { store, log, heldBy } = this.#options;
    while (this.#presence.length > 0 || this.#facts.size > 0 || this.#reconcile.size > 0) {
      const presence = this.#presence.splice(0, BATCH_MAX);
      const facts = [...this.#facts.values()].slice(0, BATCH_MAX);
      for (const { hostId } of facts) this.#facts.delete(hostId);
      try {
        const refused = [
          ...(await writeApart(presence, (batch) => store.hostPresenceWrite(batch))),
          ...(await writeApart(facts, (batch) => store.hostFactsWrite(batch))),
          ...(await writeApart([...this.#reconcile], async (batch) => {
            for (const [workerId, atMs] of batch)
              await store.hostPresenceReconcile({ workerId, atMs, linked: heldBy(workerId) });
            for (const [workerId, atMs] of batch)
              if (this.#reconcile.get(workerId) === atMs) this.#reconcile.delete(workerId);
          })),
        ];
        for (const { item, error } of refused) {
          if (Array.isArray(item)) this.#reconcile.delete(item[0]);
          log.warn(
            { of: Array.isArray(item) ? item[0] : item.hostId, err: error },
            'what is told of a host cannot be kept, and was passed over',
          );
        }
      } catch (error) {
        log.warn({ err: error }, 'presence of hosts could not be written; it will be again');
        this.#presence.unshift(...presence);
        for (const known of facts) if (!this.#facts.has(known.hostId)) this.#facts.set(known.hostId, known);
        this.#schedule();
        return;
      }
    }
  }
}

const FACTS_BYTES_MAX = 64 * 1024;

/** As JSON that PostgreSQL takes: no NUL, no half of a surrogate pair, no number that JSON has not, and of a bounded size. */
function storableFacts(facts: Record<string, unknown>): Record<string, unknown> | undefined {
  try {
    const text = JSON.stringify(facts, (_key, value: unknown) =>
      typeof value === 'bigint'
        ? Number(value)
        : typeof value === 'string'
          ? value.replaceAll('\0', '').toWellFormed()
          : value,
    );
    return text.length > FACTS_BYTES_MAX || text.includes('\\u0000')
      ? undefined
      : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
