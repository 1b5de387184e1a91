/**
 * Connections to PostgreSQL. The one place that knows what a lost database looks like: every call that fails for that
 * reason becomes `database-unavailable`, and a dying pool never ends the process.
 */
import pg from 'pg';
import { assert } from '../../base/assert.ts';
import { DroverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { PatientClient } from './patient-client.ts';

// int8 as number: our counters and instants stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export type Row = Record<string, unknown>;
export interface Query {
  text: string;
  name?: string;
  values?: unknown[];
}
export interface Executor {
  /** Of several that are asked for at once each is carried out after the one before; in a transaction none after one that failed. */
  query<T = Row>(query: string | Query, values?: unknown[]): Promise<{ rows: T[]; rowCount: number }>;
  /** The key that the audit is chained under; throws as long as nobody has given it. */
  readonly auditKey: Uint8Array;
}

/** SQLSTATE classes and socket errors after which the same call may work on another connection. */
const AWAY = /^(08|57P0|53300|25006|25P03|ECONN|EPIPE|ENOENT|ETIMEDOUT|EAI_AGAIN|ENOTFOUND)/;

function isDatabaseAway(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && AWAY.test(code)) return true;
  return (
    typeof message === 'string' &&
    /Connection terminated|timeout exceeded when trying to connect|not queryable|Client was closed|Query read timeout/i.test(
      message,
    )
  );
}

/** SQLSTATE of a disk, or a quota, that is full. */
const FULL = '53100';
const RETRY_WHEN_FULL_S = 10;

/** What a database threw that is lost, absent or full, as our own error; anything else as it is. */
export function translateDatabaseError(error: unknown, onFull: () => void = () => undefined): unknown {
  if ((error as { code?: unknown } | undefined)?.code === FULL) {
    onFull();
    return new DroverError('database-full', {
      detail:
        'PostgreSQL has no space left to write; nothing of this was done. Reading works, and what runs goes on. ' +
        'Make room where PostgreSQL keeps its data; nothing has to be restarted.',
      retryAfterS: RETRY_WHEN_FULL_S,
      cause: error,
    });
  }
  return isDatabaseAway(error)
    ? new DroverError('database-unavailable', {
        detail: 'PostgreSQL does not answer; the call may be repeated.',
        cause: error,
      })
    : error;
}

/**
 * Whether the database refused what was to be written, not the writing: a value that no column holds, a broken
 * constraint. It would again.
 */
export function isDataRefused(error: unknown): error is Error {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof Error && typeof code === 'string' && /^2[23]/.test(code);
}

const VICTIM_TRIES = 5;

export interface PoolOptions {
  readonly url: string;
  readonly log: Log;
  readonly max?: number;
  /** Told of each write that was refused for want of space. */
  readonly onFull?: () => void;
}

export class Pool implements Executor {
  readonly #pool: pg.Pool;
  readonly #onFull: () => void;
  #auditKey: Uint8Array | undefined;
  readonly #places: Places;

  constructor(options: PoolOptions) {
    const max = options.max ?? limits.requestConnectionsMax;
    this.#places = new Places(max);
    this.#onFull = options.onFull ?? (() => undefined);
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max,
      Client: PatientClient,
      // Statements that need not know each other's answers go out together, and are carried out one after the other.
      pipeline: true,
      // A login costs both sides more than a minute of keeping the connection.
      idleTimeoutMillis: 60_000,
      statement_timeout: 60_000,
      query_timeout: 65_000,
      // A server that is stopped in the middle of a transaction holds its partitions' rows; they must come free with its lease.
      idle_in_transaction_session_timeout: limits.serverLeaseMs,
      application_name: 'drover',
    });
    this.#pool.on('error', (error) => options.log.warn({ err: error.message }, 'a database connection was lost'));
  }

  get auditKey(): Uint8Array {
    assert(this.#auditKey !== undefined, 'the key of the audit is given before anything is audited');
    return this.#auditKey;
  }

  set auditKey(key: Uint8Array) {
    this.#auditKey = key;
  }

  async query<T = Row>(query: string | Query, values?: unknown[]): Promise<{ rows: T[]; rowCount: number }> {
    await this.#places.take();
    try {
      const result = typeof query === 'string' ? await this.#pool.query(query, values) : await this.#pool.query(query);
      return { rows: result.rows as T[], rowCount: result.rowCount ?? 0 };
    } catch (error) {
      throw translateDatabaseError(error, this.#onFull);
    } finally {
      this.#places.give();
    }
  }

  /**
   * Commits when `work` resolves; rolls back and rethrows when it throws. PostgreSQL's own victims of a deadlock or of
   * serialisation had no effect, so they are tried again.
   */
  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      await this.#places.take();
      try {
        return await this.#transactionOnce(work);
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        if (tries >= VICTIM_TRIES || (code !== '40P01' && code !== '40001')) throw error;
      } finally {
        this.#places.give();
      }
    }
  }

  async #transactionOnce<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw translateDatabaseError(error, this.#onFull);
    }
    const pool = this;
    let begun: Promise<unknown> | undefined;
    let isFirst = true;
    const executor: Executor = {
      get auditKey() {
        return pool.auditKey;
      },
      async query<R>(query: string | Query, values?: unknown[]) {
        // The first goes out right behind it where it only reads: were there no transaction after all, it would have done nothing.
        const isBehind = isFirst && /^\s*SELECT\b/i.test(typeof query === 'string' ? query : query.text);
        isFirst = false;
        if (begun && !isBehind) await begun;
        const result = typeof query === 'string' ? await client.query(query, values) : await client.query(query);
        return { rows: result.rows as R[], rowCount: result.rowCount ?? 0 };
      },
    };
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      begun = client.query('BEGIN').then(() => (begun = undefined));
      begun.catch(() => undefined);
      const value = await work(executor);
      await begun;
      await client.query('COMMIT');
      return value;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure;
      });
      throw translateDatabaseError(error, this.#onFull);
    } finally {
      client.removeListener('error', onError);
      client.release(broken ?? false);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** Connections of a pool, given out in the order in which they are asked for; whoever waits gets one. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
