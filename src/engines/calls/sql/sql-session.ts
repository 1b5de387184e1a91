/** What a database of any kind is asked for, and what it may answer. Implementations: the files beside this one. */
import type { SqlTls } from '../../../domain/work/sql.ts';
import type { Dialer } from '../../../outbound/dialer.ts';
import type { BoundValue, SqlRequest } from './sql-request.ts';
import type { SqlRows } from './sql-rows.ts';

/** Where a database is, and how it is to prove who it is. */
export interface DatabasePlace {
  readonly dialer: Dialer;
  readonly host: string;
  readonly port: number;
  readonly tls: SqlTls | undefined;
  /** It goes to whom `--call-allow` names alone, where nothing is encrypted. */
  readonly isSecret: boolean;
}

/** One connection that is logged in. Whatever rejects does so with a DroverError or a SqlFailure. */
export interface SqlSession {
  /**
   * From when on nobody but the database can tell whether a statement that writes is there for good: from that it is sent, where
   * statements may commit by themselves, or from that the commit is.
   */
  readonly inDoubtFrom: 'statement' | 'commit';
  /** Opens the transaction. `timeoutMs`: the database ends the statement by itself some time after that, where it can. */
  begin(mode: SqlRequest['mode'], timeoutMs: number): Promise<void>;
  /**
   * Carries the statement out. Of one that reads, no more rows are fetched than are kept. `keep` is called when there are lines to
   * be kept, and what it returns waited for. @returns rows that were changed, where it has no rows of its own.
   */
  run(statement: string, values: readonly BoundValue[], rows: SqlRows, keep: () => Promise<void>): Promise<number>;
  commit(): Promise<void>;
  /** Has the database end what it is about, over another connection to the very same place. Never rejects, and gives up by itself. */
  cancel(): Promise<void>;
  close(): void;
}

export interface SqlLogin {
  readonly place: DatabasePlace;
  readonly request: SqlRequest;
  readonly signal: AbortSignal;
  /** What the database says beside its rows. */
  onNotice(text: string): void;
}

/** The database has said no. What it says is for the output, which is masked, and for no record. */
export class SqlFailure extends Error {
  /** `23505`, or undefined where it is none. */
  readonly sqlState: string | undefined;
  /** Whether this says for certain that nothing was committed. */
  readonly isCertain: boolean;

  constructor(words: string, { sqlState, isCertain }: { sqlState: unknown; isCertain: boolean }) {
    super(words);
    this.sqlState = typeof sqlState === 'string' && /^[0-9A-Z]{5}$/.test(sqlState) ? sqlState : undefined;
    this.isCertain = isCertain;
  }
}

/** The very machine that was dialled, whatever its name says meanwhile. */
export function samePlace(place: DatabasePlace, address: string | undefined): DatabasePlace {
  if (address === undefined) return place;
  const family = address.includes(':') ? 6 : 4;
  const lookup: Dialer['lookup'] = (_host, _options, done) => done(null, [{ address, family }]);
  return { ...place, dialer: { ...place.dialer, lookup } };
}
