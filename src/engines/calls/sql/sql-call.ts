/**
 * Gives a database one statement and takes in what comes of it. What reads is in a transaction that only reads and is
 * never committed; what writes is committed when all of it has been carried out.
 */
import { callLimits } from '../../../base/call-limits.ts';
import { DroverError } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import type { SqlDialect, SqlWork } from '../../../domain/work/sql.ts';
import type { Call, CallEnd } from '../call-kind.ts';
import { CALL_WORDS } from '../call-words.ts';
import { loginPostgres } from './postgres-session.ts';
import { sqlRequestOf } from './sql-request.ts';
import { SqlRows } from './sql-rows.ts';
import { SqlFailure, type SqlLogin, type SqlSession } from './sql-session.ts';

const LOGINS: Readonly<Record<SqlDialect, (login: SqlLogin) => Promise<SqlSession>>> = {
  postgres: loginPostgres,
};

export async function callSql(call: Call<SqlWork>): Promise<CallEnd> {
  const { work, secrets, signal } = call;
  const request = sqlRequestOf(work, secrets);
  const { address, mode } = request;
  const place = {
    dialer: { ...call.reach, words: CALL_WORDS },
    host: address.host,
    port: address.port,
    tls: work.tls,
    isSecret: request.isSecret,
  };
  const notices = noticesOf(call);
  try {
    const session = await LOGINS[address.dialect]({ place, request, signal, onNotice: notices.take });
    if (signal.aborted) session.close();
    signal.throwIfAborted();
    call.begun(mode === 'read' ? 'Nothing was changed by it.' : 'Nothing of it was committed.');
    return await carriedOut(call, session, request);
  } catch (error) {
    if (!(error instanceof SqlFailure)) throw error;
    await call.output(2, Buffer.from(`${error.message}\n`));
    throw new DroverError('sql-failed', { detail: failureText(error), cause: error });
  } finally {
    await notices.end();
  }
}

async function carriedOut(
  call: Call<SqlWork>,
  session: SqlSession,
  { statement, values, mode }: ReturnType<typeof sqlRequestOf>,
): Promise<CallEnd> {
  const rows = new SqlRows(call.work);
  const keep = async (): Promise<void> => {
    const lines = rows.lines();
    if (lines.length > 0) await call.output(1, lines);
  };
  let isCommitting = false;
  const onEnding = (): void => {
    // A commit that is under way is no more to be stopped: its answer is waited for.
    if (!isCommitting) call.afterwards(session.cancel());
  };
  call.signal.addEventListener('abort', onEnding, { once: true });
  call.over.addEventListener('abort', () => session.close(), { once: true });
  try {
    await session.begin(mode, call.timeoutMs);
    if (mode === 'write') call.inDoubt(session.inDoubtFrom === 'statement');
    const changed = await session.run(statement, values, rows, keep);
    // One that may be committed already is not left in the middle.
    if (session.inDoubtFrom === 'commit') call.signal.throwIfAborted();
    if (mode === 'write') {
      isCommitting = true;
      call.inDoubt(true);
      await session.commit();
    }
    call.inDoubt(false);
    const seen = mode === 'read' ? rows.kept : rows.seen;
    const count = rows.hasColumns ? seen : changed;
    return {
      outcome: { kind: 'rows', rows: count },
      values: rows.values(count),
      ...given({ detail: rows.remark }),
    };
  } catch (error) {
    if (error instanceof SqlFailure && error.isCertain) call.inDoubt(false);
    throw error;
  } finally {
    // What has ended by itself is not to be ended.
    call.signal.removeEventListener('abort', onEnding);
    session.close();
  }
}

/** What a database says beside its rows goes to stderr, a line each, in order and as far as lines are taken. */
function noticesOf(call: Call<SqlWork>): { take(text: string): void; end(): Promise<void> } {
  let told = 0;
  let kept: Promise<void> = Promise.resolve();
  const write = (text: string): void => {
    kept = kept.then(() => call.output(2, Buffer.from(`${text}\n`)));
    // Told when all of them are waited for.
    kept.catch(() => undefined);
  };
  return {
    take(text) {
      told++;
      if (told <= callLimits.sqlNoticesMax) write(text);
    },
    async end() {
      if (told > callLimits.sqlNoticesMax) write(`And ${told - callLimits.sqlNoticesMax} more notices.`);
      await kept;
    },
  };
}

function failureText({ sqlState }: SqlFailure): string {
  const state = sqlState === undefined ? '' : ` with SQLSTATE ${sqlState}`;
  return `The database refused it${state}. Its words are in stderr.`;
}
