/**
 * What is told of attempts that a newer one has superseded, or whose run has left memory: it counts from the executor
 * that had them, and from nobody else.
 */
import { expect, it } from 'vitest';
import { createMemoryStore, type SimulableStore } from '../../test/support/memory-store/memory-store.ts';
import { MemoryTables } from '../../test/support/memory-store/rows.ts';
import { plainSpec } from '../../test/support/run-spec.ts';
import { until } from '../../test/support/until.ts';
import { systemClock } from '../base/clock.ts';
import { newId, type AttemptId, type AttemptKey, type RunId, type ServerId, type WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { silentLog } from '../base/log.ts';
import { emptyCounts } from '../domain/crew/execution-machine.ts';
import { agentExecutor, executorKey, type Executor } from '../domain/run/executor.ts';
import { partitionOf } from '../domain/run/partition.ts';
import { hostSubject } from '../domain/run/subject.ts';
import type { Fleet, HeardEvent } from '../fleet/fleet.ts';
import { createMasterKey } from '../pki/sealer.ts';
import type { Fence } from '../store/contract/lease.ts';
import type { OutputChunk } from '../store/contract/output.ts';
import type { ExecutionChange, OwnerCommit } from '../store/contract/owner-commit.ts';
import type { Store } from '../store/contract/store.ts';
import { RunOwner } from './run-owner.ts';
import { oneTask } from '../domain/run/new-task.ts';

const [ONE, OTHER] = [agentExecutor(newId<'agent'>()), agentExecutor(newId<'agent'>())];
const [WORKER, STRANGER] = [newId<'worker'>() as WorkerId, newId<'worker'>() as WorkerId];
const actor = { kind: 'token', id: 'a', name: 'a' } as const;
const audit = { actor, action: 'a', target: 'a', detail: {} };

interface World {
  readonly owner: RunOwner;
  readonly store: SimulableStore;
  readonly tables: MemoryTables;
  readonly commits: OwnerCommit[];
  /** Attempts that were acknowledged, each to whom and by which worker. */
  readonly acked: string[];
  /** Pieces that were acknowledged, and those that went to the store. */
  readonly acknowledged: string[];
  readonly wrote: string[];
  readonly looks: () => number;
  /** A run of one host that its owner has not heard of. */
  created(): Promise<RunId>;
  /** One of which the first attempt was given to `ONE` and ended so. */
  ended(end: Pick<ExecutionChange, 'to' | 'outcome' | 'reason'>): Promise<RunId>;
}

async function world(): Promise<World> {
  const tables = new MemoryTables();
  const store = createMemoryStore(tables, systemClock);
  const serverId = newId<'server'>() as ServerId;
  await store.serverRegister({ id: serverId, url: 'https://127.0.0.1:1', version: '1', leaseMs: 60_000 });
  const commits: OwnerCommit[] = [];
  const [acked, acknowledged, wrote]: [string[], string[], string[]] = [[], [], []];
  let looks = 0;
  const owner = new RunOwner({
    serverId,
    store: {
      ...store,
      ownerCommit: (commit: OwnerCommit) => (commits.push(commit), store.ownerCommit(commit)),
      attemptsLook: (keys: readonly AttemptKey[]) => (looks++, store.attemptsLook(keys)),
      outputChunkWrite: (fences: readonly Fence[], chunks: readonly OutputChunk[]) => {
        wrote.push(...chunks.map(({ executor, seq }) => `${executorKey(executor)} ${seq}`));
        return store.outputChunkWrite(fences, chunks);
      },
    } as unknown as Store,
    fleet: {
      announceOwned() {},
      locate: () => undefined,
      takesWork: () => true,
      ack: (workerId, acks) => void acked.push(...acks.map((ack) => `${workerId} ${executorKey(ack.executor)}`)),
      ackChunk: (_workerId, { executor, seq }) => void acknowledged.push(`${executorKey(executor)} ${seq}`),
      sshRoute: () => undefined,
      sshObstacle: () => 'no-address',
      accessLooks: () => ({ begun: 0, done: 0 }),
      hasWorker: () => true,
      hasCopies: () => false,
    } as Partial<Fleet> as Fleet,
    sealer: createMasterKey(Buffer.alloc(32, 7)),
    clock: systemClock,
    log: silentLog,
    isLeaseTrusted: () => true,
  });
  await owner.start();
  const created: World['created'] = async () => {
    const id = newId<'run'>();
    const partition = partitionOf(id);
    const targets = [hostSubject(newId<'host'>(), 'a')];
    const [spec, createdBy] = [plainSpec({ policy: { outputKeptBytes: 3 * limits.outputChunkBytes } }), actor];
    await store.runCreate(
      { id, partition, name: 'a', reason: '', createdBy, targetExpression: '*', ...oneTask(spec, targets) },
      audit,
    );
    return id;
  };
  const ended: World['ended'] = async (end) => {
    const id = await created();
    const partition = partitionOf(id);
    const first = { runId: id, task: 0, ordinal: 0, attempt: 1, from: ['waiting'], seq: 2, finishedAtMs: 3 } as const;
    const counts = { ...emptyCounts(), [end.to]: 1 };
    const { term } = owner.owned().find((one) => one.id === partition)!;
    await store.ownerCommit({
      fence: { partition, serverId, term },
      executions: [{ ...first, ...end, startedAtMs: 1, route: { executor: ONE, workerId: WORKER } }],
      runs: [{ runId: id, to: 'failed', counts, finishedAtMs: 3, seq: 2 }],
      timeline: [],
    });
    return id;
  };
  return { owner, store, tables, commits, acked, acknowledged, wrote, looks: () => looks, created, ended };
}

const LOST = { to: 'lost', reason: 'link-lost' } as const;
const FAILED = { to: 'failed', outcome: { kind: 'exited', code: 1 } } as const;
const attemptOf = (id: RunId): AttemptId => `${id}.0.0.1` as AttemptId;

function reportOf(id: RunId, executor: Executor, output: string): HeardEvent {
  const inline = Buffer.from(output);
  const nothing = { size: 0, head: 0, tail: 0 };
  const stdout = { size: inline.length, head: inline.length, tail: 0, inline };
  const a = attemptOf(id);
  const report = {
    t: 'report',
    a,
    outcome: { kind: 'exited', code: 0 },
    finishedAtMs: 1,
    stdout,
    stderr: nothing,
  } as const;
  return { k: 'report', executor, report };
}

/** One that is over is held for a moment. */
async function held({ owner }: World, id: RunId): Promise<void> {
  await until('the run to be held', () => {
    owner.wake(id);
    return owner.runCount === 1;
  });
}

async function superseded(all: World, end: Parameters<World['ended']>[0]): Promise<RunId> {
  const id = await all.ended(end);
  expect((await all.store.runRetry(id, [end.to as 'lost'], audit)).kind).toBe('opened');
  await held(all, id);
  all.commits.length = 0;
  return id;
}

it("another's report of a superseded attempt is not kept, and the true one's acknowledgement stays its own", async () => {
  const all = await world();
  const id = await superseded(all, LOST);
  all.owner.onEvents(STRANGER, [reportOf(id, OTHER, 'lie')]);
  all.owner.onEvents(WORKER, [reportOf(id, ONE, 'truth')]);
  all.owner.onEvents(STRANGER, [reportOf(id, OTHER, 'another lie')]);
  await until('the true one to be acknowledged', () => all.acked.length > 0);
  expect(all.acked).toEqual([`${WORKER} ${executorKey(ONE)}`]);
  expect(all.commits.flatMap(({ lateReports }) => lateReports ?? [])).toMatchObject([{ executor: ONE }]);
  const key = { runId: id, task: 0, ordinal: 0 };
  expect(await all.store.executionHistory(key)).toMatchObject([{ state: 'lost', lateReport: { stdout: { size: 5 } } }]);
  expect([...all.tables.runs.get(id)!.blobs.values()].map(String)).toEqual(['truth']);
  await all.owner.stop();
});

it('the last of many reports of a superseded attempt is written, and no other', async () => {
  const all = await world();
  const id = await superseded(all, LOST);
  all.owner.onEvents(
    WORKER,
    Array.from({ length: 50 }, (_, n) => reportOf(id, ONE, `truth ${n}`)),
  );
  await until('it to be acknowledged', () => all.acked.length > 0);
  expect(all.commits.map(({ lateReports }) => lateReports?.length)).toEqual([1]);
  expect([...all.tables.runs.get(id)!.blobs.values()].map(String)).toEqual(['truth 49']);
  // Told again it is acknowledged, and nothing is written.
  all.owner.onEvents(WORKER, [reportOf(id, ONE, 'more')]);
  await until('it to be acknowledged again', () => all.acked.length > 1);
  expect(all.commits).toHaveLength(1);
  await all.owner.stop();
});

it('a report of a superseded attempt whose end is known is acknowledged, and nothing is written', async () => {
  const all = await world();
  const id = await superseded(all, FAILED);
  all.owner.onEvents(WORKER, [reportOf(id, ONE, 'more')]);
  await until('it to be acknowledged', () => all.acked.length > 0);
  for (let n = 0; n < 100; n++) all.owner.onEvents(WORKER, [reportOf(id, ONE, `more ${n}`)]);
  await until('they to be acknowledged', () => all.acked.length === 101);
  expect([all.commits, all.looks()]).toEqual([[], 1]);
  expect(all.tables.runs.get(id)!.blobs.size).toBe(0);
  await all.owner.stop();
});

it('a report of an attempt that waits is not acknowledged: whoever gave it back may have it still', async () => {
  const all = await world();
  const id = await all.created();
  all.owner.onEvents(WORKER, [reportOf(id, ONE, 'truth')]);
  await until('it to be looked for', () => all.looks() === 1);
  const over = await all.ended(FAILED);
  all.owner.onEvents(STRANGER, [reportOf(over, ONE, 'more')]);
  await until('what came later to be acknowledged', () => all.acked.length > 0);
  expect(all.acked).toEqual([`${STRANGER} ${executorKey(ONE)}`]);
  await all.owner.stop();
});

it('a run that left memory is read for a report of its own executor, and for no other', async () => {
  const all = await world();
  const id = await all.ended(LOST);
  all.owner.onEvents(STRANGER, [reportOf(id, OTHER, 'lie')]);
  await until('it to be looked for', () => all.looks() === 1);
  all.owner.onEvents(WORKER, [reportOf(id, ONE, 'truth')]);
  await until('the true one to be acknowledged', () => all.acked.length > 0);
  expect(all.acked).toEqual([`${WORKER} ${executorKey(ONE)}`]);
  const execution = await all.store.executionFetch({ runId: id, task: 0, ordinal: 0 });
  expect(execution).toMatchObject({ state: 'succeeded', settledLate: true });
  await all.owner.stop();
});

it('pieces of a run that left memory are written while its attempt is lost, from its executor alone', async () => {
  const all = await world();
  const piece = (id: RunId, executor: Executor, seq: number): void =>
    all.owner.onChunk(WORKER, { attempt: attemptOf(id), executor, stream: 1, seq, bytes: Buffer.from('x') });
  const [lost, failed] = [await all.ended(LOST), await all.ended(FAILED)];
  piece(lost, OTHER, 0);
  piece(lost, ONE, 1);
  // More than the run keeps.
  piece(lost, ONE, 3);
  piece(failed, ONE, 2);
  await until('those that belong to them to be acknowledged', () => all.acknowledged.length === 2);
  expect(all.acknowledged.sort()).toEqual([`${executorKey(ONE)} 1`, `${executorKey(ONE)} 2`]);
  expect(all.wrote).toEqual([`${executorKey(ONE)} 1`]);
  await all.owner.stop();
});

it('pieces of a run that has a tombstone are answered by it, or by the store where only that can tell', async () => {
  const all = await world();
  const [lost, failed] = [await all.ended(LOST), await all.ended(FAILED)];
  for (const id of [lost, failed]) {
    await held(all, id);
    await until('the run to be let go', () => all.owner.runCount === 0);
  }
  for (const [seq, id] of [lost, failed].entries())
    for (const executor of [OTHER, ONE])
      all.owner.onChunk(WORKER, { attempt: attemptOf(id), executor, stream: 1, seq, bytes: Buffer.from('x') });
  await until('those that belong to them to be acknowledged', () => all.acknowledged.length === 2);
  expect(all.acknowledged.sort()).toEqual([`${executorKey(ONE)} 0`, `${executorKey(ONE)} 1`]);
  expect(all.wrote).toEqual([`${executorKey(ONE)} 0`]);
  expect(all.looks()).toBe(1);
  await all.owner.stop();
});
