/** What every store must do with runs: as they are created, asked to end and opened anew. */
import { subjectName, hostSubject } from '../../../src/domain/run/subject.ts';
import { describe, expect, it } from 'vitest';
import { newId, newRunId, type RunId } from '../../../src/base/ids.ts';
import { given } from '../../../src/base/given.ts';
import { jobLimits } from '../../../src/base/job-limits.ts';
import { partitionOf } from '../../../src/domain/run/partition.ts';
import { agentExecutor, type Route } from '../../../src/domain/run/executor.ts';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { runResource } from '../../../src/http/routes/runs/run-resource.ts';
import type { ScriptWork } from '../../../src/domain/work/script.ts';
import type { Actor } from '../../../src/store/contract/audit.ts';
import type { Fence } from '../../../src/store/contract/lease.ts';
import { oneTask } from '../../../src/domain/run/new-task.ts';
import type { FirstDispatch } from '../../../src/store/contract/run.ts';
import type { SimulableStore } from '../../support/memory-store/memory-store.ts';
import { plainSpec } from '../../support/run-spec.ts';
import { actor, audit, done, exited, newRun, newServer, spec, type StoreWorld } from '../store-world.ts';

export function runConformance(world: () => StoreWorld): void {
  describe('a run', () => {
    it('is created whole and read back as it was', async () => {
      const { id, fenceOf } = await newRun(world(), 3);
      const run = await world().store.runFetch(id);
      expect(run).toMatchObject({ id, state: 'waiting', hostCount: 3, round: 1, seq: 1, tasks: [{ spec }] });
      expect(run!.permission).toBe('job.run.create');
      expect(
        (await world().store.executionList(id, {}, { limit: 2 })).items.map((e) => subjectName(e.subject)),
      ).toEqual(['h0', 'h1']);
      const { serverId } = await fenceOf(await newServer(world().store));
      expect((await world().store.ownerLook(serverId)).runs).toContainEqual({
        id,
        round: 1,
        isCancelRequested: false,
        isCancelForced: false,
        isPaused: false,
        answers: 0,
      });
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
          ...oneTask(spec, []),
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
        expect((await world().store.runFetch(id))!.tasks).toMatchObject([{ task: 0, spec: special, hostCount: 1 }]);
        expect((await world().store.runSeed(id))!.tasks).toMatchObject([{ task: 0, spec: special, state: 'waiting' }]);
        expect(await world().store.taskSpec(id, 0)).toEqual(special);
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
          ...oneTask(spec, targets),
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

  describe('what one token has under way', () => {
    /** Whose runs together are as much as may be, and one execution less. */
    const stranger = (): Actor => ({ ...actor, id: newId() });
    const own = 8_192 + 1_024;
    const begin = async (by: Actor, hosts: number, steps = 1, id = newRunId(systemClock.nowMs())): Promise<RunId> => {
      const list = Array.from({ length: hosts }, (_, n) => hostSubject(newId<'host'>(), `h${n}`));
      const [only] = oneTask(spec, list).tasks;
      const plan = Array.from({ length: steps }, (_, task) => ({
        name: `stage ${task}`,
        needs: task === 0 ? [] : [task - 1],
        join: 'all-succeeded' as const,
        isFinally: false,
        tasks: [{ task, name: `step ${task}`, needs: [], goesOn: false }],
      }));
      const tasks = plan.map((_, task) => ({ ...only!, isFirst: task === 0 }));
      const run = { id, partition: partitionOf(id), name: 'n', reason: '', createdBy: by, targetExpression: 'all' };
      await world().store.runCreate(
        { ...run, tasks, subjects: [list], ...given({ plan: steps > 1 ? plan : undefined }) },
        audit,
      );
      return id;
    };
    /** As much as may be, but for the load of one more host. @returns runs of one host and of two. */
    const fill = async (by: Actor): Promise<readonly [RunId, RunId]> => {
      const small = [await begin(by, 1), await begin(by, 2)] as const;
      const steps = 500;
      let left = jobLimits.runsUnderWayBytesMax - 2 * own - 3 * 512 - (8_192 + 1_024 * steps) - 2 * own - 512;
      const hosts = Math.floor(left / 512 / steps);
      await begin(by, hosts, steps);
      left -= hosts * 512 * steps;
      await begin(by, left / 512);
      return small;
    };
    const end = async (id: RunId, hosts: number): Promise<void> => {
      const serverId = await newServer(world().store);
      const partition = partitionOf(id);
      await world().store.ownerCommit({
        fence: { partition, serverId, term: await world().own(partition, serverId) },
        executions: Array.from({ length: hosts }, (_, n) => done(id, n)),
        runs: [{ runId: id, to: 'succeeded', counts: { ...emptyCounts(), succeeded: hosts }, finishedAtMs: 3, seq: 5 }],
        timeline: [],
      });
    };
    const refused = expect.objectContaining({ code: 'too-many-runs' }) as Error;

    it('is as much as it may be, and no more before something has ended', async () => {
      const by = stranger();
      const [one, two] = await fill(by);
      await expect(begin(by, 2)).rejects.toEqual(refused);
      await begin(by, 1);
      // Nothing of what was refused is there, and others begin theirs.
      const none = newRunId(systemClock.nowMs());
      await expect(begin(by, 1, 1, none)).rejects.toEqual(refused);
      expect(await world().store.runHead(none)).toBeUndefined();
      await begin(stranger(), 2);
      await end(two, 2);
      await begin(by, 2);
      await end(one, 1);
      await expect(begin(by, 2)).rejects.toEqual(refused);
      // A new round of what was ended is counted as the start that it is, whoever it was before.
      const again = { ...audit, actor: by };
      const asked = await begin(stranger(), 2);
      await end(asked, 2);
      await expect(world().store.runRetry(asked, ['succeeded'], again)).rejects.toEqual(refused);
      expect((await world().store.runHead(asked))!.state).toBe('succeeded');
      expect((await world().store.runRetry(one, ['succeeded'], again)).kind).toBe('opened');
      await expect(begin(by, 1)).rejects.toEqual(refused);
    });

    it('is not exceeded by starts at once, of which one takes nothing from another', async () => {
      const [by, other] = [stranger(), stranger()];
      await fill(by);
      const begun = await Promise.allSettled([begin(by, 1), begin(other, 1), begin(by, 1), begin(by, 1)]);
      const codes = begun.map((one) => (one.status === 'fulfilled' ? 'begun' : (one.reason as { code: string }).code));
      expect([codes[1], codes.toSorted()]).toEqual(['begun', ['begun', 'begun', 'too-many-runs', 'too-many-runs']]);
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
        isCancelForced: false,
        isPaused: false,
        answers: 0,
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

    it('that is forced is asked once, beside the one before or as the first, and a new round knows nothing of it', async () => {
      const { store } = world();
      const [after, first] = [await newRun(world(), 1), await newRun(world(), 1)];
      const other = { ...actor, name: 'other' };
      await store.runCancelRequest(after.id, actor, audit);
      for (const { id } of [after, first]) {
        expect(await store.runCancelRequest(id, other, audit, true)).toBe('requested');
        expect(await store.runCancelRequest(id, actor, audit, true)).toBe('already-requested');
        expect(await store.runCancelRequest(id, actor, audit)).toBe('already-requested');
        expect(await store.runFetch(id)).toMatchObject({
          cancelRequestedBy: id === after.id ? 'tester' : 'other',
          cancelForcedBy: 'other',
        });
      }
      const fence = await first.fenceOf(await newServer(store));
      expect((await store.ownerLook(fence.serverId)).runs).toContainEqual({
        id: first.id,
        round: 1,
        isCancelRequested: true,
        isCancelForced: true,
        isPaused: false,
        answers: 0,
      });
      await store.ownerCommit({
        fence,
        executions: [done(first.id, 0, { to: 'failed', outcome: exited(1) })],
        runs: [{ runId: first.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      await store.runRetry(first.id, ['failed'], audit);
      expect(await store.runFetch(first.id)).not.toHaveProperty('cancelForcedBy');
    });
  });

  describe('a pause', () => {
    it('is asked and taken back, each once, of what is neither over nor being ended', async () => {
      const { store } = world();
      const run = await newRun(world(), 1);
      const { serverId, ...fence } = await run.fenceOf(await newServer(store));
      const look = async (): Promise<boolean | undefined> =>
        (await store.ownerLook(serverId)).runs.find(({ id }) => id === run.id)?.isPaused;
      const none = newRunId(systemClock.nowMs());
      const pause = (id: RunId): Promise<string> => store.runPauseRequest(id, actor, audit);
      const resume = (id: RunId): Promise<string> => store.runResumeRequest(id, actor, audit);
      expect([await resume(run.id), await resume(none), await pause(none)]).toEqual([
        'not-paused',
        'not-found',
        'not-found',
      ]);
      expect([await pause(run.id), await pause(run.id), await look()]).toEqual([
        'requested',
        'already-requested',
        true,
      ]);
      expect(await store.runFetch(run.id)).toMatchObject({ pausedBy: 'tester' });
      const change = { runId: run.id, counts: { ...emptyCounts(), waiting: 1 } };
      const write = (to: 'paused' | 'running', seq: number): Promise<unknown> =>
        store.ownerCommit({
          fence: { serverId, ...fence },
          executions: [],
          runs: [{ ...change, to, seq }],
          timeline: [],
        });
      await write('paused', 4);
      expect(await store.runFetch(run.id)).toMatchObject({ state: 'paused' });
      expect([await resume(run.id), await resume(run.id), await look()]).toEqual(['requested', 'not-paused', false]);
      await write('running', 5);
      const resumed = await store.runFetch(run.id);
      expect(resumed).toMatchObject({ state: 'running', resumedBy: 'tester' });
      expect(resumed).not.toHaveProperty('pausedBy');
      await store.runCancelRequest(run.id, actor, audit);
      expect(await pause(run.id)).toBe('stopping');
      await store.ownerCommit({
        fence: { serverId, ...fence },
        executions: [done(run.id, 0, { to: 'failed', outcome: exited(1) })],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect([await pause(run.id), await resume(run.id)]).toEqual(['already-finished', 'already-finished']);
      // A new round was never paused.
      await store.runRetry(run.id, ['failed'], audit);
      expect(await store.runFetch(run.id)).not.toHaveProperty('resumedBy');
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
