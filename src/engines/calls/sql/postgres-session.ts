/**
 * A connection to PostgreSQL, over the extended protocol: one statement, whose values are bound to it, and its rows in
 * portions. Nothing of the worker's environment has a say in it (PGPASSWORD, PGOPTIONS, ~/.pgpass).
 */
import type { Connection, Submittable } from 'pg';
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';
import { openPostgres } from './database-dial.ts';
import type { DatabaseStream } from './database-stream.ts';
import type { BoundValue } from './sql-request.ts';
import { SqlFailure, samePlace, type DatabasePlace, type SqlLogin, type SqlSession } from './sql-session.ts';
import { PostgresStatement } from './postgres-statement.ts';
import type { SqlRows } from './sql-rows.ts';

/** After its own deadline, so that whoever ends it in time is this worker. */
const BY_ITSELF_MS = 10_000;

/** Rejects with a DroverError, or with a SqlFailure where it does not let us in. */
export async function loginPostgres({ place, request, signal, onNotice }: SqlLogin): Promise<SqlSession> {
  const { default: pg } = await import('pg');
  const { stream, address } = await openPostgres(place, signal);
  const { user, database } = request.address;
  let isAsked = false;
  const client = new pg.Client({
    user,
    database,
    host: place.host,
    port: place.port,
    // A function: so no file of passwords is looked for.
    password: () => {
      isAsked = true;
      return request.password;
    },
    ssl: false,
    sslnegotiation: 'postgres',
    stream: () => stream,
  }) as ClientInside;
  client.getStartupConf = () => ({ user, database, application_name: 'drover' });
  const { connection } = client;
  const isProved = place.tls?.isInClear !== true && place.tls?.isUnproved !== true;
  if (!isProved) {
    connection.removeAllListeners('authenticationCleartextPassword');
    connection.on('authenticationCleartextPassword', () => void stream.destroy(passwordInClear()));
  }
  let broken: Error | undefined;
  const failed = (error: Error): void => void (broken ??= error);
  client.on('error', failed);
  stream.on('error', failed);
  client.on('notice', ({ severity, message }) => onNotice(`${severity ?? 'NOTICE'}: ${message ?? ''}`));
  const told = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw faultOf(error, broken);
    });
  const cut = (): void => void stream.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    await told(client.connect());
  } catch (error) {
    stream.destroy();
    throw isAsked && request.password === '' ? noPassword() : error;
  } finally {
    signal.removeEventListener('abort', cut);
  }
  return new PostgresSession({ client, place: samePlace(place, address), told, stream });
}

/** What of the client is not in its types. */
type ClientInside = import('pg').Client & {
  connection: Connection;
  getStartupConf: () => Record<string, string>;
  readonly processID: number | null;
  readonly secretKey: number | null;
};

interface Opened {
  readonly client: ClientInside;
  readonly place: DatabasePlace;
  readonly told: <T>(work: Promise<T>) => Promise<T>;
  readonly stream: DatabaseStream;
}

class PostgresSession implements SqlSession {
  readonly inDoubtFrom = 'commit';
  readonly #opened: Opened;
  #isReading = true;

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  async begin(mode: 'read' | 'write', timeoutMs: number): Promise<void> {
    const { client, told } = this.#opened;
    this.#isReading = mode === 'read';
    const endsByItself = Math.min(2 ** 31 - 1, Math.ceil(timeoutMs) + BY_ITSELF_MS);
    await told(client.query(`BEGIN READ ${mode === 'read' ? 'ONLY' : 'WRITE'}`));
    await told(client.query(`SET LOCAL statement_timeout = ${endsByItself}`));
  }

  async run(text: string, values: readonly BoundValue[], rows: SqlRows, keep: () => Promise<void>): Promise<number> {
    const { client, told } = this.#opened;
    const statement = new PostgresStatement({
      text,
      values: values.map((value) => (value === null ? null : value.text)),
      rows,
      keep,
      isReading: this.#isReading,
    });
    client.query<Submittable>(statement);
    return told(statement.ended);
  }

  async commit(): Promise<void> {
    const { client, told } = this.#opened;
    const { command } = await told(client.query('COMMIT'));
    if (command !== 'COMMIT')
      throw new SqlFailure('The database has rolled it back.', { sqlState: undefined, isCertain: true });
  }

  async cancel(): Promise<void> {
    const { client, place } = this.#opened;
    const { processID, secretKey } = client;
    if (processID === null || secretKey === null) return;
    const ending = new AbortController();
    const stop = place.dialer.clock.after(callLimits.callEndMsMax, () => ending.abort());
    try {
      const { stream } = await openPostgres(place, ending.signal);
      await new Promise<void>((resolve) => {
        stream.on('close', resolve).on('error', () => undefined);
        stream.resume();
        ending.signal.addEventListener('abort', () => stream.destroy(), { once: true });
        stream.write(cancelRequest(processID, secretKey));
      });
    } catch {
      // Whoever is not reached for this is not reached for more: the database ends the statement by itself in the end.
    } finally {
      stop();
    }
  }

  close(): void {
    const { client, stream } = this.#opened;
    if (stream.destroyed) return;
    // Says good-bye, so that the database rolls back what is open at once, and waits for nothing.
    stream.once('finish', () => stream.destroy());
    void client.end().catch(() => undefined);
    this.#opened.place.dialer.clock.after(callLimits.callEndMsMax, () => stream.destroy(), { unref: true });
  }
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, CancelRequest */
function cancelRequest(processId: number, secretKey: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32BE(16, 0);
  bytes.writeInt32BE(80_877_102, 4);
  bytes.writeInt32BE(processId, 8);
  bytes.writeInt32BE(secretKey, 12);
  return bytes;
}

/** Classes of errors that come with a connection or a server that ends: what became of a commit they do not tell. */
const DOUBTFUL = /^(?:08|57|58|53|XX|40003)/;

function faultOf(error: unknown, broken: Error | undefined): Error {
  if (broken instanceof DroverError) return broken;
  if (error instanceof DroverError || error instanceof SqlFailure) return error;
  const said = error as { severity?: unknown; code?: unknown; message?: unknown; detail?: unknown; hint?: unknown };
  if (typeof said.severity === 'string' && typeof said.code === 'string') {
    const more = [said.detail, said.hint].filter((one) => typeof one === 'string' && one !== '');
    return new SqlFailure([`${said.severity} ${said.code}: ${String(said.message)}`, ...more].join('\n'), {
      sqlState: said.code,
      isCertain: !DOUBTFUL.test(said.code),
    });
  }
  return new DroverError('call-broken', {
    detail:
      'The connection to the database ended before its answer, or what answers does not speak as PostgreSQL does.',
    cause: broken ?? error,
  });
}

function noPassword(): DroverError {
  return new DroverError('sql-failed', {
    detail: 'The database asks for a password, and the step has none: password: ${{ secrets.NAME }}.',
  });
}

function passwordInClear(): DroverError {
  return new DroverError('call-not-allowed', {
    detail:
      'The database asks for the password in clear, which is given to nobody but over TLS that is proved. Have it ask ' +
      'as scram-sha-256 does (pg_hba.conf), or leave out in_clear and insecure.',
  });
}
