/** What was accepted is carried out, also when every hint of it is lost and when it comes while its run is being read. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId, newRunId, type HostId, type RunId, type ServerId } from '../../src/base/ids.ts';
import type { RunPlan } from '../../src/domain/run/plan.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { NO_FLEET } from '../support/api.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { plainSpec } from '../support/run-spec.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';

const WORKER = newId<'worker'>();
const AGENT = newId<'agent'>();
const INSTANCE = newId() as string;
const actor = { kind: 'token', id: 't', name: 'tester' } as const;
const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: {} };
const spec = plainSpec();

const PLAN: RunPlan = [false, true].map((isFinally, task) => ({
  name: `stage ${task}`,
  needs: [],
  join: isFinally ? 'all-done' : 'all-succeeded',
  isFinally,
  tasks: [{ task, name: `step ${task}`, needs: [], goesOn: false }],
}));

let database: TestDatabase;
let store: Store;
let serverId: ServerId;
let owner: RunOwner;
let isLinked: boolean;
let assigned: { runId: RunId; attempt: number }[];
let ended: unknown[];

beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});
beforeEach(async () => {
  [isLinked, assigned, ended, serverId] = [false, [], [], newId<'server'>() as ServerId];
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
});
afterEach(async () => {
  await owner.stop();
  await store.serverDeregister(serverId);
});

/** An owner to whom nobody ever tells anything: whoever writes has no ear for it, and it listens in vain. */
async function ownerWith(changed: Partial<Store>, lookMs?: number): Promise<void> {
  const fleet: Fleet = {
    ...NO_FLEET,
    isLinked: () => true,
    takesWork: () => true,
    locate: () =>
      isLinked ? { workerId: WORKER, executor: { kind: 'agent', id: AGENT }, instance: INSTANCE, link: 1 } : undefined,
    cancel: (...order) => ended.push(order) > 0,
    assign: ({ runId, targets }) => assigned.push({ runId, attempt: targets[0]!.attempt }) > 0,
  };
  owner = new RunOwner({
    serverId,
    store: { ...store, listen: () => () => undefined, ...changed },
    fleet,
    sealer: createMasterKey(Buffer.alloc(32, 1)),
    clock: systemClock,
    log: silentLog,
    isLeaseTrusted: () => true,
    ...given({ lookMs }),
  });
  await owner.start();
  await until('the partitions', () => owner.owned().length > 0);
}

/** `hasFinally`: of a step and of one that comes finally. */
async function newRun(hasFinally = false): Promise<RunId> {
  const id = newRunId(systemClock.nowMs());
  const one = oneTask(spec, [hostSubject(newId<'host'>() as HostId, 'h')]);
  const tasks = { ...one, tasks: [...one.tasks, { ...one.tasks[0]!, isFirst: false }] };
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'n',
      reason: '',
      createdBy: actor,
      targetExpression: 'all',
      ...(hasFinally ? { ...tasks, plan: PLAN } : one),
    },
    audit,
  );
  return id;
}
const stateOf = async (id: RunId): Promise<string> => (await store.runFetch(id))!.state;

describe('with every hint lost', () => {
  it('a run is begun, cancelled and retried, each within seconds of its asking', async () => {
    await ownerWith({});
    const id = await newRun();
    await until('the run to be known', () => owner.runCount === 1);
    expect(await store.runCancelRequest(id, actor, audit)).toBe('requested');
    await until('the cancel', async () => (await stateOf(id)) === 'cancelled');
    // Its owner still has it in memory, as a run that is over.
    isLinked = true;
    expect((await store.runRetry(id, ['cancelled'], audit)).kind).toBe('opened');
    await until('the second attempt to be sent', () => assigned.some(({ attempt }) => attempt === 2));
    expect(assigned).toEqual([{ runId: id, attempt: 2 }]);
  });

  it('a cancel that is forced after another is heard of', async () => {
    await ownerWith({}, 50);
    isLinked = true;
    const id = await newRun(true);
    await until('it to be sent', () => assigned.some(({ runId }) => runId === id));
    await store.runCancelRequest(id, actor, audit);
    await until('the cancel to be heard of', () => ended.length > 0);
    await store.runCancelRequest(id, actor, audit, true);
    // The agent says nothing: what comes finally has not begun, and does not any more.
    await until(
      'what comes finally to be over',
      async () => (await store.runFetch(id))!.tasks![1]!.state === 'cancelled',
    );
  });

  it('a run that could not be read at first is read in a moment', async () => {
    let failures = 3;
    isLinked = true;
    await ownerWith(
      { runSeed: (id) => (failures-- > 0 ? Promise.reject(new Error('not now')) : store.runSeed(id)) },
      50,
    );
    const id = await newRun();
    await until('it to be sent', () => assigned.some(({ runId }) => runId === id));
    expect(failures).toBeLessThan(0);
  });
});

describe('a cancel that comes while the owner reads the run', () => {
  it('is seen, without a look by time', async () => {
    let [isRead, goOn] = [(): void => undefined, (): void => undefined];
    const read = new Promise<void>((resolve) => (isRead = resolve));
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    let id: RunId | undefined;
    const runSeed: Store['runSeed'] = async (seedOf) => {
      const seed = await store.runSeed(seedOf);
      if (seedOf !== id) return seed;
      isRead();
      await gate;
      return seed;
    };
    await ownerWith({ runSeed }, 3_600_000);
    id = await newRun();
    owner.wake(id);
    await read;
    expect(await store.runCancelRequest(id, actor, audit)).toBe('requested');
    owner.wake(id);
    goOn();
    await until('the cancel', async () => (await stateOf(id!)) === 'cancelled');
  });
});
