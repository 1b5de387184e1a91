/** Reports of runs that the database does not know: let go where that is certain, and only there. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { attemptId, newId, newRunId, type AttemptId, type RunId, type ServerId } from '../../src/base/ids.ts';
import type { Log } from '../../src/base/log.ts';
import { silentLog } from '../../src/base/log.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { emptyCounts } from '../../src/domain/crew/execution-machine.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { RunOwner } from '../../src/owner/run-owner.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { agentExecutor } from '../../src/domain/run/executor.ts';
import type { HeardEvent } from '../../src/fleet/fleet.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { RunSeed } from '../../src/store/contract/owner-commit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { NO_FLEET } from '../support/api.ts';
import { newRunSpec } from '../sim/load.ts';
import { Simulation } from '../sim/simulation.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const WORKER = newId<'worker'>();
const AGENT = newId<'agent'>();
const NOTHING = { size: 0, head: 0, tail: 0 };

let database: TestDatabase;
let store: Store;
let owner: RunOwner;
let serverId: ServerId;
beforeAll(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterEach(async () => {
  await owner.stop();
  // The next one owns all partitions.
  await store.serverDeregister(serverId);
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

interface World {
  readonly acked: string[];
  readonly warned: string[];
  /** Of runs. */
  readonly reads: () => number;
  /** For attempts. */
  readonly looks: () => number;
  readonly counted: () => number;
}

async function ownerWith(more: {
  runSeed?: Store['runSeed'];
  attemptsLook?: Store['attemptsLook'];
  isLeaseTrusted?: () => boolean;
}): Promise<World> {
  serverId = newId<'server'>() as ServerId;
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  const [acked, warned]: [string[], string[]] = [[], []];
  let [reads, looks, counted] = [0, 0, 0];
  const fleet: Fleet = { ...NO_FLEET, ack: (_worker, acks) => void acked.push(...acks.map(({ attempt }) => attempt)) };
  const log: Log = { ...silentLog, warn: (_fields, message) => void warned.push(message) };
  owner = new RunOwner({
    serverId,
    store: {
      ...store,
      runSeed: async (id) => {
        reads++;
        return (more.runSeed ?? store.runSeed)(id);
      },
      attemptsLook: async (keys) => {
        looks++;
        return (more.attemptsLook ?? store.attemptsLook)(keys);
      },
    },
    fleet,
    sealer: createMasterKey(Buffer.alloc(32, 1)),
    clock: systemClock,
    log,
    isLeaseTrusted: more.isLeaseTrusted ?? (() => true),
    lookMs: 50,
    onUnknownReport: () => counted++,
  });
  await owner.start();
  await until('the partitions', () => owner.owned().length > 0);
  return { acked, warned, reads: () => reads, looks: () => looks, counted: () => counted };
}

const attemptOf = (runId = newRunId(systemClock.nowMs()), ordinal = 0): AttemptId =>
  attemptId({ runId, task: 0, ordinal, attempt: 1 });
const reportOf = (attempt: AttemptId): HeardEvent =>
  ({
    k: 'report',
    executor: agentExecutor(AGENT),
    report: {
      t: 'report',
      a: attempt,
      outcome: { kind: 'exited', code: 0 },
      startedAtMs: 1,
      finishedAtMs: 2,
      stdout: NOTHING,
      stderr: NOTHING,
    },
  }) as unknown as HeardEvent;

it('are let go, with those whose large output would have come first; told once for each run, and counted', async () => {
  const world = await ownerWith({});
  const runId = newRunId(systemClock.nowMs());
  const [first, second, large] = [attemptOf(runId, 0), attemptOf(runId, 1), attemptOf()];
  owner.onEvents(WORKER, [reportOf(first), reportOf(second)]);
  owner.onChunk(WORKER, { attempt: large, executor: agentExecutor(AGENT), stream: 1, seq: 0, bytes: Buffer.from('x') });
  await until('all to be let go', () => world.acked.length === 3);
  expect(new Set(world.acked)).toEqual(new Set([first, second, large]));
  expect(world.warned.filter((line) => line.includes('does not know'))).toHaveLength(2);
  expect(world.counted()).toBe(3);
  // Nobody reads a whole run for what anybody may say.
  expect(world.reads()).toBe(0);
});

