/** What every store must do with ends of runs that somebody is to be told of. */
import { describe, expect, it } from 'vitest';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import type { EndedRun } from '../../../src/store/contract/notice.ts';
import { done, exited, newRun, newServer, type StoreWorld } from '../store-world.ts';

export function noticeConformance(world: () => StoreWorld): void {
  describe('the end of a run', () => {
    const failed = { ...emptyCounts(), failed: 1 };
    const ends = async (runId: string): Promise<readonly EndedRun[]> =>
      (await world().store.endedRuns(1_000)).filter((end) => end.runId === runId);

    it('is noted with the write that makes it one, once, and only where somebody is to be told', async () => {
      const { store } = world();
      const run = await newRun(world(), 1);
      const stale = await run.fenceOf(await newServer(store));
      const fence = await run.fenceOf(await newServer(store));
      const end = (seq: number) => ({
        executions: [done(run.id, 0, { to: 'failed' as const, outcome: exited(1), seq })],
        runs: [{ runId: run.id, to: 'failed' as const, counts: failed, finishedAtMs: 7, seq }],
        timeline: [],
      });
      expect(await store.ownerCommit({ fence: stale, ...end(2) })).toEqual({ kind: 'fenced' });
      await world().hear();
      expect(await ends(run.id)).toEqual([]);
      await store.ownerCommit({
        fence,
        executions: [],
        runs: [{ runId: run.id, to: 'running', counts: failed, seq: 2 }],
        timeline: [],
      });
      expect(await ends(run.id)).toEqual([]);
      await store.ownerCommit({ fence, ...end(3) });
      const noted = [{ runId: run.id, round: 1, state: 'failed', counts: failed, atMs: 7 }];
      expect(await ends(run.id)).toEqual(noted);
      // As a late report does, which changes nothing of the verdict.
      await store.ownerCommit({
        fence,
        executions: [],
        runs: [{ runId: run.id, to: 'failed', counts: failed, seq: 4, endedRound: 1 }],
        timeline: [],
      });
      expect(await ends(run.id)).toEqual(noted);
    });

    it('is not noted where nobody is to be told', async () => {
      const { store } = world();
      await world().hear(false);
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(store));
      await store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { to: 'failed', outcome: exited(1) })],
        runs: [{ runId: run.id, to: 'failed', counts: failed, finishedAtMs: 7, seq: 5 }],
        timeline: [],
      });
      expect(await ends(run.id)).toEqual([]);
    });
  });
}
