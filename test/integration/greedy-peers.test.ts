/** One peer that asks and tells again and again: what it costs the server is bounded, and what others want is done meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateRenew, type EnrolmentContext } from '../../src/app/enrolment.ts';
import { AgentPackages } from '../../src/app/agent-packages.ts';
import { sshDesk } from '../../src/app/ssh-access.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import {
  attemptId,
  newId,
  newRunId,
  type AgentId,
  type AttemptId,
  type AttemptKey,
  type HostId,
  type ServerId,
  type WorkerId,
} from '../../src/base/ids.ts';
import { PARTITION_COUNT } from '../../src/domain/run/partition.ts';
import { agentExecutor, workerExecutor, type Executor } from '../../src/domain/run/executor.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { PresenceRecord } from '../../src/fleet/presence-record.ts';
import { WorkerDesk } from '../../src/fleet/worker-desk.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import { UpgradeOwner } from '../../src/loops/upgrade-owner.ts';
import { certificateRequest, newAgentKey } from '../../src/pki/identity.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { HeardEvent } from '../../src/fleet/fleet.ts';
import type { ServerToWorkerFrame } from '../../src/protocol/link/worker-v1.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { NO_FLEET, testApi, type TestApi } from '../support/api.ts';
import { until } from '../support/until.ts';

const masterKey = createMasterKey(Buffer.alloc(32, 1));
let api: TestApi;
let enrolment: EnrolmentContext;

beforeAll(async () => {
  api = await testApi();
  enrolment = { store: api.store, clock: systemClock, ca: api.ca, masterKey, workers: () => [] };
});
afterAll(() => api.close());

/** Each call of the function noted, and carried out. */
function noting<K extends keyof Store>(name: K, note: (...args: Parameters<Store[K]>) => void): typeof api.store {
  const call = api.store[name] as (...args: unknown[]) => unknown;
  return Object.assign(Object.create(api.store) as typeof api.store, {
    [name]: (...args: unknown[]) => {
      note(...(args as Parameters<Store[K]>));
      return call.apply(api.store, args);
    },
  });
}

describe('a worker that asks for certificates again and again', () => {
  it('gets one answer a second for each agent, and its other questions are answered', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const desk = new WorkerDesk({
      ssh: sshDesk({ store: api.store, sealer: masterKey }),
      store: api.store,
      enrolment,
      clock,
      log: silentLog,
    });
    const answers: ServerToWorkerFrame[] = [];
    const worker = {
      id: newId<'worker'>() as WorkerId,
      zone: 'default',
      link: { send: (frame: ServerToWorkerFrame) => answers.push(frame) > 0 },
    };
    await api.database.query(
      "INSERT INTO worker (id, name, zone, public_key, joined_at_ms) VALUES ($1, 'greedy', 'default', 'x', 1)",
      [worker.id],
    );
    const [one, other] = [newId(), newId()];
    const renew = (id: number, agentId: string): void =>
      desk.answer(worker, {
        t: 'renew',
        id,
        agentId,
        csr: certificateRequest(newAgentKey()),
        signature: Buffer.alloc(64),
      });
    const answered = (id: number): unknown => answers.find((frame) => 'id' in frame && frame.id === id);
    for (let id = 1; id <= limits.renewalsPerSecond + 1; id++) renew(id, one);
    renew(10, other);
    desk.answer(worker, { t: 'secrets', id: 11, a: `${newId()}.0.0.1` });
    expect(answers).toEqual([{ t: 'certificate', id: limits.renewalsPerSecond + 1, error: 'too-many-requests' }]);
    await until('the others to be answered', () => answered(1) && answered(10) && answered(11));
    expect(answered(1)).toMatchObject({ error: 'agent-revoked' });
    expect(answered(11)).toMatchObject({ error: { code: 'not-found' } });
    nowMs = 1_000;
    renew(12, one);
    await until('the answer of the next second', () => answered(12));
    expect(answered(12)).toMatchObject({ error: 'agent-revoked' });
  });

  it('has nothing signed with a request that is not of the agent', async () => {
    let signed = 0;
    const ca = Object.assign(Object.create(api.ca) as typeof api.ca, {
      keyOf: (csr: string) => api.ca.keyOf(csr),
      sign: (...args: Parameters<typeof api.ca.sign>) => (signed++, api.ca.sign(...args)),
    });
    const store = Object.assign(Object.create(api.store) as typeof api.store, {
      agentFetch: async () => ({ state: 'active', publicKey: Buffer.alloc(44) }),
    });
    const answer = await certificateRenew(
      { ...enrolment, ca, store },
      { role: 'agent', id: newId<'agent'>() as AgentId },
      certificateRequest(newAgentKey()),
      Buffer.alloc(64),
    );
    expect([answer, signed]).toEqual([{ error: 'signature-invalid' }, 0]);
  });
});

