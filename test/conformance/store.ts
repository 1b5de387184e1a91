/** What every store must do of what owner, fleet and the creation of runs use. `make` gives a store on empty tables, and the means that only its tables have. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import {
  newId,
  newRunId,
  partitionOf,
  type AgentId,
  type HostId,
  type RunId,
  type ServerId,
} from '../../src/base/ids.ts';
import { emptyCounts } from '../../src/domain/run/execution-machine.ts';
import { runResource } from '../../src/http/convert.ts';
import type { Fence } from '../../src/store/contract/lease.ts';
import type { OutputChunk } from '../../src/store/contract/output.ts';
import type { LateReportChange } from '../../src/store/contract/owner-commit.ts';
import type { FirstDispatch } from '../../src/store/contract/run.ts';
import type { SimulableStore } from '../support/memory-store/memory-store.ts';
import { fleetConformance } from './store-fleet.ts';
import { actor, audit, done, newServer, spec, type StoreWorld } from './store-world.ts';

function pieceOf(runId: RunId, agentId: AgentId): Omit<OutputChunk, 'seq' | 'bytes'> {
  return { runId, task: 0, ordinal: 0, attempt: 1, stream: 1, agentId };
}

export function storeConformance(make: () => Promise<StoreWorld>): void {
  let world: StoreWorld;
  let store: SimulableStore;
  beforeAll(async () => {
    world = await make();
    store = world.store;
  });
  afterAll(() => world.end());

  async function newRun(hosts: number): Promise<{ id: RunId; fenceOf: (serverId: ServerId) => Promise<Fence> }> {
    const id = newRunId(systemClock.nowMs());
    const targets = Array.from({ length: hosts }, (_, i) => ({ hostId: newId<'host'>() as HostId, hostName: `h${i}` }));
    await store.runCreate(
      {
        id,
        partition: partitionOf(id),
        name: 'n',
        reason: 'r',
        createdBy: actor,
        targetExpression: 'all',
        spec,
        targets,
      },
      audit,
    );
    return {
      id,
      async fenceOf(serverId) {
        const partition = partitionOf(id);
        return { partition, serverId, term: await world.own(partition, serverId) };
      },
    };
  }

  /** Host 0 runs the attempt, by the agent that is answered. */
  async function begun(runId: RunId, fence: Fence): Promise<AgentId> {
    const agentId = newId<'agent'>() as AgentId;
    const { exitCode: _, finishedAtMs: __, ...running } = done(runId, 0, { to: 'running', agentId });
    await store.ownerCommit({ fence, executions: [running], runs: [], timeline: [] });
    return agentId;
  }

  describe('a run', () => {
    it('is created whole and read back as it was', async () => {
      const { id, fenceOf } = await newRun(3);
      const run = await store.runFetch(id);
      expect(run).toMatchObject({ id, state: 'waiting', hostCount: 3, round: 1, seq: 1, spec: { timeoutMs: 1_000 } });
      expect((await store.executionList(id, {}, { limit: 2 })).items.map((e) => e.hostName)).toEqual(['h0', 'h1']);
      const { serverId } = await fenceOf(await newServer(store));
      expect((await store.ownerLook(serverId)).runs).toContainEqual({ id, round: 1, isCancelRequested: false });
    });

    it('pages by a cursor that cannot be made up', async () => {
      const { id } = await newRun(5);
      const first = await store.executionList(id, {}, { limit: 3 });
      const second = await store.executionList(id, {}, { limit: 3, cursor: first.next! });
      expect([...first.items, ...second.items].map((e) => e.ordinal)).toEqual([0, 1, 2, 3, 4]);
      expect(second.next).toBeUndefined();
      await expect(store.executionList(id, {}, { limit: 3, cursor: 'nonsense' })).rejects.toMatchObject({
        code: 'bad-input',
      });
    });
  });

  describe('an owner', () => {
    it('changes what still is as it thinks, and learns what is not', async () => {
      const run = await newRun(3);
      const fence = await run.fenceOf(await newServer(store));
      const result = await store.ownerCommit({
        fence,
        executions: [done(run.id, 0), done(run.id, 1, { attempt: 2 }), done(run.id, 2, { from: ['running'] })],
        runs: [],
        timeline: [],
      });
      expect(result).toMatchObject({ kind: 'committed', refused: [1, 2] });
      expect((await store.executionFetch({ runId: run.id, task: 0, ordinal: 0 }))?.state).toBe('succeeded');
      const again = await store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', exitCode: 1 })],
        runs: [],
        timeline: [],
      });
      expect(again).toMatchObject({ kind: 'committed', refused: [0] });
    });

    it('writes nothing at all once another term began', async () => {
      const run = await newRun(1);
      const stale = await run.fenceOf(await newServer(store));
      await run.fenceOf(await newServer(store));
      expect(await store.ownerCommit({ fence: stale, executions: [done(run.id, 0)], runs: [], timeline: [] })).toEqual({
        kind: 'fenced',
      });
      expect(
        await store.outputChunkWrite(stale, [
          { ...pieceOf(run.id, newId<'agent'>() as AgentId), seq: 0, bytes: Buffer.from('x') },
        ]),
      ).toBe('fenced');
      expect((await store.executionFetch({ runId: run.id, task: 0, ordinal: 0 }))?.state).toBe('waiting');
    });

    it('keeps small output once per content, folds by it and reads ranges', async () => {
      const run = await newRun(3);
      const fence = await run.fenceOf(await newServer(store));
      const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 7), inline: Buffer.from('hello') };
      await store.ownerCommit({
        fence,
        executions: [
          done(run.id, 0, { stdout }),
          done(run.id, 1, { stdout }),
          done(run.id, 2, { to: 'failed', exitCode: 3 }),
        ],
        runs: [],
        timeline: [],
      });
      const groups = await store.outputGroups(run.id, { hostsMax: 10, groupsMax: 10 });
      expect(groups.map((g) => [g.state, g.count, g.hosts])).toEqual([
        ['succeeded', 2, ['h0', 'h1']],
        ['failed', 1, ['h2']],
      ]);
      expect(
        Buffer.from((await store.outputRead({ runId: run.id, task: 0, ordinal: 1, attempt: 1 }, 1, 1, 3))!).toString(),
      ).toBe('ell');
    });

    it('reads any range of chunked output as one', async () => {
      const run = await newRun(1);
      const fence = await run.fenceOf(await newServer(store));
      const agentId = await begun(run.id, fence);
      const pieces = ['abcd', 'efgh', 'ij'];
      for (const [seq, text] of pieces.entries()) {
        const chunk = { ...pieceOf(run.id, agentId), seq, bytes: Buffer.from(text) };
        expect(await store.outputChunkWrite(fence, [chunk])).toEqual(new Set([0]));
        expect(await store.outputChunkWrite(fence, [chunk])).toEqual(new Set([0]));
      }
      await store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { stdout: { size: 10, head: 10, tail: 0, digest: Buffer.alloc(32, 9) } })],
        runs: [],
        timeline: [],
      });
      for (let from = 0; from < 10; from++) {
        for (let to = from; to <= 11; to++) {
          expect(
            Buffer.from(
              (await store.outputRead({ runId: run.id, task: 0, ordinal: 0, attempt: 1 }, 1, from, to - from))!,
            ).toString(),
          ).toBe('abcdefghij'.slice(from, to));
        }
      }
    });

    it('opens the next attempt together with the failure of this one', async () => {
      const run = await newRun(1);
      const fence = await run.fenceOf(await newServer(store));
      await store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', exitCode: 4, retry: true })],
        runs: [],
        timeline: [],
      });
      const key = { runId: run.id, task: 0, ordinal: 0 };
      expect(await store.executionFetch(key)).toMatchObject({ state: 'waiting', attempt: 2 });
      expect(await store.executionHistory(key)).toMatchObject([{ state: 'failed', attempt: 1, exitCode: 4 }]);
      expect((await store.runSeed(run.id))!.executions[0]).toMatchObject({ failuresInRound: 1, attempt: 2 });
    });
  });

  describe('a retry', () => {
    it('opens one round over the chosen states, however often it is asked at once', async () => {
      const run = await newRun(2);
      const fence = await run.fenceOf(await newServer(store));
      expect(await store.runRetry(run.id, ['failed'], audit)).toEqual({ kind: 'not-finished' });
      const counts = { ...emptyCounts(), succeeded: 1, failed: 1 };
      await store.ownerCommit({
        fence,
        executions: [done(run.id, 0), done(run.id, 1, { to: 'failed', exitCode: 1 })],
        runs: [{ runId: run.id, to: 'failed', counts, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect((await store.ownerLook(fence.serverId)).runs.map(({ id }) => id)).not.toContain(run.id);
      expect(await store.runRetry(run.id, ['lost'], audit)).toEqual({ kind: 'nothing-to-retry' });
      const answers = await Promise.all([
        store.runRetry(run.id, ['failed'], audit),
        store.runRetry(run.id, ['failed'], audit),
      ]);
      expect(answers.map((a) => a.kind).sort()).toEqual(['not-finished', 'opened']);
      expect(await store.runFetch(run.id)).toMatchObject({
        state: 'running',
        round: 2,
        counts: { waiting: 1, succeeded: 1 },
      });
    });
  });

  describe('how long a run took', () => {
    it('is the sum of its rounds, without the time between them', async () => {
      const run = await newRun(1);
      const fence = await run.fenceOf(await newServer(store));
      const end = async (atMs: number, seq: number, attempt: number): Promise<unknown> =>
        store.ownerCommit({
          fence,
          executions: [done(run.id, 0, { to: 'failed', exitCode: 1, attempt, seq })],
          runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: atMs, seq }],
          timeline: [],
        });
      const { createdAtMs } = (await store.runFetch(run.id))!;
      await end(createdAtMs + 5_000, 6, 1);
      await store.runRetry(run.id, ['failed'], audit);
      // Nobody looked at it for an hour.
      const HOUR_MS = 3_600_000;
      await world.roundBegan(run.id, createdAtMs + HOUR_MS);
      await end(createdAtMs + HOUR_MS + 2_000, 8, 2);
      const record = (await store.runFetch(run.id))!;
      expect([record.earlierRoundsMs, runResource(record).durationMs]).toEqual([5_000, 7_000]);
      await store.runRetry(run.id, ['failed'], audit);
      expect((await store.runFetch(run.id))!.earlierRoundsMs).toBe(7_000);
    });
  });

  describe('the late truth of a lost execution', () => {
    it('does not end the round that a retry of others has opened meanwhile', async () => {
      const run = await newRun(2);
      const fence = await run.fenceOf(await newServer(store));
      const { exitCode: _, ...lost } = done(run.id, 1, { to: 'lost', reason: 'link-lost' });
      await store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', exitCode: 1 }), lost],
        runs: [
          { runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1, lost: 1 }, finishedAtMs: 3, seq: 6 },
        ],
        timeline: [],
      });
      expect((await store.runRetry(run.id, ['failed'], audit)).kind).toBe('opened');
      // Its owner has not heard of the retry yet.
      const late = done(run.id, 1, { from: ['lost'], settledLate: true, seq: 7 });
      const counts = { ...emptyCounts(), failed: 1, succeeded: 1 };
      const change = { runId: run.id, to: 'failed', counts, seq: 7, endedRound: 1 } as const;
      expect(await store.ownerCommit({ fence, executions: [late], runs: [change], timeline: [] })).toEqual({
        kind: 'committed',
        refused: [0],
        stale: [run.id],
        notKept: [],
      });
      expect(await store.runFetch(run.id)).toMatchObject({ state: 'running', counts: { waiting: 1, lost: 1 } });
      expect((await store.ownerLook(fence.serverId)).runs).toContainEqual({
        id: run.id,
        round: 2,
        isCancelRequested: false,
      });
    });
  });

  describe('a late report', () => {
    const key = (runId: RunId) => ({ runId, task: 0, ordinal: 0 });
    const agentId = newId<'agent'>() as AgentId;
    const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 8), inline: Buffer.from('truth') };
    const told = (runId: RunId, more: Partial<LateReportChange> = {}): LateReportChange => ({
      ...done(runId, 0, { agentId, stdout, seq: 9, from: ['lost'] }),
      receivedAtMs: 7,
      ...more,
    });

    /** Attempt 1 ended in `to`; attempt 2 is open. */
    async function superseded(to: 'lost' | 'failed'): Promise<{ id: RunId; fence: Fence }> {
      const run = await newRun(1);
      const fence = await run.fenceOf(await newServer(store));
      const end = to === 'lost' ? { reason: 'link-lost' } : { exitCode: 3 };
      const { exitCode: _, ...lost } = done(run.id, 0, { to, agentId });
      await store.ownerCommit({
        fence,
        executions: [{ ...lost, ...end }],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), [to]: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect((await store.runRetry(run.id, [to], audit)).kind).toBe('opened');
      return { id: run.id, fence };
    }

    it('is kept beside the lost attempt, once, with its output, and shows on the timeline', async () => {
      const { id, fence } = await superseded('lost');
      const write = (): Promise<unknown> =>
        store.ownerCommit({ fence, executions: [], runs: [], timeline: [], lateReports: [told(id)] });
      expect(await write()).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
      expect(await write()).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
      expect(await store.executionHistory(key(id))).toMatchObject([
        {
          attempt: 1,
          state: 'lost',
          lateReport: { state: 'succeeded', exitCode: 0, receivedAtMs: 7, stdout: { size: 5 } },
        },
      ]);
      expect(Buffer.from((await store.outputRead({ ...key(id), attempt: 1 }, 1, 0, 10))!).toString()).toBe('truth');
      expect(
        (await store.timelineList(id, { limit: 100 })).filter((entry) => entry.kind === 'late-report'),
      ).toMatchObject([{ seq: 9, detail: { hosts: ['h0'], count: 1 } }]);
      expect(await store.executionFetch(key(id))).toMatchObject({ attempt: 2, state: 'waiting' });
    });

    it('says nothing against an attempt that is not lost, nor from an agent that had no order, nor under a former term', async () => {
      const failed = await superseded('failed');
      await store.ownerCommit({
        fence: failed.fence,
        executions: [],
        runs: [],
        timeline: [],
        lateReports: [told(failed.id)],
      });
      const lost = await superseded('lost');
      await store.ownerCommit({
        fence: lost.fence,
        executions: [],
        runs: [],
        timeline: [],
        lateReports: [told(lost.id, { agentId: newId<'agent'>() as AgentId })],
      });
      expect(
        await store.ownerCommit({
          fence: { ...lost.fence, term: lost.fence.term - 1 },
          executions: [],
          runs: [],
          timeline: [],
          lateReports: [told(lost.id)],
        }),
      ).toEqual({ kind: 'fenced' });
      for (const { id } of [failed, lost]) {
        const history = await store.executionHistory(key(id));
        expect(history).toHaveLength(1);
        expect(history[0]).not.toHaveProperty('lateReport');
        expect((await store.timelineList(id, { limit: 100 })).filter((entry) => entry.kind === 'late-report')).toEqual(
          [],
        );
      }
    });
  });

  describe('a run that is written with its first step', () => {
    const [agentId, agentInstance, workerId] = [newId<'agent'>(), newId(), newId<'worker'>()];
    const create = (id: RunId, fence: Fence): ReturnType<SimulableStore['runCreate']> => {
      const hosts = ['h0', 'h1'].map((hostName) => ({ hostId: newId<'host'>(), hostName }));
      const counts = { ...emptyCounts(), waiting: 1, dispatched: 1 };
      const dispatch: FirstDispatch = {
        fence,
        executions: [{ ordinal: 1, agentId, agentInstance, workerId }],
        dispatchedAtMs: 7,
        run: { runId: id, to: 'running', counts, seq: 2, startedAtMs: 7 },
        timeline: [{ runId: id, seq: 2, kind: 'dispatched', atMs: 7, detail: {} }],
      };
      const [name, targets] = ['n', hosts];
      return store.runCreate(
        {
          id,
          partition: fence.partition,
          name,
          reason: '',
          createdBy: actor,
          targetExpression: '*',
          spec,
          targets,
          dispatch,
        },
        audit,
      );
    };

    it('has it only while the term is the current one', async () => {
      const id = newRunId(systemClock.nowMs());
      const partition = partitionOf(id);
      const serverId = await newServer(store);
      const fence = { partition, serverId, term: await world.own(partition, serverId) };
      expect(await create(id, fence)).toMatchObject({ state: 'running', seq: 2, startedAtMs: 7 });
      expect((await store.runSeed(id))!.executions).toMatchObject([
        { state: 'waiting', attempt: 1 },
        { state: 'dispatched', agentId, agentInstance, workerId, dispatchedAtMs: 7 },
      ]);
      expect((await store.timelineList(id, { limit: 9 })).map(({ kind }) => kind)).toEqual(['created', 'dispatched']);
      await world.own(partition, serverId);
      const late = (newRunId(systemClock.nowMs()).slice(0, 34) + id.slice(34)) as RunId;
      expect(await create(late, fence)).toMatchObject({ state: 'waiting', seq: 1, counts: { waiting: 2 } });
      expect((await store.runSeed(late))!.executions).toMatchObject([{ state: 'waiting' }, { state: 'waiting' }]);
    });
  });

  describe('a cancel', () => {
    it('is asked once, of what is not over', async () => {
      const run = await newRun(1);
      const ask = (id: RunId): Promise<string> => store.runCancelRequest(id, actor, audit);
      expect([await ask(run.id), await ask(run.id), await ask(newRunId(systemClock.nowMs()))]).toEqual([
        'requested',
        'already-requested',
        'not-found',
      ]);
      expect(await store.runFetch(run.id)).toMatchObject({ cancelRequestedBy: 'tester' });
      const { serverId } = await run.fenceOf(await newServer(store));
      expect((await store.ownerLook(serverId)).runs).toContainEqual({
        id: run.id,
        round: 1,
        isCancelRequested: true,
      });
      await store.ownerCommit({
        fence: await run.fenceOf(await newServer(store)),
        executions: [done(run.id, 0, { to: 'failed', exitCode: 1 })],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect(await ask(run.id)).toBe('already-finished');
      // A new round was not asked to end.
      await store.runRetry(run.id, ['failed'], audit);
      expect(await store.runFetch(run.id)).not.toHaveProperty('cancelRequestedBy');
    });
  });

  describe('the state of a run', () => {
    it('moves only as the table of its states allows, whatever its owner thinks', async () => {
      const run = await newRun(1);
      const fence = await run.fenceOf(await newServer(store));
      const counts = { ...emptyCounts(), succeeded: 1 };
      const change = { runId: run.id, counts, finishedAtMs: 3 };
      await store.ownerCommit({
        fence,
        executions: [done(run.id, 0)],
        runs: [{ ...change, to: 'succeeded', seq: 6 }],
        timeline: [],
      });
      await store.ownerCommit({ fence, executions: [], runs: [{ ...change, to: 'stopping', seq: 7 }], timeline: [] });
      expect(await store.runFetch(run.id)).toMatchObject({ state: 'succeeded', seq: 6 });
    });
  });

  fleetConformance(() => world);
}
