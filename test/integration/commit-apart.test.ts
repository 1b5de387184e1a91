/** A host whose word no column holds: its attempt is told as lost, and nobody else of the run or the partition waits for it. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  attemptId,
  newId,
  newRunId,
  type AgentId,
  type AttemptId,
  type HostId,
  type RunId,
  type ServerId,
} from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import type { Executor } from '../../src/domain/run/executor.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import type { NewRun } from '../../src/store/contract/run.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { NO_FLEET, testApi, type TestApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { plainSpec } from '../support/run-spec.ts';

const WORKER = newId<'worker'>();
const INSTANCE = newId() as string;
const HOSTS = 9;
const actor = { kind: 'system', id: 'test', name: 'test' } as const;
const spec = plainSpec();

let api: TestApi;
let owner: RunOwner;
const agents = new Map<HostId, AgentId>();
const orders: { runId: RunId; ordinal: number; attempt: number; executor: Executor }[] = [];
const acknowledged = new Set<AttemptId>();
/** Hosts to which no way can be written. */
const unfit = new Set<HostId>();

beforeAll(async () => {
  api = await testApi();
  // Whatever a column does not hold, the database says of it what it says of this.
  for (const table of ['execution', 'late_report'])
    await api.database.query(`ALTER TABLE ${table} ADD CONSTRAINT unfit CHECK (reason IS DISTINCT FROM 'unfit')`);
  const serverId = newId<'server'>() as ServerId;
  await api.store.serverRegister({ id: serverId, url: 'http://x', version: '0', leaseMs: 600_000 });
  const fleet: Fleet = {
    ...NO_FLEET,
    isLinked: () => true,
    takesWork: () => true,
    locate: (hostId) => ({
      workerId: WORKER,
      executor: { kind: 'agent', id: agents.get(hostId)! },
      instance: unfit.has(hostId) ? 'no-uuid' : INSTANCE,
      link: 1,
    }),
    assign: ({ runId, targets }) => {
      for (const { ordinal, attempt, executor } of targets) orders.push({ runId, ordinal, attempt, executor });
      return true;
    },
    ack: (_workerId, acks) => acks.forEach(({ attempt }) => acknowledged.add(attempt)),
  };
  owner = new RunOwner({
    serverId,
    store: api.store,
    fleet,
    sealer: createMasterKey(Buffer.alloc(32, 1)),
    clock: systemClock,
    log: silentLog,
    isLeaseTrusted: () => true,
  });
  await owner.start();
});
afterAll(async () => {
  await owner.stop();
  await api.close();
});

const audit = { actor, action: 'test', target: 'test', detail: {} };

function runOf(isUnfit: (ordinal: number) => boolean = () => false): NewRun {
  const id = newRunId(systemClock.nowMs());
  const targets = Array.from({ length: HOSTS }, (_, n) => hostSubject(newId<'host'>() as HostId, `h${n}`));
  for (const [n, { id: hostId }] of targets.entries()) {
    agents.set(hostId, newId<'agent'>() as AgentId);
    if (isUnfit(n)) unfit.add(hostId);
  }
  return {
    id,
    partition: partitionOf(id),
    name: 'n',
    reason: '',
    createdBy: actor,
    targetExpression: 'all',
    ...oneTask(spec, targets),
  };
}

async function newRun(): Promise<RunId> {
  const run = runOf();
  const { id } = run;
  await api.store.runCreate(run, audit);
  const ordered = (): number => orders.filter(({ runId }) => runId === id).length;
  await until('the orders', () => ordered() === HOSTS, 15_000);
  return id;
}

/** The hosts of a run tell how it ended there, all in one breath. */
function tell(id: RunId, reasonOf: (ordinal: number) => string | undefined): AttemptId[] {
  const own = orders.filter(({ runId }) => runId === id);
  const attempts = own.map(({ ordinal, attempt }) => attemptId({ runId: id, task: 0, ordinal, attempt }));
  const events = own.map(({ ordinal, executor }, n) => {
    const reason = reasonOf(ordinal);
    const report: Omit<AgentReport, 't'> = {
      a: attempts[n]!,
      outcome: reason === undefined ? { kind: 'exited', code: 0 } : { kind: 'signalled', reason },
      finishedAtMs: 2,
      startedAtMs: 1,
      stdout: { size: 0, head: 0, tail: 0 },
      stderr: { size: 0, head: 0, tail: 0 },
    };
    return { k: 'report' as const, executor, report };
  });
  owner.onEvents(WORKER, events as never);
  return attempts;
}

async function statesOf(id: RunId): Promise<string[]> {
  return (await api.store.executionList(id, {}, { limit: 100 })).items.map(({ state }) => state);
}

describe('an end that cannot be kept', () => {
  it.each([
    ['of one host', (n: number) => (n === 4 ? 'unfit' : undefined), 1],
    ['of many hosts', (n: number) => (n % 2 === 1 ? 'unfit' : undefined), 4],
    ['of all hosts', () => 'unfit', HOSTS],
  ])('%s is acknowledged and told as lost, and the others end as they did', async (_what, reasonOf, lost) => {
    const id = await newRun();
    const attempts = tell(id, reasonOf);
    await until('the run to end', async () => {
      // Whoever has no answer says it again, as agents do.
      if (attempts.some((attempt) => !acknowledged.has(attempt))) tell(id, reasonOf);
      return (await api.store.runFetch(id))?.finishedAtMs !== undefined;
    });
    const states = await statesOf(id);
    expect(states.filter((state) => state === 'lost')).toHaveLength(lost);
    expect(states.filter((state) => state === 'succeeded')).toHaveLength(HOSTS - lost);
    expect(attempts.filter((attempt) => !acknowledged.has(attempt))).toEqual([]);
    // Told once more, now that it is lost: that settles nothing, and is acknowledged again.
    acknowledged.clear();
    await until('the acknowledgements', () => {
      tell(id, reasonOf);
      return attempts.every((attempt) => acknowledged.has(attempt));
    });
    expect(await statesOf(id)).toEqual(states);
  });
});

describe('an order that cannot be written', () => {
  it.each([
    ['as the run is made', (run: NewRun) => owner.create(run, audit, () => undefined)],
    ['later', (run: NewRun) => api.store.runCreate(run, audit)],
  ])('%s ends its own execution, and the others of the run go out', async (_when, create) => {
    const run = runOf((ordinal) => ordinal === 4);
    await create(run);
    const ordered = (): number => orders.filter(({ runId }) => runId === run.id).length;
    await until('the orders', () => ordered() === HOSTS - 1);
    await until('the end', async () => {
      tell(run.id, () => undefined);
      return (await api.store.runFetch(run.id))?.finishedAtMs !== undefined;
    });
    const { items } = await api.store.executionList(run.id, {}, { limit: 100 });
    expect(items.map(({ state }) => state)).toEqual(
      Array.from({ length: HOSTS }, (_, n) => (n === 4 ? 'not_started' : 'succeeded')),
    );
    expect(items[4]).toMatchObject({ reason: 'internal', detail: expect.stringContaining('could not be written') });
  });
});
