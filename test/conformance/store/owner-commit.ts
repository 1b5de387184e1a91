/** What every store must do with what the owner of a partition decided. */
import { describe, expect, it } from 'vitest';
import { newId, type RunId } from '../../../src/base/ids.ts';
import { agentExecutor } from '../../../src/domain/run/executor.ts';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import { PARTITION_COUNT } from '../../../src/domain/run/partition.ts';
import type { Fence } from '../../../src/store/contract/lease.ts';
import type { LateReportChange } from '../../../src/store/contract/owner-commit.ts';
import { audit, begun, done, exited, newRun, newServer, pieceOf, spec, type StoreWorld } from '../store-world.ts';

export function ownerCommitConformance(world: () => StoreWorld): void {
  describe('an owner', () => {
    it('changes what still is as it thinks, and learns what is not', async () => {
      const run = await newRun(world(), 3);
      const fence = await run.fenceOf(await newServer(world().store));
      const result = await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0), done(run.id, 1, { attempt: 2 }), done(run.id, 2, { from: ['running'] })],
        runs: [],
        timeline: [],
      });
      expect(result).toMatchObject({ kind: 'committed', refused: [1, 2] });
      expect((await world().store.executionFetch({ runId: run.id, task: 0, ordinal: 0 }))?.state).toBe('succeeded');
      const again = await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', outcome: exited(1) })],
        runs: [],
        timeline: [],
      });
      expect(again).toMatchObject({ kind: 'committed', refused: [0] });
    });

    it('keeps no output of a change that is refused', async () => {
      const run = await newRun(world(), 2);
      const fence = await run.fenceOf(await newServer(world().store));
      const output = (n: number) => ({ size: 1, head: 1, tail: 0, digest: Buffer.alloc(32, n), inline: Buffer.of(n) });
      const result = await world().store.ownerCommit({
        fence,
        executions: [
          done(run.id, 0, { stdout: output(1) }),
          done(run.id, 1, { attempt: 2, stdout: output(2), stderr: output(3) }),
        ],
        runs: [],
        timeline: [],
      });
      expect(result).toMatchObject({ refused: [1] });
      expect(await world().outputsKept(run.id)).toBe(1);
    });

    it('writes nothing at all once another term began', async () => {
      const run = await newRun(world(), 1);
      const stale = await run.fenceOf(await newServer(world().store));
      const executor = await begun(world().store, run.id, stale);
      const fence = await run.fenceOf(await newServer(world().store));
      expect(
        await world().store.ownerCommit({ fence: stale, executions: [done(run.id, 0)], runs: [], timeline: [] }),
      ).toEqual({
        kind: 'fenced',
      });
      const piece = { ...pieceOf(run.id, executor), seq: 0, bytes: Buffer.from('x') };
      const other = { ...fence, partition: (fence.partition + 1) % PARTITION_COUNT };
      for (const fences of [[stale], [other], []])
        expect(await world().store.outputChunkWrite(fences, [piece])).toEqual(new Set());
      expect(await world().store.outputChunkWrite([stale, fence], [piece])).toEqual(new Set([0]));
      expect((await world().store.executionFetch({ runId: run.id, task: 0, ordinal: 0 }))?.state).toBe('running');
    });

    it('opens the next attempt together with the failure of this one', async () => {
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(world().store));
      await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', outcome: exited(4), retry: true })],
        runs: [],
        timeline: [],
      });
      const key = { runId: run.id, task: 0, ordinal: 0 };
      expect(await world().store.executionFetch(key)).toMatchObject({ state: 'waiting', attempt: 2 });
      expect(await world().store.executionHistory(key)).toMatchObject([
        { state: 'failed', attempt: 1, outcome: exited(4) },
      ]);
      expect((await world().store.runSeed(run.id))!.executions[0]).toMatchObject({ failuresInRound: 1, attempt: 2 });
    });
  });

  describe('what is known of an attempt', () => {
    it('is told by its key alone, of the present one and of those before it', async () => {
      const run = await newRun(world(), 2);
      const fence = await run.fenceOf(await newServer(world().store));
      const executor = agentExecutor(newId<'agent'>());
      const { outcome: _, ...lost } = done(run.id, 0, { to: 'lost', reason: 'link-lost', route: { executor } });
      await world().store.ownerCommit({
        fence,
        executions: [lost],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), lost: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      const at = (ordinal: number, attempt: number) => ({ runId: run.id, task: 0, ordinal, attempt });
      const keys = [at(0, 2), at(1, 1), at(0, 1), at(9, 1), { ...at(0, 1), runId: newId<'run'>() }];
      const outputKeptBytes = spec.policy.outputKeptBytes;
      const first = { state: 'lost', executor, isTold: false, outputKeptBytes };
      const untouched = { state: 'waiting', isTold: false, outputKeptBytes };
      expect(await world().store.attemptsLook(keys)).toEqual([undefined, untouched, first, undefined, undefined]);
      // Only as it was looked at: of the write before its last nothing is opened.
      expect(await world().store.runRetry(run.id, ['lost'], audit, 5)).toEqual({ kind: 'changed' });
      expect((await world().store.runRetry(run.id, ['lost'], audit, 6)).kind).toBe('opened');
      expect(await world().store.attemptsLook(keys.slice(0, 3))).toEqual([untouched, untouched, first]);
      const told: LateReportChange = { ...done(run.id, 0, { from: ['lost'] }), executor, receivedAtMs: 7 };
      await world().store.ownerCommit({ fence, executions: [], runs: [], timeline: [], lateReports: [told] });
      expect(await world().store.attemptsLook([keys[2]!])).toEqual([{ ...first, isTold: true }]);
    });
  });

  describe('the state of a run', () => {
    it('moves only as the table of its states allows, whatever its owner thinks', async () => {
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(world().store));
      const counts = { ...emptyCounts(), succeeded: 1 };
      const change = { runId: run.id, counts, finishedAtMs: 3 };
      await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0)],
        runs: [{ ...change, to: 'succeeded', seq: 6 }],
        timeline: [],
      });
      await world().store.ownerCommit({
        fence,
        executions: [],
        runs: [{ ...change, to: 'stopping', seq: 7 }],
        timeline: [],
      });
      expect(await world().store.runFetch(run.id)).toMatchObject({ state: 'succeeded', seq: 6 });
    });
  });

  describe('the late truth of a lost execution', () => {
    it('does not end the round that a retry of others has opened meanwhile', async () => {
      const run = await newRun(world(), 2);
      const fence = await run.fenceOf(await newServer(world().store));
      const { outcome: _, ...lost } = done(run.id, 1, { to: 'lost', reason: 'link-lost' });
      await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', outcome: exited(1) }), lost],
        runs: [
          { runId: run.id, to: 'failed', counts: { ...emptyCounts(), failed: 1, lost: 1 }, finishedAtMs: 3, seq: 6 },
        ],
        timeline: [],
      });
      expect((await world().store.runRetry(run.id, ['failed'], audit)).kind).toBe('opened');
      // Its owner has not heard of the retry yet.
      const late = done(run.id, 1, { from: ['lost'], settledLate: true, seq: 7 });
      const counts = { ...emptyCounts(), failed: 1, succeeded: 1 };
      const change = { runId: run.id, to: 'failed', counts, seq: 7, endedRound: 1 } as const;
      expect(await world().store.ownerCommit({ fence, executions: [late], runs: [change], timeline: [] })).toEqual({
        kind: 'committed',
        refused: [0],
        stale: [run.id],
        notKept: [],
      });
      expect(await world().store.runFetch(run.id)).toMatchObject({ state: 'running', counts: { waiting: 1, lost: 1 } });
      expect((await world().store.ownerLook(fence.serverId)).runs).toContainEqual({
        id: run.id,
        round: 2,
        isCancelRequested: false,
        isCancelForced: false,
        isPaused: false,
        answers: 0,
      });
    });
  });

  describe('a late report', () => {
    const key = (runId: RunId) => ({ runId, task: 0, ordinal: 0 });
    const executor = agentExecutor(newId<'agent'>());
    const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 8), inline: Buffer.from('truth') };
    const told = (runId: RunId, more: Partial<LateReportChange> = {}): LateReportChange => ({
      ...done(runId, 0, { stdout, seq: 9, from: ['lost'] }),
      executor,
      receivedAtMs: 7,
      ...more,
    });

    /** Attempt 1 ended in `to`; attempt 2 is open. */
    async function superseded(to: 'lost' | 'failed'): Promise<{ id: RunId; fence: Fence }> {
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(world().store));
      const end = to === 'lost' ? { reason: 'link-lost' } : { outcome: exited(3) };
      const { outcome: _, ...lost } = done(run.id, 0, { to, route: { executor } });
      await world().store.ownerCommit({
        fence,
        executions: [{ ...lost, ...end }],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), [to]: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      expect((await world().store.runRetry(run.id, [to], audit)).kind).toBe('opened');
      return { id: run.id, fence };
    }

    it('is kept beside the lost attempt, once, with its output, and shows on the timeline', async () => {
      const { id, fence } = await superseded('lost');
      const write = (): Promise<unknown> =>
        world().store.ownerCommit({ fence, executions: [], runs: [], timeline: [], lateReports: [told(id)] });
      expect(await write()).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
      expect(await write()).toEqual({ kind: 'committed', refused: [], stale: [], notKept: [] });
      expect(await world().store.executionHistory(key(id))).toMatchObject([
        {
          attempt: 1,
          state: 'lost',
          lateReport: { state: 'succeeded', outcome: exited(0), receivedAtMs: 7, stdout: { size: 5 } },
        },
      ]);
      expect(Buffer.from((await world().store.outputRead({ ...key(id), attempt: 1 }, 1, 0, 10))!).toString()).toBe(
        'truth',
      );
      expect(
        (await world().store.timelineList(id, { limit: 100 })).filter((entry) => entry.kind === 'late-report'),
      ).toMatchObject([{ seq: 9, detail: { hosts: ['h0'], count: 1 } }]);
      expect(await world().store.executionFetch(key(id))).toMatchObject({ attempt: 2, state: 'waiting' });
    });

    it('is the first of those that are told at once, and no output of the others is kept', async () => {
      const { id, fence } = await superseded('lost');
      const other = { size: 3, head: 3, tail: 0, digest: Buffer.alloc(32, 9), inline: Buffer.from('lie') };
      const write = (...lateReports: LateReportChange[]): Promise<unknown> =>
        world().store.ownerCommit({ fence, executions: [], runs: [], timeline: [], lateReports });
      await write(told(id), told(id, { stdout: other }));
      await write(told(id, { stderr: other }));
      expect(await world().store.executionHistory(key(id))).toMatchObject([{ lateReport: { stdout: { size: 5 } } }]);
      expect(await world().outputsKept(id)).toBe(1);
    });

    it('says nothing against an attempt that is not lost, nor from an agent that had no order, nor under a former term', async () => {
      const failed = await superseded('failed');
      await world().store.ownerCommit({
        fence: failed.fence,
        executions: [],
        runs: [],
        timeline: [],
        lateReports: [told(failed.id)],
      });
      const lost = await superseded('lost');
      await world().store.ownerCommit({
        fence: lost.fence,
        executions: [],
        runs: [],
        timeline: [],
        lateReports: [told(lost.id, { executor: agentExecutor(newId<'agent'>()) })],
      });
      expect(
        await world().store.ownerCommit({
          fence: { ...lost.fence, term: lost.fence.term - 1 },
          executions: [],
          runs: [],
          timeline: [],
          lateReports: [told(lost.id)],
        }),
      ).toEqual({ kind: 'fenced' });
      for (const { id } of [failed, lost]) {
        const history = await world().store.executionHistory(key(id));
        expect(history).toHaveLength(1);
        expect(history[0]).not.toHaveProperty('lateReport');
        expect(await world().outputsKept(id)).toBe(0);
        expect(
          (await world().store.timelineList(id, { limit: 100 })).filter((entry) => entry.kind === 'late-report'),
        ).toEqual([]);
      }
    });
  });
}
