/** What one token has under way: no more than it may, whichever server it asks, and a count that was too high keeps nobody out. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type HostId } from '../../src/base/ids.ts';
import { jobLimits } from '../../src/base/job-limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { plainSpec } from '../support/run-spec.ts';

let api: TestApi;
let other: Store;
let authorization: string;
let principal: string;
/** What a script on one host is. */
const SMALL_BYTES = 8_192 + 1_024 + 512;

beforeAll(async () => {
  api = await testApi();
  authorization = `Bearer ${await api.token('operator', 3_600_000)}`;
  other = await createPostgresStore({
    url: api.database.url,
    clock: systemClock,
    log: silentLog,
    auditKey: testAuditKey,
  });
  const admin = `Bearer ${await api.token('admin', 3_600_000)}`;
  await api.app.inject({
    method: 'POST',
    url: '/api/v1/hosts',
    headers: { authorization: admin },
    payload: { name: 'h0', address: '10.0.0.1' },
  });
  expect(await start()).toEqual([201, undefined]);
  const [row] = await api.database.query('SELECT principal FROM run_active');
  principal = String(row!.principal);
});
afterAll(async () => {
  await other.close();
  await api.close();
});

async function start(): Promise<[status: number, code: unknown]> {
  const answer = await api.app.inject({
    method: 'POST',
    url: '/api/v1/runs',
    headers: { authorization },
    payload: { targets: 'h0', script: 'true' },
  });
  return [answer.statusCode, answer.json<{ code?: string }>().code];
}

/** As if it had so much under way besides, and had been counted as more. */
async function hold(bytes: number): Promise<void> {
  await api.database.query('DELETE FROM run_active');
  await api.database.query('INSERT INTO run_active (run_id, partition, principal, bytes) VALUES ($1, 0, $2, $3)', [
    newId(),
    principal,
    bytes,
  ]);
  await api.database.query('UPDATE run_load SET bytes = 1000000000000');
}
const runs = async (): Promise<number> => Number((await api.database.query('SELECT count(*) FROM run'))[0]!.count);

it('is what it may be and no more, for the one that asks over the API', async () => {
  await hold(jobLimits.runsUnderWayBytesMax - SMALL_BYTES);
  expect([await start(), await start()]).toEqual([
    [201, undefined],
    [409, 'too-many-runs'],
  ]);
  await hold(jobLimits.runsUnderWayBytesMax - SMALL_BYTES + 1);
  expect(await start()).toEqual([409, 'too-many-runs']);
  await hold(0);
  expect(await start()).toEqual([201, undefined]);
});

it('is not exceeded by starts at once on two servers, and what is refused leaves nothing', async () => {
  await hold(jobLimits.runsUnderWayBytesMax - 3 * SMALL_BYTES);
  const before = await runs();
  const actor = { kind: 'token', id: principal, name: 'tester' } as const;
  const asked = await Promise.allSettled(
    Array.from({ length: 24 }, (_, n) => {
      const id = newRunId(systemClock.nowMs());
      const one = oneTask(plainSpec(), [hostSubject(newId<'host'>() as HostId, 'h0')]);
      const run = { id, partition: partitionOf(id), name: 'n', reason: '', createdBy: actor, targetExpression: 'all' };
      const audit = { actor, action: 'test', target: `run/${id}`, detail: {} };
      return (n % 2 === 0 ? other : api.store).runCreate({ ...run, ...one }, audit);
    }),
  );
  const refused = asked.filter(
    (one) => one.status === 'rejected' && (one.reason as { code?: string }).code === 'too-many-runs',
  );
  expect([refused.length, (await runs()) - before]).toEqual([21, 3]);
});