it('stay with their agents while nobody can look for them', async () => {
  let isAway = true;
  const world = await ownerWith({
    attemptsLook: (keys) => (isAway ? Promise.reject(new Error('away')) : store.attemptsLook(keys)),
  });
  const attempt = attemptOf();
  owner.onEvents(WORKER, [reportOf(attempt)]);
  await until('the look to have failed', () => world.warned.some((line) => line.includes('could not be looked for')));
  expect(world.acked).toEqual([]);
  // It comes again, as reports do.
  isAway = false;
  owner.onEvents(WORKER, [reportOf(attempt)]);
  await until('it to be let go', () => world.acked.length === 1);
});

it("stay with their agents while the partition may be somebody else's", async () => {
  let isTrusted = true;
  const world = await ownerWith({
    isLeaseTrusted: () => isTrusted,
    // Nothing is there; and before that is told, the lease is over.
    attemptsLook: async () => {
      isTrusted = false;
      return [undefined];
    },
  });
  const attempt = attemptOf();
  owner.onEvents(WORKER, [reportOf(attempt)]);
  await until(
    'it to have been looked for, and the partitions to be given up',
    () => world.looks() === 1 && owner.owned().length === 0,
  );
  expect(world.acked).toEqual([]);
});

/** A run that is over, with one host and its first attempt. */
function endedRun(id: RunId): RunSeed {
  return {
    run: {
      ...{ id, name: 'ended', createdBy: { id: 'ann' }, state: 'succeeded' },
      ...{ round: 1, seq: 3, counts: { ...emptyCounts(), succeeded: 1 } },
    },
    tasks: [{ task: 0, spec: newRunSpec(new Simulation(1), true), state: 'succeeded', subjects: [] }],
    executions: [
      {
        task: 0,
        ordinal: 0,
        attempt: 1,
        subject: hostSubject(newId<'host'>(), 'a'),
        state: 'succeeded',
        route: { executor: agentExecutor(AGENT) },
        workerId: WORKER,
        failuresInRound: 0,
      },
    ],
  } as unknown as RunSeed;
}

/** A run that is over is held for a moment after it was read. */
async function held(runId: RunId): Promise<void> {
  await until('the run to be held', () => {
    owner.wake(runId);
    return owner.runCount === 1;
  });
}

it.each(['held', 'not held'])('are let go with attempts and hosts that their run has not, %s', async (how) => {
  const runId = newRunId(systemClock.nowMs());
  const world = await ownerWith({ runSeed: async () => endedRun(runId) });
  const [later, elsewhere] = [attemptId({ runId, task: 0, ordinal: 0, attempt: 2 }), attemptOf(runId, 7)];
  for (const attempt of [later, elsewhere]) {
    if (how === 'held') await held(runId);
    owner.onEvents(WORKER, [reportOf(attempt)]);
    await until('it to be let go', () => world.acked.includes(attempt));
  }
  expect(world.counted()).toBe(2);
});

it('stay with their agents when the attempt has been opened meanwhile', async () => {
  const runId = newRunId(systemClock.nowMs());
  const open = { state: 'dispatched', executor: agentExecutor(AGENT), isTold: false, outputKeptBytes: 1 } as const;
  let isRetried = false;
  const world = await ownerWith({
    runSeed: async () => {
      const seed = endedRun(runId);
      const executions = seed.executions.map((one) => ({ ...one, attempt: 2 }));
      return isRetried ? { ...seed, run: { ...seed.run, round: 2 }, executions } : seed;
    },
    attemptsLook: async () => [open],
  });
  await held(runId);
  const before = world.reads();
  isRetried = true;
  owner.onEvents(WORKER, [reportOf(attemptId({ runId, task: 0, ordinal: 0, attempt: 2 }))]);
  await until('the run to be read again', () => world.reads() > before);
  expect([world.acked, world.counted()]).toEqual([[], 0]);
});

it('are let go when nobody can understand them and their attempt is over', async () => {
  const runId = newRunId(systemClock.nowMs());
  const world = await ownerWith({ runSeed: async () => endedRun(runId) });
  const attempt = attemptOf(runId);
  const told = reportOf(attempt) as { report: object };
  await held(runId);
  owner.onEvents(WORKER, [{ ...told, report: { ...told.report, outcome: { kind: 'of-a-later-version' } } } as never]);
  await until('it to be let go', () => world.acked.includes(attempt));
  expect(world.warned.filter((line) => line.includes('cannot be understood'))).toHaveLength(1);
});
