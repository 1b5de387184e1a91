/** What every store must do with output values. */
import { describe, expect, it } from 'vitest';
import { given } from '../../../src/base/given.ts';
import { newId } from '../../../src/base/ids.ts';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import { agentExecutor } from '../../../src/domain/run/executor.ts';
import type { ExecutionChange } from '../../../src/store/contract/owner-commit.ts';
import { audit, done, exited, newRun, newServer, type StoreWorld } from '../store-world.ts';
import { subjectName } from '../../../src/domain/run/subject.ts';

const PAGE = { limit: 10, bytesMax: 1_000_000 };

export function outputValueConformance(world: () => StoreWorld): void {
  describe('output values', () => {
    const written = async (hosts: number, changes: (ordinal: number) => Partial<ExecutionChange>) => {
      const run = await newRun(world(), hosts);
      const fence = await run.fenceOf(await newServer(world().store));
      const executions = Array.from({ length: hosts }, (_, ordinal) => done(run.id, ordinal, changes(ordinal)));
      await world().store.ownerCommit({ fence, executions, runs: [], timeline: [] });
      return { run, fence };
    };

    it('are kept with the ends that land, of those that told some', async () => {
      const { run } = await written(
        4,
        (ordinal) =>
          [
            { values: { values: { b: '2', a: 'x\ny "q" \u{1f600}' } } },
            {},
            { values: { values: {}, fault: 'Line 1 is nothing.' }, to: 'failed' as const, outcome: exited(1) },
            { values: { values: { a: '3' } }, attempt: 2 },
          ][ordinal]!,
      );
      const { items, next } = await world().store.outputValuesList(run.id, {}, PAGE);
      expect(next).toBeUndefined();
      expect(items).toMatchObject([
        { task: 0, ordinal: 0, attempt: 1, state: 'succeeded', values: { a: 'x\ny "q" \u{1f600}', b: '2' } },
        { task: 0, ordinal: 2, attempt: 1, state: 'failed', values: {}, fault: 'Line 1 is nothing.' },
      ]);
      expect(subjectName(items[0]!.subject)).toBe('h0');
      expect(items[0]).not.toHaveProperty('fault');
      expect((await world().store.outputValuesList(run.id, { hostName: 'h2' }, PAGE)).items).toHaveLength(1);
      expect((await world().store.outputValuesList(run.id, { task: 1 }, PAGE)).items).toEqual([]);
      expect((await world().store.outputValuesList(newId<'run'>(), {}, PAGE)).items).toEqual([]);
    });

    it('of an attempt that is tried again are those of the new one, and can still be asked for', async () => {
      const { run, fence } = await written(1, () => ({
        to: 'failed',
        outcome: exited(1),
        values: { values: { a: 'first' } },
        retry: true,
      }));
      expect((await world().store.outputValuesList(run.id, {}, PAGE)).items).toEqual([]);
      const again = done(run.id, 0, { attempt: 2, values: { values: { a: 'second' } } });
      await world().store.ownerCommit({ fence, executions: [again], runs: [], timeline: [] });
      expect((await world().store.outputValuesList(run.id, {}, PAGE)).items).toMatchObject([
        { attempt: 2, values: { a: 'second' } },
      ]);
      expect((await world().store.outputValuesList(run.id, { attempt: 1 }, PAGE)).items).toMatchObject([
        { attempt: 1, state: 'succeeded', values: { a: 'first' } },
      ]);
    });

    it('of a lost attempt come with its late report, and only the first', async () => {
      const executor = agentExecutor(newId<'agent'>());
      const run = await newRun(world(), 1);
      const fence = await run.fenceOf(await newServer(world().store));
      const { outcome: _, ...lost } = done(run.id, 0, { to: 'lost', reason: 'link-lost', route: { executor } });
      await world().store.ownerCommit({
        fence,
        executions: [lost],
        runs: [{ runId: run.id, to: 'failed', counts: { ...emptyCounts(), lost: 1 }, finishedAtMs: 3, seq: 6 }],
        timeline: [],
      });
      await world().store.runRetry(run.id, ['lost'], audit);
      for (const a of ['truth', 'another'])
        await world().store.ownerCommit({
          fence,
          executions: [],
          runs: [],
          timeline: [],
          lateReports: [
            { ...done(run.id, 0, { from: ['lost'], values: { values: { a } } }), executor, receivedAtMs: 7 },
          ],
        });
      expect((await world().store.outputValuesList(run.id, {}, PAGE)).items).toEqual([]);
      expect((await world().store.outputValuesList(run.id, { attempt: 1 }, PAGE)).items).toMatchObject([
        { values: { a: 'truth' } },
      ]);
    });

    it.each([
      ['rows', { limit: 2, bytesMax: 1_000_000 }],
      ['bytes', { limit: 10, bytesMax: 30 }],
      ['a single row that is larger', { limit: 10, bytesMax: 1 }],
    ])('are read page by page, each once, where a page ends by its %s', async (_by, page) => {
      const { run } = await written(5, (ordinal) => ({ values: { values: { a: 'x'.repeat(9 + ordinal) } } }));
      const seen: number[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const { items, next } = await world().store.outputValuesList(run.id, {}, { ...page, ...given({ cursor }) });
        seen.push(...items.map(({ ordinal }) => ordinal));
        cursor = next;
        pages++;
      } while (cursor !== undefined);
      expect(seen).toEqual([0, 1, 2, 3, 4]);
      expect(pages).toBeGreaterThan(2);
    });
  });
}
