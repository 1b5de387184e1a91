/**
 * The database's wall clock, which all servers share: instants that one server writes and another reads or compares are of one clock, however
 * wrong the machines' own are. Read every few seconds and counted on by the monotonic clock, so that a jump of this machine's clock changes
 * nothing. Certificates are not its business: TLS goes by the machine's clock.
 */
import type { Clock } from '../../base/clock.ts';
import type { Executor } from './pool.ts';

const READ_EVERY_MS = 5_000;

export class DatabaseClock implements Clock {
  readonly #clock: Clock;
  readonly #db: Executor;
  /** Database's time less ours, by the monotonic clock. */
  #aheadMs = 0;
  #cancel = (): void => undefined;

  constructor(clock: Clock, db: Executor) {
    this.#clock = clock;
    this.#db = db;
  }

  /** Rejects when the database does not answer; later readings that fail leave the former one counting. */
  async start(): Promise<void> {
    await this.#read();
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  nowMs(): number {
    return Math.round(this.#clock.monotonicMs() + this.#aheadMs);
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void, options?: { unref?: boolean }): () => void {
    return this.#clock.after(delayMs, callback, options);
  }

  soon(callback: () => void): void {
    this.#clock.soon(callback);
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(
      READ_EVERY_MS,
      () =>
        void this.#read()
          .catch(() => undefined)
          .then(() => this.#schedule()),
      { unref: true },
    );
  }

  async #read(): Promise<void> {
    const before = this.#clock.monotonicMs();
    const { rows } = await this.#db.query<{ now_ms: number }>({
      name: 'database-clock',
      text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms',
    });
    this.#aheadMs = rows[0]!.now_ms - (before + this.#clock.monotonicMs()) / 2;
  }
}
