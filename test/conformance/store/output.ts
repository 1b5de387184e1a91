/** What every store must do with what executions have written. */
import { describe, expect, it } from 'vitest';
import { begun, done, exited, newRun, newServer, pieceOf, type StoreWorld } from '../store-world.ts';

export function outputConformance(world: () => StoreWorld): void {
  describe('output', () => {
    it('keeps small output once per content, folds by it and reads ranges', async () => {
      const run = await newRun(world(), 3);
      const fence = await run.fenceOf(await newServer(world().store));
      const stdout = { size: 5, head: 5, tail: 0, digest: Buffer.alloc(32, 7), inline: Buffer.from('hello') };
      await world().store.ownerCommit({
        fence,
        executions: [
          done(run.id, 0, { stdout }),
          done(run.id, 1, { stdout }),
          done(run.id, 2, { to: 'failed', outcome: exited(3) }),
        ],
        runs: [],
        timeline: [],
      });
      const groups = await world().store.outputGroups(run.id, { hostsMax: 10, groupsMax: 10 });
      expect(groups.map((g) => [g.state, g.count, g.hosts])).toEqual([
        ['succeeded', 2, ['h0', 'h1']],
        ['failed', 1, ['h2']],
      ]);
      expect(
        Buffer.from(
          (await world().store.outputRead({ runId: run.id, task: 0, ordinal: 1, attempt: 1 }, 1, 1, 3))!,
        ).toString(),
      ).toBe('ell');
    });

    it('takes pieces of runs of several partitions at once, each under its own fence', async () => {
      const serverId = await newServer(world().store);
      const pieces = [];
      const fences = [];
      for (let n = 0; n < 3; n++) {
        const run = await newRun(world(), 1);
        const fence = await run.fenceOf(serverId);
        const executor = await begun(world().store, run.id, fence);
        pieces.push({ ...pieceOf(run.id, executor), seq: 0, bytes: Buffer.of(n) });
        fences.push(fence);
      }
      // Two runs of one partition are under one fence, the later of the two.
      const current = [...new Map(fences.map((fence) => [fence.partition, fence])).values()];
      expect(await world().store.outputChunkWrite(current, pieces)).toEqual(new Set([0, 1, 2]));
    });

    it('reads any range of chunked output as one', async () => {
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(world().store));
      const executor = await begun(world().store, run.id, fence);
      const pieces = ['abcd', 'efgh', 'ij'];
      for (const [seq, text] of pieces.entries()) {
        const chunk = { ...pieceOf(run.id, executor), seq, bytes: Buffer.from(text) };
        expect(await world().store.outputChunkWrite([fence], [chunk])).toEqual(new Set([0]));
        expect(await world().store.outputChunkWrite([fence], [chunk])).toEqual(new Set([0]));
      }
      await world().store.ownerCommit({
        fence,
        executions: [done(run.id, 0, { stdout: { size: 10, head: 10, tail: 0, digest: Buffer.alloc(32, 9) } })],
        runs: [],
        timeline: [],
      });
      for (let from = 0; from < 10; from++) {
        for (let to = from; to <= 11; to++) {
          expect(
            Buffer.from(
              (await world().store.outputRead({ runId: run.id, task: 0, ordinal: 0, attempt: 1 }, 1, from, to - from))!,
            ).toString(),
          ).toBe('abcdefghij'.slice(from, to));
        }
      }
    });
  });
}
