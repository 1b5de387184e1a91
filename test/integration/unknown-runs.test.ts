/** Reports of runs that the database does not know: let go where that is certain, and only there. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  attemptId,
  newId,
  newRunId,
  type AgentId,
  type AttemptId,
  type ServerId,
  type WorkerId,
} from '../../src/base/ids.ts';
import type { Log } from '../../src/base/log.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { RunOwner } from '../../src/loops/run-owner.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { AttemptEvent } from '../../src/protocol/link/worker-v1.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { NO_FLEET } from '../support/api.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const WORKER = newId() as string as WorkerId;
const AGENT = newId() as string as AgentId;
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
  readonly reads: () => number;
  readonly counted: () => number;
}

async function ownerWith(more: { runSeed?: Store['runSeed']; isLeaseTrusted?: () => boolean }): Promise<World> {
  serverId = newId<'server'>() as ServerId;
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  const [acked, warned]: [string[], string[]] = [[], []];
  let [reads, counted] = [0, 0];
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
  return { acked, warned, reads: () => reads, counted: () => counted };
}

const attemptOf = (runId = newRunId(systemClock.nowMs()), ordinal = 0): AttemptId =>
  attemptId({ runId, task: 0, ordinal, attempt: 1 });
const reportOf = (attempt: AttemptId): AttemptEvent =>
  ({
    k: 'report',
    agentId: AGENT,
    report: {
      t: 'report',
      a: attempt,
      outcome: 'exited',
      exitCode: 0,
      startedAtMs: 1,
      finishedAtMs: 2,
      stdout: NOTHING,
      stderr: NOTHING,
    },
  }) as unknown as AttemptEvent;

it('are let go, with those whose large output would have come first; told once for each run, and counted', async () => {
  const world = await ownerWith({});
  const runId = newRunId(systemClock.nowMs());
  const [first, second, large] = [attemptOf(runId, 0), attemptOf(runId, 1), attemptOf()];
  owner.onEvents(WORKER, [reportOf(first), reportOf(second)]);
  owner.onChunk(WORKER, { attempt: large, agentId: AGENT, stream: 1, seq: 0, bytes: Buffer.from('x') });
  await until('all to be let go', () => world.acked.length === 3);
  expect(new Set(world.acked)).toEqual(new Set([first, second, large]));
  expect(world.warned.filter((line) => line.includes('does not know'))).toHaveLength(2);
  expect(world.counted()).toBe(3);
});

it('stay with their agents while the run cannot be read', async () => {
  let isAway = true;
  const world = await ownerWith({
    runSeed: (id) => (isAway ? Promise.reject(new Error('away')) : store.runSeed(id)),
  });
  const attempt = attemptOf();
  owner.onEvents(WORKER, [reportOf(attempt)]);
  await until('the read to have failed', () => world.warned.some((line) => line.includes('could not be read')));
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
    runSeed: async () => {
      isTrusted = false;
      return undefined;
    },
  });
  const attempt = attemptOf();
  owner.onEvents(WORKER, [reportOf(attempt)]);
  await until(
    'it to have been looked for, and the partitions to be given up',
    () => world.reads() === 1 && owner.owned().length === 0,
  );
  expect(world.acked).toEqual([]);
});
