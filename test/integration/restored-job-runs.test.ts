/** A run of several steps that was under way when the backup was made: after the restore nothing of it begins by itself, and it ends. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type RunId, type ServerId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import type { PlannedStage, RunPlan } from '../../src/domain/run/plan.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { RunRecord } from '../../src/store/contract/run.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { settleWhatTimeHasPassed } from '../../src/store/postgres/backup/restore-aftermath.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { NO_FLEET } from '../support/api.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { plainSpec } from '../support/run-spec.ts';
import { until } from '../support/until.ts';

const actor = { kind: 'token', id: 't', name: 'tester' } as const;
const stage = (task: number, more: Partial<PlannedStage> = {}): PlannedStage => ({
  name: `stage ${task}`,
  needs: task === 0 || more.isFinally ? [] : [task - 1],
  join: 'all-succeeded',
  isFinally: false,
  tasks: [{ task, name: `step ${task}`, needs: [], goesOn: false }],
  ...more,
});
const PLAN: RunPlan = [stage(0), stage(1), stage(2, { isFinally: true, join: 'all-done' })];
const HOSTS = ['h0', 'h1'].map((name) => hostSubject(newId<'host'>(), name));

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

async function planned(): Promise<RunId> {
  const id = newRunId(systemClock.nowMs());
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'n',
      reason: '',
      createdBy: actor,
      targetExpression: 'all',
      plan: PLAN,
      job: { name: 'job', version: 1 },
      tasks: PLAN.map((_, task) => ({ spec: plainSpec(), subjects: 0, isFirst: task === 0 })),
      subjects: [HOSTS],
    },
    { actor, action: 'test', target: 'test', detail: {} },
  );
  return id;
}

/** As a server that starts after the restore does. */
async function ended(id: RunId): Promise<RunRecord> {
  const serverId = newId<'server'>() as ServerId;
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  const owner = new RunOwner({
    serverId,
    store,
    fleet: NO_FLEET,
    sealer: createMasterKey(Buffer.alloc(32, 1)),
    clock: systemClock,
    log: silentLog,
    isLeaseTrusted: () => true,
    lookMs: 50,
    onUnknownReport: () => undefined,
  });
  await owner.start();
  try {
    return await until('the run to end', async () => {
      const run = await store.runFetch(id);
      return run && isTerminalRun(run.state) ? run : undefined;
    });
  } finally {
    await owner.stop();
    await store.serverDeregister(serverId);
  }
}

it('ends as failed with what is lost, and none of its later steps begins, finally either', async () => {
  const id = await planned();
  const pool = new Pool({ url: database.url, log: silentLog, max: 2 });
  try {
    const aftermath = await pool.transaction((tx) => settleWhatTimeHasPassed(tx, systemClock.nowMs()));
    expect(aftermath).toMatchObject({ lost: 2, runsUnderWay: 1 });
  } finally {
    await pool.close();
  }
  const run = await ended(id);
  expect(run.state).toBe('failed');
  expect(run.tasks!.map(({ state, counts }) => [state, counts.lost])).toEqual([
    ['failed', 2],
    ['skipped', 0],
    ['skipped', 0],
  ]);
  expect((await store.executionList(id, {}, { limit: 10 })).items.map(({ task }) => task)).toEqual([0, 0]);
  // Whoever has looked at the hosts goes on with it.
  expect(await store.runRetry(id, ['lost'], { actor, action: 'test', target: 'test', detail: {} })).toMatchObject({
    kind: 'opened',
    executions: 2,
  });
  expect((await store.runFetch(id))!.tasks!.map(({ state }) => state)).toEqual(['running', 'created', 'created']);
});
