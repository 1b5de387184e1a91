/**
 * The database's wall clock, which all servers share: instants that one server writes and another reads or compares are
 * of one clock, however wrong the machines' own are. Read every few seconds, along with what is asked anyway where that
 * is, and counted on by the monotonic clock, so that a jump of this machine's clock changes nothing. Certificates are
 * not its business: TLS goes by the machine's clock.
 */
import type { Clock } from '../../base/clock.ts';
import type { Executor } from './pool.ts';

const READ_EVERY_MS = 5_000;

export class DatabaseClock implements Clock {
  readonly #clock: Clock;
  readonly #db: Executor;
  /** Database's time less ours, by the monotonic clock. */
  #aheadMs = 0;
  #readAt = 0;
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
      () => {
        const isFresh = this.#clock.monotonicMs() - this.#readAt < READ_EVERY_MS;
        void (isFresh ? Promise.resolve() : this.#read().catch(() => undefined)).then(() => this.#schedule());
      },
      { unref: true },
    );
  }

  /** Called before a statement is sent; the answer is given what the database's clock said in it. */
  reading(): (nowMs: number) => void {
    const before = this.#clock.monotonicMs();
    return (nowMs) => {
      this.#readAt = this.#clock.monotonicMs();
      this.#aheadMs = nowMs - (before + this.#readAt) / 2;
    };
  }

  async #read(): Promise<void> {
    const heard = this.reading();
    const { rows } = await this.#db.query<{ now_ms: number }>({
      name: 'database-clock',
      text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms',
    });
    heard(rows[0]!.now_ms);
  }
}
