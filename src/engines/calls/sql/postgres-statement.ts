/**
 * One statement for PostgreSQL as the driver carries it: parsed, bound and described at once, its rows fetched in
 * portions, of which the next is asked for when this one is kept.
 */
import type { Connection, Submittable } from 'pg';
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';
import { SqlFailure } from './sql-session.ts';
import { jsonCell, numberCell, type SqlCell, type SqlRows } from './sql-rows.ts';

interface Told {
  readonly text: string;
  readonly values: readonly (string | null)[];
  readonly rows: SqlRows;
  readonly keep: () => Promise<void>;
  /** It only reads: rows that are not kept are of no use to anybody. */
  readonly isReading: boolean;
}

/** What the driver's types leave out. */
interface Wire {
  parse(said: { text: string; name: string; types: readonly number[] }): void;
  bind(said: { portal: string; statement: string; values: readonly (string | null)[] }): void;
  describe(said: { type: 'P'; name: string }): void;
  execute(said: { portal: string; rows: number }): void;
  flush(): void;
  sync(): void;
  sendCopyFail(why: string): void;
  once(event: 'copyOutResponse', listener: () => void): void;
  readonly stream: { destroy(error?: Error): void };
}

type Field = { readonly name: string; readonly dataTypeID: number };

/** Numbers of the catalogue, which never change. */
const NUMBERS: readonly number[] = [20, 21, 23, 26, 700, 701, 1700];
const BOOL = 16;
const JSONS: readonly number[] = [114, 3802];

export class PostgresStatement implements Submittable {
  readonly #told: Told;
  readonly #done = Promise.withResolvers<number>();
  #kinds: readonly ('number' | 'bool' | 'json' | 'text')[] = [];
  #changed = 0;
  #isOver = false;
  /** Whether the database still owes an answer to what it was told last. Who answers unasked would have us answer without end. */
  #isAsked = false;
  #hasCopied = false;

  constructor(told: Told) {
    this.#told = told;
    this.#done.promise.catch(() => undefined);
  }

  /** Rows that were changed, where it has none of its own. */
  get ended(): Promise<number> {
    return this.#done.promise;
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    const { text, values, rows } = this.#told;
    wire.once('copyOutResponse', () => wire.stream.destroy(copyOut()));
    wire.parse({ text, name: '', types: [] });
    wire.bind({ portal: '', statement: '', values });
    wire.describe({ type: 'P', name: '' });
    this.#execute(wire, rows.portion);
  }

  #execute(wire: Wire, portion: number): void {
    this.#isAsked = true;
    wire.execute({ portal: '', rows: portion });
    wire.flush();
  }

  /** False where nothing was asked: then it is heard no more. */
  #answers(connection: Connection): boolean {
    if (!this.#isAsked) (connection as unknown as Wire).stream.destroy(unasked());
    const isAnswer = this.#isAsked;
    this.#isAsked = false;
    return isAnswer;
  }

  handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    if (!this.#told.rows.columns(fields.map(({ name }) => name))) return this.#fail(tooManyColumns());
    this.#kinds = fields.map(({ dataTypeID: type }) =>
      NUMBERS.includes(type) ? 'number' : type === BOOL ? 'bool' : JSONS.includes(type) ? 'json' : 'text',
    );
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    if (this.#isOver) return;
    const { rows } = this.#told;
    const length = fields.reduce((sum, text) => sum + (text?.length ?? 0), 0);
    if (rows.takes(length)) rows.row(fields.map((text, at) => this.#cell(text, at)));
    else rows.pass();
  }

  #cell(text: string | null, at: number): SqlCell {
    if (text === null) return null;
    switch (this.#kinds[at]) {
      case 'number':
        return numberCell(text);
      case 'bool':
        return { text: text === 't' ? 'true' : 'false', isJson: true };
      case 'json':
        return jsonCell(text);
      default:
        return { text };
    }
  }

  handlePortalSuspended(connection: Connection): void {
    const { rows, keep, isReading } = this.#told;
    if (!this.#answers(connection)) return;
    keep().then(
      () => {
        if (rows.isCut && isReading) return this.#end(0);
        this.#execute(connection as unknown as Wire, rows.portion);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  handleCommandComplete({ text }: { readonly text: string }, connection: Connection): void {
    if (!this.#answers(connection)) return;
    this.#changed = Number(/ (\d{1,15})$/.exec(text)?.[1] ?? 0);
    (connection as unknown as Wire).sync();
  }

  handleEmptyQuery(connection: Connection): void {
    if (!this.#answers(connection)) return;
    (connection as unknown as Wire).sync();
  }

  handleReadyForQuery(): void {
    this.#told.keep().then(
      () => this.#end(this.#changed),
      (error: unknown) => this.#fail(error),
    );
  }

  handleError(error: Error, connection: Connection): void {
    this.#fail(error);
    if (!this.#answers(connection)) return;
    (connection as unknown as Wire).sync();
  }

  handleCopyInResponse(connection: Connection): void {
    if (this.#hasCopied) return void (connection as unknown as Wire).stream.destroy(unasked());
    this.#hasCopied = true;
    (connection as unknown as Wire).sendCopyFail('a call has no rows to copy in');
  }

  handleCopyData(): void {}

  #end(changed: number): void {
    this.#isOver = true;
    this.#done.resolve(changed);
  }

  #fail(error: unknown): void {
    this.#isOver = true;
    this.#done.reject(error);
  }
}

function unasked(): DroverError {
  return new DroverError('call-broken', {
    detail: 'The database has answered what it was not asked, so it does not speak as PostgreSQL does.',
  });
}

function copyOut(): DroverError {
  return new DroverError('bad-input', { detail: 'COPY … TO STDOUT is no statement of a call: select the rows.' });
}

function tooManyColumns(): SqlFailure {
  return new SqlFailure(`The result has more than ${callLimits.sqlColumnsMax} columns.`, {
    sqlState: undefined,
    isCertain: true,
  });
}
