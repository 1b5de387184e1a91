/** What a run's owner does first is written with the run: what lands when the ownership is lost on the way, and what is sent when. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type AgentId, type HostId, type RunId, type ServerId } from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Assignment, Fleet } from '../../src/fleet/fleet.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import type { RunRecord } from '../../src/store/contract/run.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { NO_FLEET } from '../support/api.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { plainSpec } from '../support/run-spec.ts';

const WORKER = newId<'worker'>();
const INSTANCE = newId() as string;
const actor = { kind: 'token', id: 't', name: 'tester' } as const;
const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: {} };
const spec = plainSpec();

describe('a run that is written with its first step', () => {
  let database: TestDatabase;
  let store: Store;
  let owner: RunOwner;
  let serverId: ServerId;
  let isTrusted: boolean;
  let linked: Map<HostId, AgentId>;
  let sent: Assignment[];
  let told: string[];
  let around: { readonly before: (id: RunId) => unknown; readonly after: (id: RunId) => unknown };

  beforeAll(async () => {
    database = await testDatabase();
    store = await createPostgresStore({
      url: database.url,
      clock: systemClock,
      log: silentLog,
      auditKey: testAuditKey,
    });
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    [linked, sent, told, isTrusted, serverId] = [new Map(), [], [], true, newId<'server'>() as ServerId];
    around = { before: () => undefined, after: () => undefined };
    const fleet: Fleet = {
      ...NO_FLEET,
      isLinked: () => true,
      takesWork: () => true,
      locate(hostId) {
        const agentId = linked.get(hostId);
        return agentId && { workerId: WORKER, executor: { kind: 'agent', id: agentId }, instance: INSTANCE, link: 1 };
      },
      assign: (assignment) => sent.push(assignment) > 0,
    };
    await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
    owner = new RunOwner({
      serverId,
      store: {
        ...store,
        runCreate: async (run, entry) => {
          await around.before(run.id);
          const record = await store.runCreate(run, entry);
          await around.after(run.id);
          return record;
        },
      },
      fleet,
      sealer: createMasterKey(Buffer.alloc(32, 1)),
      clock: systemClock,
      log: silentLog,
      isLeaseTrusted: () => isTrusted,
      lookMs: 50,
    });
    await owner.start();
    await until('the partitions', () => owner.owned().length > 0);
  });
  afterEach(async () => {
    await owner.stop();
    await store.serverDeregister(serverId);
  });

  /** A run on so many hosts, of which the first are linked. What happens right before and right after its writing is for each test to say. */
  async function create(
    hosts: number,
    linkedHosts: number,
    happens: Partial<typeof around> = {},
  ): Promise<{ id: RunId; run: RunRecord | undefined; hostIds: HostId[] }> {
    const id = newRunId(systemClock.nowMs());
    const hostIds = Array.from({ length: hosts }, () => newId<'host'>() as HostId);
    for (const hostId of hostIds.slice(0, linkedHosts)) linked.set(hostId, newId<'agent'>() as AgentId);
    around = { before: () => undefined, after: () => undefined, ...happens };
    const run = await owner.create(
      {
        id,
        partition: partitionOf(id),
        name: 'n',
        reason: '',
        createdBy: actor,
        targetExpression: 'all',
        ...oneTask(
          spec,
          hostIds.map((hostId, i) => hostSubject(hostId, `h${i}`)),
        ),
      },
      audit,
      () => told.push(`written, ${sent.length} sent`),
    );
    return { id, run, hostIds };
  }
  const placesOf = async (id: RunId): Promise<unknown[]> =>
    (await store.executionList(id, {}, { limit: 10 })).items.map(({ state, route }) => [state, route?.executor.id]);

  it('has those hosts dispatched that have a way, tells so, and sends nothing before it is written', async () => {
    const { id, run, hostIds } = await create(3, 2);
    expect(told).toEqual(['written, 0 sent']);
    expect(sent.map(({ runId, targets }) => [runId, targets.map(({ ordinal }) => ordinal)])).toEqual([[id, [0, 1]]]);
    expect(run).toMatchObject({ state: 'running', seq: 2, counts: { dispatched: 2, waiting: 1 } });
    expect(run!.startedAtMs).toBeGreaterThan(0);
    expect(await placesOf(id)).toEqual([
      ['dispatched', linked.get(hostIds[0]!)],
      ['dispatched', linked.get(hostIds[1]!)],
      ['waiting', undefined],
    ]);
    expect(
      (await store.timelineList(id, { limit: 10 })).map(({ seq, kind, detail }) => [seq, kind, detail.hosts]),
    ).toEqual([
      [1, 'created', 3],
      [2, 'dispatched', 2],
    ]);
    linked.set(hostIds[2]!, newId<'agent'>() as AgentId);
    owner.onLinked(hostIds[2]!);
    await until('the third', () => sent.length === 2);
    expect(await placesOf(id)).toEqual(hostIds.map((hostId) => ['dispatched', linked.get(hostId)]));
  });

  it("has no first step where no host has a way, or where it is another server's", async () => {
    const { run, hostIds } = await create(2, 0);
    expect(run).toMatchObject({ state: 'waiting', seq: 1 });
    // It is held all the same: whoever has a way by now is sent to at once.
    linked.set(hostIds[1]!, newId<'agent'>() as AgentId);
    owner.onLinked(hostIds[1]!);
    await until('it to be sent', () => sent.length === 1);
    isTrusted = false;
    expect(await create(1, 1)).toMatchObject({ run: undefined });
  });

  it('waits, with nothing sent, when its partition was lost before it was written', async () => {
    const { id, run, hostIds } = await create(1, 1, {
      before: (runId) =>
        database.query('UPDATE partition SET owner = NULL, term = term + 1 WHERE id = $1', [partitionOf(runId)]),
    });
    expect(run).toMatchObject({ state: 'waiting', seq: 1, counts: { waiting: 1 } });
    // Whoever has the partition then (here: the same server, in a new term) begins as if nothing had been planned.
    await until('it to be sent', () => sent.length > 0);
    expect(sent.map(({ runId, targets }) => [runId, targets.map(({ hostId }) => hostId)])).toEqual([[id, hostIds]]);
  });

  it('sends nothing when its partition was lost after it was written: the next owner does, to the same agent', async () => {
    const { id, hostIds } = await create(1, 1, { after: () => void (isTrusted = false) });
    const first = linked.get(hostIds[0]!);
    expect(sent).toEqual([]);
    await database.query('UPDATE partition SET owner = NULL, term = term + 1 WHERE id = $1', [partitionOf(id)]);
    isTrusted = true;
    await until('it to be sent', () => sent.length > 0);
    expect(sent.map(({ runId, targets }) => [runId, targets.map(({ executor }) => executor.id)])).toEqual([
      [id, [first]],
    ]);
  });

  it('is sent once when it was read by the hint before its writer said so', async () => {
    const { id } = await create(1, 1, {
      after: (runId) => {
        owner.wake(runId);
        return until('it to be sent', () => sent.length > 0);
      },
    });
    expect(sent.filter(({ runId }) => runId === id)).toHaveLength(1);
  });
});
