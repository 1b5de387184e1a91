/**
 * LISTEN/NOTIFY as a hint and nothing more: coalesced on the way out, on a connection of its own on the way in. Whoever
 * listens finds its work without it; `onGap` says that hints may have been missed.
 */
import { fullJitterMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import type { HintTopic } from '../contract/hint.ts';
import { PatientClient } from './patient-client.ts';
import type { Pool } from './pool.ts';

const COALESCE_MS = 10;
interface Listener {
  topic: HintTopic;
  onHint: (payload: string) => void;
  onGap: () => void;
}

export class Hints {
  readonly #pool: Pool;
  readonly #url: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<Listener>();
  readonly #pending = new Map<string, { topic: HintTopic; payload: string }>();
  #client: PatientClient | undefined;
  #flushing = false;
  #closed = false;
  #attempt = 0;

  constructor(options: { pool: Pool; url: string; clock: Clock; log: Log }) {
    this.#pool = options.pool;
    this.#url = options.url;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  notify(topic: HintTopic, payload: string): void {
    this.#pending.set(`${topic} ${payload}`, { topic, payload });
    if (this.#flushing || this.#closed) return;
    this.#flushing = true;
    this.#clock.after(COALESCE_MS, () => void this.#flush(), { unref: true });
  }

  listen(topic: HintTopic, onHint: (payload: string) => void, onGap: () => void): () => void {
    const listener = { topic, onHint, onGap };
    this.#listeners.add(listener);
    if (this.#client === undefined && !this.#closed) void this.#connect();
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.end().catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const hints = [...this.#pending.values()];
    this.#pending.clear();
    this.#flushing = false;
    try {
      await this.#pool.query({
        name: 'notify',
        text: "SELECT pg_notify('drover_' || topic, payload) FROM unnest($1::text[], $2::text[]) AS hint(topic, payload)",
        values: [hints.map((h) => h.topic), hints.map((h) => h.payload)],
      });
    } catch {
      // A lost hint costs latency, never work.
    }
  }

  async #connect(): Promise<void> {
    const client = new PatientClient({
      connectionString: this.#url,
      application_name: 'drover-hints',
      keepAlive: true,
    });
    this.#client = client;
    const onLost = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      if (this.#closed) return;
      this.#clock.after(fullJitterMs(this.#attempt++, 100, 5_000, systemRandom), () => void this.#connect(), {
        unref: true,
      });
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#listeners)
        if (channel === `drover_${listener.topic}`) listener.onHint(payload ?? '');
    });
    try {
      await client.connect();
      await client.query('LISTEN drover_run; LISTEN drover_progress; LISTEN drover_fleet; LISTEN drover_hosts');
      if (this.#attempt > 0) this.#log.info({}, 'listening for hints again');
      this.#attempt = 0;
      for (const listener of this.#listeners) listener.onGap();
    } catch {
      client.end().catch(() => undefined);
      onLost();
    }
  }
}
