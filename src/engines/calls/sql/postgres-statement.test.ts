/** A database that answers more often than it is asked is not answered in turn. */
import type { Connection } from 'pg';
import { expect, it } from 'vitest';
import { PostgresStatement } from './postgres-statement.ts';
import { SqlRows } from './sql-rows.ts';

function begun(): { statement: PostgresStatement; connection: Connection; said: string[]; ends: Error[] } {
  const [said, ends]: [string[], Error[]] = [[], []];
  const say = (what: string) => (): void => void said.push(what);
  const connection = {
    ...{ parse: say('parse'), bind: say('bind'), describe: say('describe'), execute: say('execute') },
    ...{ flush: () => undefined, sync: say('sync'), sendCopyFail: say('copy fail'), once: () => undefined },
    stream: { destroy: (error: Error) => void ends.push(error) },
  } as unknown as Connection;
  const rows = new SqlRows({ rowsMax: 9, extract: {}, extractAll: {} });
  const statement = new PostgresStatement({ text: '', values: [], rows, keep: async () => undefined, isReading: true });
  statement.submit(connection);
  said.length = 0;
  return { statement, connection, said, ends };
}

it('asks for more once for each portion, and hears no other', async () => {
  const { statement, connection, said, ends } = begun();
  statement.handlePortalSuspended(connection);
  await Promise.resolve();
  await Promise.resolve();
  expect([said, ends]).toEqual([['execute'], []]);
  statement.handlePortalSuspended(connection);
  statement.handlePortalSuspended(connection);
  expect(ends).toMatchObject([{ code: 'call-broken' }]);
});

it('ends once, with an answer, an error or nothing', () => {
  for (const end of ['handleCommandComplete', 'handleEmptyQuery', 'handleError'] as const) {
    const { statement, connection, said, ends } = begun();
    const told = end === 'handleEmptyQuery' ? [connection] : [{ text: 'SELECT 1', message: 'no' }, connection];
    const hear = statement[end] as (...words: unknown[]) => void;
    for (let n = 0; n < 3; n++) hear.apply(statement, told);
    expect([end, said, ends.length]).toEqual([end, ['sync'], 2]);
  }
});

it('refuses to copy in once', () => {
  const { statement, connection, said, ends } = begun();
  for (let n = 0; n < 3; n++) statement.handleCopyInResponse(connection);
  expect([said, ends.length]).toEqual([['copy fail'], 2]);
});