describe('an agent that tells again and again', () => {
  it('what its host is: the last word alone is written', async () => {
    const written: { hostId: HostId; facts: Record<string, unknown> }[] = [];
    const store = noting('hostFactsWrite', (batch) => written.push(...(batch as never[])));
    const record = new PresenceRecord({ store, clock: systemClock, log: silentLog, heldBy: () => [] });
    const [one, other, agentId] = [newId(), newId(), newId()];
    for (let cpus = 1; cpus <= 1_000; cpus++) record.facts(one, agentId, '1', { cpus });
    record.facts(other, agentId, '1', { cpus: 7 });
    await record.stop();
    expect(written.map(({ hostId, facts }) => [hostId, facts.cpus])).toEqual([
      [one, 1_000],
      [other, 7],
    ]);
  });

  it('how its upgrade goes: so much of it is looked up a second', async () => {
    let heard = 0;
    const store = noting('agentUpgradeHeard', () => heard++);
    const fleet = { ...NO_FLEET };
    const clock: Clock = { ...systemClock, monotonicMs: () => 0 };
    const owner = new UpgradeOwner({
      store,
      fleet,
      packages: new AgentPackages('/nonexistent', undefined, silentLog),
      url: () => '',
      clock,
      log: silentLog,
    });
    await owner.start();
    const [hostId, agentId] = [newId<'host'>() as HostId, newId<'agent'>() as AgentId];
    for (let n = 0; n < 1_000; n++) owner.onUpgradeState({ id: newId(), hostId, agentId, state: 'fetching' });
    expect(heard).toBe(limits.upgradeStatesPerSecond);
    owner.onUpgradeState({ id: newId(), hostId, agentId: newId<'agent'>() as AgentId, state: 'fetching' });
    expect(heard).toBe(limits.upgradeStatesPerSecond + 1);
    await owner.stop();
  });

  /** An owner of all partitions, over a store of which some is noted. */
  function ownerOf(store: typeof api.store): RunOwner {
    return new RunOwner({
      serverId: newId<'server'>() as ServerId,
      store: Object.assign(store, {
        ownerLook: async () => ({
          partitions: Array.from({ length: PARTITION_COUNT }, (_, id) => ({ id, term: 1 })),
          runs: [],
        }),
        partitionRelease: async () => undefined,
      }),
      fleet: { ...NO_FLEET },
      sealer: masterKey,
      clock: systemClock,
      log: silentLog,
      isLeaseTrusted: () => true,
    });
  }
  const madeUp = (): AttemptId => `${newRunId(systemClock.nowMs())}.0.0.1` as AttemptId;
  const reportOf = (id: string): HeardEvent => ({
    k: 'report',
    executor: { kind: 'agent', id },
    report: {
      t: 'report',
      a: madeUp(),
      outcome: { kind: 'exited', code: 0 },
      finishedAtMs: 1,
      stdout: { size: 0, head: 0, tail: 0 },
      stderr: { size: 0, head: 0, tail: 0 },
    },
  });

  it('of runs that nobody remembers: so many are looked for at once, in one question, and another agent is not kept waiting', async () => {
    const looks: AttemptKey[][] = [];
    const read: string[] = [];
    const store = Object.assign(
      noting('attemptsLook', (keys) => void looks.push([...keys])),
      { runSeed: async (runId: string) => void read.push(runId) },
    );
    const owner = ownerOf(store as typeof api.store);
    await owner.start();
    const worker = newId<'worker'>() as WorkerId;
    const [greedy, other] = [newId(), newId()];
    owner.onEvents(
      worker,
      Array.from({ length: 500 }, () => reportOf(greedy)),
    );
    const others = reportOf(other);
    owner.onEvents(worker, [others]);
    await until('them to be looked for', () => looks.flat().length >= limits.attemptLooksPerSenderMax + 1);
    expect(looks.flat()).toHaveLength(limits.attemptLooksPerSenderMax + 1);
    expect(looks).toHaveLength(2);
    expect(looks.flat().map(attemptId)).toContain((others as { report: { a: string } }).report.a);
    const before = looks.length;
    await until('room to be there again', () => {
      owner.onEvents(worker, [reportOf(greedy)]);
      return looks.length > before;
    });
    expect(read).toEqual([]);
    await owner.stop();
  });

  it.each<[string, Executor]>([
    ['an agent', agentExecutor(newId<'agent'>())],
    ['a worker of another zone', workerExecutor(newId<'worker'>(), 'ssh')],
  ])(
    'of runs that nobody remembers: no piece of output that %s makes up goes to the database',
    async (_who, executor) => {
      const asked: string[] = [];
      let [answers, written] = [0, 0];
      const store = Object.assign(Object.create(api.store) as typeof api.store, {
        async attemptsLook(keys: readonly AttemptKey[]) {
          asked.push(...keys.map(attemptId));
          const found = await api.store.attemptsLook(keys);
          answers++;
          return found;
        },
        outputChunkWrite: async () => (written++, new Set()),
      });
      const owner = ownerOf(store);
      await owner.start();
      const worker = (executor.kind === 'worker' ? executor.id : newId<'worker'>()) as WorkerId;
      const bytes = Buffer.alloc(limits.outputChunkBytes);
      const tell = (attempt: AttemptId, seq = 1): void =>
        owner.onChunk(worker, { attempt, executor, stream: 1, seq, bytes });
      const same = madeUp();
      tell(same);
      await until('it to be looked for', () => answers === 1);
      for (let n = 0; n < 500; n++) tell(same);
      expect(asked).toHaveLength(1);
      for (let n = 0; n < 500; n++) tell(madeUp());
      await until('the others to be looked for', () => asked.length >= 1 + limits.attemptLooksPerSenderMax);
      expect(asked.length).toBe(1 + limits.attemptLooksPerSenderMax);
      expect(written).toBe(0);
      await owner.stop();
    },
  );
});
