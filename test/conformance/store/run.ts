/** What every store must do with runs: as they are created, asked to end and opened anew. */
import { hostSubject } from '../../../src/domain/run/subject.ts';
import { describe, expect, it } from 'vitest';
import { newId, newRunId, type RunId } from '../../../src/base/ids.ts';
import { partitionOf } from '../../../src/domain/run/partition.ts';
import { agentExecutor, type Route } from '../../../src/domain/run/executor.ts';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { runResource } from '../../../src/http/routes/runs/run-resource.ts';
import type { ScriptWork } from '../../../src/domain/work/script.ts';
import type { Fence } from '../../../src/store/contract/lease.ts';
import type { FirstDispatch } from '../../../src/store/contract/run.ts';
import type { SimulableStore } from '../../support/memory-store/memory-store.ts';
import { plainSpec } from '../../support/run-spec.ts';
import { actor, audit, done, exited, newRun, newServer, spec, type StoreWorld } from '../store-world.ts';

export function runConformance(world: () => StoreWorld): void {
  describe('a run', () => {
    it('is created whole and read back as it was', async () => {
      const { id, fenceOf } = await newRun(world(), 3);
      const run = await world().store.runFetch(id);
      expect(run).toMatchObject({ id, state: 'waiting', hostCount: 3, round: 1, seq: 1, spec });
      expect(run!.permission).toBe('job.run.create');
      expect((await world().store.executionList(id, {}, { limit: 2 })).items.map((e) => e.subject.name)).toEqual([
        'h0',
        'h1',
      ]);
      const { serverId } = await fenceOf(await newServer(world().store));
      expect((await world().store.ownerLook(serverId)).runs).toContainEqual({ id, round: 1, isCancelRequested: false });
    });
  });

  describe('a run that needed another permission', () => {
    it('remembers it, for whoever reads or retries it', async () => {
      const { store } = world();
      const permission = 'fleet.agent.install';
      const id = newRunId(systemClock.nowMs());
      const created = await store.runCreate(
        {
          id,
          partition: partitionOf(id),
          name: 'n',
          reason: 'r',
          createdBy: actor,
          permission,
          targetExpression: 'all',
          spec,
          targets: [],
        },
        audit,
      );
      const read = [created, await store.runFetch(id), (await store.runSeed(id))!.run];
      expect(read.map((run) => run!.permission)).toEqual([permission, permission, permission]);
    });
  });

  describe('the work of runs', () => {
    it('is kept once however many ask for it at once, apart from how they go about it, and read back as it was', async () => {
      const before = await world().workKept();
      const work: ScriptWork = {
        kind: 'script',
        program: { form: 'text', text: Buffer.from(`#!/bin/sh\necho ${newId()}\n\0\xff`, 'latin1') },
        lang: 'sh',
        args: ['a b', ''],
        env: { B: '2', A: '1' },
        params: { p: 'ü' },
        secretNames: ['TOKEN'],
        cwd: '/tmp',
        stdin: Buffer.from([0, 255]),
      };
      const specs = Array.from({ length: 20 }, (_, i) => ({
        ...plainSpec({
          policy: { retries: i, maxFailed: { kind: 'share', percent: 10 } },
          placement: { user: `u${i}` },
        }),
        // Half of them in the other order: nobody may wait for whom waits for them.
        work: i % 2 === 0 ? work : { ...work, args: [] },
      }));
      const runs = await Promise.all(
        [...specs, ...specs.toReversed()].map(async (special) => ({ ...(await newRun(world(), 1, special)), special })),
      );
      // Around midnight there are two days.
      expect([2, 4]).toContain((await world().workKept()) - before);
      for (const { id, special } of runs) {
        expect((await world().store.runFetch(id))!.spec).toEqual(special);
        expect((await world().store.runSeed(id))!.spec).toEqual(special);
        expect(await world().store.runSpec(id)).toEqual(special);
      }
    });
  });

  describe('a run that is written with its first step', () => {
    const route: Route = {
      executor: agentExecutor(newId<'agent'>()),
      instance: newId(),
      workerId: newId<'worker'>(),
    };
    const create = (id: RunId, fence: Fence): ReturnType<SimulableStore['runCreate']> => {
      const hosts = ['h0', 'h1'].map((hostName) => hostSubject(newId<'host'>(), hostName));
      const counts = { ...emptyCounts(), waiting: 1, dispatched: 1 };
      const dispatch: FirstDispatch = {
        fence,
        executions: [{ ordinal: 1, route }],
        dispatchedAtMs: 7,
        run: { runId: id, to: 'running', counts, seq: 2, startedAtMs: 7 },
        timeline: [{ runId: id, seq: 2, kind: 'dispatched', atMs: 7, detail: {} }],
      };
      const [name, targets] = ['n', hosts];
      return world().store.runCreate(
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
      const serverId = await newServer(world().store);
      const fence = { partition, serverId, term: await world().own(partition, serverId) };
      expect(await create(id, fence)).toMatchObject({ state: 'running', seq: 2, startedAtMs: 7 });
      expect((await world().store.runSeed(id))!.executions).toMatchObject([
        { state: 'waiting', attempt: 1 },
        { state: 'dispatched', route, dispatchedAtMs: 7 },
      ]);
      expect((await world().store.timelineList(id, { limit: 9 })).map(({ kind }) => kind)).toEqual([
        'created',
        'dispatched',
      ]);
      await world().own(partition, serverId);
      const late = (newRunId(systemClock.nowMs()).slice(0, 34) + id.slice(34)) as RunId;
      expect(await create(late, fence)).toMatchObject({ state: 'waiting', seq: 1, counts: { waiting: 2 } });
      expect((await world().store.runSeed(late))!.executions).toMatchObject([
        { state: 'waiting' },
        { state: 'waiting' },
      ]);
    });
  });

  describe('a cancel', () => {
    it('is asked once, of what is not over', async () => {
      const run = await newRun(world(), 1);
      const ask = (id: RunId): Promise<string> => world().store.runCancelRequest(id, actor, audit);
      expect([await ask(run.id), await ask(run.id), await ask(newRunId(systemClock.nowMs()))]).toEqual([
        'requested',
        'already-requested',
        'not-found',
      ]);
      expect(await world().store.runFetch(run.id)).toMatchObject({ cancelRequestedBy: 'tester' });
      const { serverId } = await run.fenceOf(await newServer(world().store));
      expect((await world().store.ownerLook(serverId)).runs).toContainEqual({
        id: run.id,
        round: 1,
        isCancelRequested: true,
      });
      await world().store.ownerCommit({
        fence: await run.fenceOf(await newServer(world().store)),
        executions: [done(run.id, 0, { to: 'failed', outcome: exited(1) })],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect(await ask(run.id)).toBe('already-finished');
      // A new round was not asked to end.
      await world().store.runRetry(run.id, ['failed'], audit);
      expect(await world().store.runFetch(run.id)).not.toHaveProperty('cancelRequestedBy');
    });
  });

  describe('a retry', () => {
    it('opens one round over the chosen states, however often it is asked at once', async () => {
      const run = await newRun(world(), 2);
      const fence = await run.fenceOf(await newServer(world().store));
      expect(await world().store.runRetry(run.id, ['failed'], audit)).toEqual({ kind: 'not-finished' });
      const counts = { ...emptyCounts(), succeeded: 1, failed: 1 };
      await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0), done(run.id, 1, { to: 'failed', outcome: exited(1) })],
        runs: [{ runId: run.id, to: 'failed', counts, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect((await world().store.ownerLook(fence.serverId)).runs.map(({ id }) => id)).not.toContain(run.id);
      expect(await world().store.runRetry(run.id, ['lost'], audit)).toEqual({ kind: 'nothing-to-retry' });
      const answers = await Promise.all([
        world().store.runRetry(run.id, ['failed'], audit),
        world().store.runRetry(run.id, ['failed'], audit),
      ]);
      expect(answers.map((a) => a.kind).sort()).toEqual(['not-finished', 'opened']);
      expect(await world().store.runFetch(run.id)).toMatchObject({
        state: 'running',
        round: 2,
        counts: { waiting: 1, succeeded: 1 },
      });
    });
  });

  describe('how long a run took', () => {
    it('is the sum of its rounds, without the time between them', async () => {
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(world().store));
      const end = async (atMs: number, seq: number, attempt: number): Promise<unknown> =>
        world().store.ownerCommit({
          fence,
          executions: [done(run.id, 0, { to: 'failed', outcome: exited(1), attempt, seq })],
          runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: atMs, seq }],
          timeline: [],
        });
      const { createdAtMs } = (await world().store.runFetch(run.id))!;
      await end(createdAtMs + 5_000, 6, 1);
      await world().store.runRetry(run.id, ['failed'], audit);
      // Nobody looked at it for an hour.
      const HOUR_MS = 3_600_000;
      await world().roundBegan(run.id, createdAtMs + HOUR_MS);
      await end(createdAtMs + HOUR_MS + 2_000, 8, 2);
      const record = (await world().store.runFetch(run.id))!;
      expect([record.earlierRoundsMs, runResource(record).durationMs]).toEqual([5_000, 7_000]);
      await world().store.runRetry(run.id, ['failed'], audit);
      expect((await world().store.runFetch(run.id))!.earlierRoundsMs).toBe(7_000);
    });
  });
}
