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
    [linked, sent, isTrusted, serverId] = [new Map(), [], true, newId<'server'>() as ServerId];
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
      store,
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

  /** A run on so many hosts, of which the first are linked; `meanwhile` happens between the plan and the writing. */
  async function create(
    hosts: number,
    linkedHosts: number,
    meanwhile: (id: RunId) => unknown = () => undefined,
  ): Promise<{ id: RunId; run: RunRecord; hostIds: HostId[]; written: (() => void) | undefined }> {
    const id = newRunId(systemClock.nowMs());
    const hostIds = Array.from({ length: hosts }, () => newId<'host'>() as HostId);
    for (const hostId of hostIds.slice(0, linkedHosts)) linked.set(hostId, newId<'agent'>() as AgentId);
    const targets = hostIds.map((hostId, i) => hostSubject(hostId, `h${i}`));
    const plan = owner.plan({
      run: { id, name: 'n' },
      spec,
      executions: targets.map((subject, ordinal) => ({
        subject,
        task: 0,
        ordinal,
        attempt: 1,
        state: 'waiting',
        failuresInRound: 0,
      })),
    });
    await meanwhile(id);
    const run = await store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: 'n',
        reason: '',
        createdBy: actor,
        targetExpression: 'all',
        spec,
        targets,
        ...(plan ? { dispatch: plan.dispatch } : {}),
      },
      audit,
    );
    return { id, run, hostIds, written: plan?.written };
  }
  const placesOf = async (id: RunId): Promise<unknown[]> =>
    (await store.executionList(id, {}, { limit: 10 })).items.map(({ state, route }) => [state, route?.executor.id]);

  it('has those hosts dispatched that have a way, tells so, and sends nothing before it is written', async () => {
    const { id, run, hostIds, written } = await create(3, 2);
    expect(sent).toEqual([]);
    written!();
    expect(sent.map(({ runId, targets }) => [runId, targets.map(({ ordinal }) => ordinal)])).toEqual([[id, [0, 1]]]);
    expect(run).toMatchObject({ state: 'running', seq: 2, counts: { dispatched: 2, waiting: 1 } });
    expect(run.startedAtMs).toBeGreaterThan(0);
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
    expect(await create(2, 0)).toMatchObject({ run: { state: 'waiting', seq: 1 }, written: undefined });
    isTrusted = false;
    expect(await create(1, 1)).toMatchObject({ run: { state: 'waiting', seq: 1 }, written: undefined });
  });

  it('waits, with nothing sent, when its partition was lost before it was written', async () => {
    const { id, run, hostIds } = await create(1, 1, (runId) =>
      database.query('UPDATE partition SET owner = NULL, term = term + 1 WHERE id = $1', [partitionOf(runId)]),
    );
    expect(run).toMatchObject({ state: 'waiting', seq: 1, counts: { waiting: 1 } });
    // Whoever has the partition then (here: the same server, in a new term) begins as if nothing had been planned.
    await until('it to be sent', () => sent.length > 0);
    expect(sent.map(({ runId, targets }) => [runId, targets.map(({ hostId }) => hostId)])).toEqual([[id, hostIds]]);
  });

  it('sends nothing when its partition was lost after it was written: the next owner does, to the same agent', async () => {
    const { id, hostIds, written } = await create(1, 1);
    const first = linked.get(hostIds[0]!);
    isTrusted = false;
    written!();
    expect(sent).toEqual([]);
    await database.query('UPDATE partition SET owner = NULL, term = term + 1 WHERE id = $1', [partitionOf(id)]);
    isTrusted = true;
    await until('it to be sent', () => sent.length > 0);
    expect(sent.map(({ runId, targets }) => [runId, targets.map(({ executor }) => executor.id)])).toEqual([
      [id, [first]],
    ]);
  });

  it('is sent once when it was read by the hint before its writer said so', async () => {
    const { id, written } = await create(1, 1);
    owner.wake(id);
    await until('it to be sent', () => sent.length > 0);
    written!();
    expect(sent.filter(({ runId }) => runId === id)).toHaveLength(1);
  });
});
