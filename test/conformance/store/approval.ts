/** What every store must do with the approvals of a run: answers are added one by one, and its owner decides on nothing that it has not heard. */
import { describe, expect, it } from 'vitest';
import { given } from '../../../src/base/given.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { newRunId } from '../../../src/base/ids.ts';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import type { GatePosition } from '../../../src/domain/gate/gate-position.ts';
import { partitionOf } from '../../../src/domain/run/partition.ts';
import type { AskedQuestion } from '../../../src/store/contract/notice.ts';
import type { CommitResult, TaskChange } from '../../../src/store/contract/owner-commit.ts';
import { actor, audit, newServer, spec, type StoreWorld } from '../store-world.ts';

const ASKING: GatePosition = { phase: 'asking', sinceMs: 7, dueMs: 99, message: 'Go?', heard: 0 };

export function approvalConformance(world: () => StoreWorld): void {
  describe('an approval', () => {
    it('takes answers while it asks, one upon the other, and is decided by its owner with all of them', async () => {
      const { store, own } = world();
      await world().hear();
      const id = newRunId(systemClock.nowMs());
      const partition = partitionOf(id);
      const work = { kind: 'approval', message: 'Go?', count: 2, notByStarter: false, onTimeout: 'fail' } as const;
      const next = { task: 1, name: 'next', needs: [0], goesOn: false };
      await store.runCreate(
        {
          id,
          partition,
          name: 'n',
          reason: 'r',
          createdBy: actor,
          targetExpression: '',
          plan: [
            {
              name: 's',
              needs: [],
              join: 'all-succeeded',
              isFinally: false,
              tasks: [{ task: 0, name: 'ask', needs: [], goesOn: false }, next],
            },
          ],
          job: { name: 'deploy', version: 3 },
          tasks: [
            { spec: { ...spec, work }, subjects: 0, isFirst: true },
            { spec: { ...spec, work: { kind: 'wait', ms: 5 } }, subjects: 0, isFirst: false },
          ],
          subjects: [[]],
        },
        audit,
      );
      const serverId = await newServer(store);
      const fence = { partition, serverId, term: await own(partition, serverId) };
      let seq = 1;
      const write = (
        to: 'paused' | 'succeeded' | 'failed',
        gate: GatePosition,
        more: Partial<TaskChange>[] = [],
        ofGate: Pick<TaskChange, 'asks'> = {},
      ): Promise<CommitResult> => {
        const counts = emptyCounts();
        const tasks = [{ to, gate, ...ofGate }, ...more].map((one, task) => ({
          runId: id,
          task,
          to: 'skipped' as const,
          counts,
          seq: seq + 1,
          ...one,
        }));
        const isOver = to === 'failed';
        const run = { to: isOver ? to : ('paused' as const), ...given({ finishedAtMs: isOver ? 9 : undefined }) };
        const runs = [{ runId: id, counts, seq: ++seq, ...run }];
        return store.ownerCommit({ fence, executions: [], tasks, runs, timeline: [] });
      };
      const say = (name: string, seen: number, askedMs = 7, task = 0): Promise<string> => {
        const answer = { askedMs, isYes: true, by: { id: name, name }, reason: 'r', atMs: 8 };
        return store.runApprove(id, task, answer, seen, audit);
      };
      expect(await say('ann', 0)).toBe('stale');
      expect(await store.runRoundStarter(id)).toBe(actor.id);
      const asked = async (): Promise<readonly AskedQuestion[]> =>
        (await store.askedQuestions(1_000)).filter(({ runId }) => runId === id);
      await write('paused', ASKING, [], { asks: { turn: 7, atMs: 8 } });
      // Later writes of what is asked already.
      await write('paused', ASKING);
      expect(await asked()).toEqual([{ runId: id, round: 1, task: 0, turn: 7, atMs: 8 }]);
      expect((await store.runHead(id))!.asks).toBe(true);
      expect([await say('ann', 0, 6), await say('ann', 1), await say('ann', 0, 7, 9)]).toEqual([
        'stale',
        'changed',
        'not-found',
      ]);
      expect([await say('ann', 0), await say('bob', 0)]).toEqual(['answered', 'changed']);
      const [task] = (await store.runSeed(id))!.tasks;
      expect(task).toMatchObject({ gate: ASKING, approvals: [{ by: { name: 'ann' }, isYes: true, reason: 'r' }] });
      const { runs } = await store.ownerLook(serverId);
      expect(runs.find((one) => one.id === id)?.answers).toBe(1);

      // Its time is up for an owner that has not heard the answer: nothing of that lands, and no step after it begins.
      const late: GatePosition = { ...ASKING, phase: 'over', end: 'timed_out' };
      const refused = await write('failed', late, [{ to: 'waiting', openedAtMs: 5 }], { asks: { turn: 9, atMs: 9 } });
      expect(refused).toMatchObject({ kind: 'committed', stale: [id] });
      expect(await asked()).toMatchObject([{ turn: 7 }]);
      const still = (await store.runFetch(id))!;
      expect([still.state, ...still.tasks!.map(({ state }) => state)]).toEqual(['paused', 'paused', 'created']);

      expect(await say('bob', 1)).toBe('answered');
      expect(await write('succeeded', { ...ASKING, phase: 'over', end: 'succeeded', heard: 2 })).toMatchObject({
        stale: [],
      });
      expect((await store.runFetch(id))!.tasks![0]).toMatchObject({ state: 'succeeded', approvals: [{}, {}] });
      expect((await store.runHead(id))!.asks).toBeUndefined();
      expect(await say('eve', 2)).toBe('stale');
    });
  });
}
