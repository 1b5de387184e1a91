/** Transactions whose statements go out together, and claims that wait for no disk: in order, all or nothing, and never without what begins them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { idempotencyClaimMany } from '../../src/store/postgres/idempotency.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await testDatabase();
  pool = new Pool({ url: database.url, log: silentLog, max: 2 });
  await pool.query('CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY, at int PRIMARY KEY)');
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});

const COUNT = 50;
const insert = (at: number) => ({ name: 'entry', text: 'INSERT INTO entry (at) VALUES ($1)', values: [at] });
const entries = async (): Promise<number[]> =>
  (await pool.query<{ at: number }>('SELECT at FROM entry ORDER BY id')).rows.map(({ at }) => at);

describe('statements of a transaction that are asked for at once', () => {
  it('are carried out in their order, each with its own answer', async () => {
    const numbers = Array.from({ length: COUNT }, (_, at) => COUNT - at);
    const answers = await pool.transaction(async (tx) => {
      const [, ...seen] = await Promise.all([
        tx.query('SELECT 1'),
        ...numbers.flatMap((at) => [tx.query(insert(at)), tx.query<{ n: number }>('SELECT count(*) AS n FROM entry')]),
      ]);
      return seen.filter((_, i) => i % 2 === 1).map(({ rows: [row] }) => (row as { n: number }).n);
    });
    expect(answers).toEqual(numbers.map((_, i) => i + 1));
    expect(await entries()).toEqual(numbers);
    await pool.query('DELETE FROM entry');
  });

  it('are undone together where one fails, which is what is told, and the connection goes on', async () => {
    const failing = pool.transaction((tx) =>
      Promise.all([tx.query(insert(1)), tx.query(insert(1)), tx.query(insert(2)), tx.query('SELECT nothing')]),
    );
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await entries()).toEqual([]);
    await pool.transaction((tx) => tx.query(insert(3)));
    expect(await entries()).toEqual([3]);
    await pool.query('DELETE FROM entry');
  });

  it('write nothing where the transaction could not begin', async () => {
    const lost = new Pool({ url: database.url, log: silentLog, max: 1 });
    const { rows } = await lost.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const holding = lost.transaction(async (tx) => {
      await tx.query('SELECT 1');
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
      await tx.query(insert(4));
    });
    await expect(holding).rejects.toMatchObject({ code: 'database-unavailable' });
    expect(await entries()).toEqual([]);
    await lost.transaction((tx) => tx.query(insert(5)));
    expect(await entries()).toEqual([5]);
    await lost.close();
  });
});

describe('a claim of an idempotency key', () => {
  it('is committed without waiting for the disk, and what is committed after it waits for both', async () => {
    const url = `${database.url}?options=-c%20synchronous_commit%3Don`;
    const single = new Pool({ url, log: silentLog, max: 1 });
    try {
      const setting = async (): Promise<string> =>
        (await single.query<{ setting: string }>("SELECT current_setting('synchronous_commit') AS setting")).rows[0]!
          .setting;
      const before = await setting();
      const claim = { principal: 'p', key: 'k', requestHash: Buffer.alloc(32) };
      await expect(idempotencyClaimMany(single, [claim], systemClock.nowMs())).resolves.toEqual([{ kind: 'claimed' }]);
      // For that statement alone: the same connection commits what comes next as ever.
      expect([before, await setting()]).toEqual(['on', 'on']);
      const during = await single.transaction(async (tx) => {
        await idempotencyClaimMany(tx, [{ ...claim, key: 'within' }], systemClock.nowMs());
        return (await tx.query<{ setting: string }>("SELECT current_setting('synchronous_commit') AS setting")).rows[0];
      });
      expect(during).toEqual({ setting: 'off' });
      expect(await setting()).toBe('on');
    } finally {
      await single.close();
    }
  });
});
