/** Work goes with its day, when nothing of that day refers to it any more: also not what is being written at that very moment. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId, newRunId, runIdFloor, type RunId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import type { NewRun } from '../../src/store/contract/run.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { actor, audit, spec } from '../conformance/store-world.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;
const KEEP = { runsKeptMs: 90 * DAY_MS, aheadDays: 1 };

let database: TestDatabase;
let store: Store;
beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

function create(
  id: RunId,
  { claim, targets = [] }: { claim?: { principal: string; key: string }; targets?: NewRun['subjects'][number] } = {},
): Promise<unknown> {
  const [name, reason, targetExpression] = ['old', '', 'all'];
  const partition = partitionOf(id);
  return store.runCreate(
    { id, partition, name, reason, createdBy: actor, targetExpression, ...oneTask(spec, targets), ...given({ claim }) },
    audit,
  );
}

const over = (id: RunId): Promise<unknown> => database.query('DELETE FROM run_active WHERE run_id = $1', [id]);

const isWorkWaitedFor = async (): Promise<boolean> =>
  (await database.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation::regclass::text LIKE 'work%'")).length >
  0;

describe('work of a day that is beyond retention', () => {
  it.each([
    ['has no partition', 300, false],
    // Of a maintenance that came no further than this.
    ['has one still', 301, true],
  ])('stays for a run that is written while the day goes, where the day %s', async (_what, daysAgo, hasPartition) => {
    const day = Math.floor(systemClock.nowMs() / DAY_MS) - daysAgo;
    const [from, to] = [runIdFloor(day * DAY_MS), runIdFloor((day + 1) * DAY_MS)];
    const works = async (): Promise<number> =>
      (await database.query('SELECT 1 FROM work WHERE day >= $1 AND day < $2', [from, to])).length;
    if (hasPartition)
      await database.query(
        `CREATE TABLE work_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')} PARTITION OF work FOR VALUES FROM ('${from}') TO ('${to}')`,
      );
    const before = newRunId(day * DAY_MS + 1_000);
    await create(before);
    await over(before);
    // The last statement of the writing waits for a row that somebody holds.
    const claim = { principal: 'p', key: `held-${daysAgo}` };
    await store.idempotencyClaim(claim.key, claim.principal, Buffer.alloc(32));
    const held = await database.hold(`SELECT 1 FROM idempotency WHERE key = '${claim.key}' FOR UPDATE`);
    const id = newRunId(day * DAY_MS + 2_000);
    const written = create(id, { claim });
    await until(
      'the run to be written but for its end',
      async () =>
        (
          await database.query(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE idempotency%'",
          )
        ).length > 0,
    );
    let isOver = false;
    const going = store.maintain(KEEP).finally(() => (isOver = true));
    // It gives up after a second, which is as well.
    await until('the day to wait for the run', async () => isOver || (await isWorkWaitedFor()));
    await held.release();
    await Promise.all([written, going]);
    expect(await store.runFetch(before)).toBeUndefined();
    expect((await store.runFetch(id))?.tasks?.[0]!.spec).toEqual(spec);
    await store.maintain(KEEP);
    expect((await store.runFetch(id))?.tasks?.[0]!.spec).toEqual(spec);
    expect(await works()).toBe(1);
    await over(id);
    await store.maintain(KEEP);
    expect(await store.runFetch(id)).toBeUndefined();
    expect(await works()).toBe(0);
  });
});

describe('runs of a day that is beyond retention', () => {
  it.each([
    ['has no partition', 310, false],
    ['has one still', 311, true],
  ])('stay where one of them is retried while the day goes, and the day %s', async (_what, daysAgo, hasPartition) => {
    const day = Math.floor(systemClock.nowMs() / DAY_MS) - daysAgo;
    if (hasPartition)
      for (const table of ['run', 'execution'])
        await database.query(
          `CREATE TABLE ${table}_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')} PARTITION OF ${table} FOR VALUES FROM ('${runIdFloor(day * DAY_MS)}') TO ('${runIdFloor((day + 1) * DAY_MS)}')`,
        );
    const id = newRunId(day * DAY_MS + 1_000);
    await create(id, { targets: [hostSubject(newId<'host'>(), 'h')] });
    await database.query("UPDATE execution SET state = 'failed', finished_at_ms = 2 WHERE run_id = $1", [id]);
    await database.query("UPDATE run SET state = 'failed', finished_at_ms = 2 WHERE id = $1", [id]);
    await over(id);
    // The last statement of the retry waits, and with it the day.
    const held = await database.hold('LOCK TABLE audit_unsealed IN ACCESS EXCLUSIVE MODE');
    const isWaiting = async (relation: string): Promise<boolean> =>
      (
        await database.query('SELECT 1 FROM pg_locks WHERE NOT granted AND relation::regclass::text LIKE $1', [
          relation,
        ])
      ).length > 0;
    const retried = store.runRetry(id, ['failed'], audit);
    await until('the retry to wait', () => isWaiting('audit%'));
    let isOver = false;
    const going = store.maintain(KEEP).finally(() => (isOver = true));
    await until('the day to wait for the retry', async () => isOver || (await isWaiting('run%')));
    await held.release();
    expect([await retried, await going]).toMatchObject([{ kind: 'opened', executions: 1 }, {}]);
    expect(await store.runFetch(id)).toMatchObject({ round: 2 });
    await store.maintain(KEEP);
    expect(await store.runFetch(id)).toMatchObject({ round: 2 });
    await over(id);
    await store.maintain(KEEP);
    expect(await store.runFetch(id)).toBeUndefined();
  });
});
