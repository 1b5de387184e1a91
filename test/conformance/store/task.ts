/** What every store must do with the tasks of a run that has a plan: they have executions from their turn on, and states of their own. */
import { describe, expect, it } from 'vitest';
import { newId, newRunId, type RunId } from '../../../src/base/ids.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { emptyCounts } from '../../../src/domain/crew/execution-machine.ts';
import { partitionOf } from '../../../src/domain/run/partition.ts';
import type { RunPlan } from '../../../src/domain/run/plan.ts';
import { hostSubject, itemSubject } from '../../../src/domain/run/subject.ts';
import type { Fence } from '../../../src/store/contract/lease.ts';
import type { TaskChange } from '../../../src/store/contract/owner-commit.ts';
import type { RunChange } from '../../../src/store/contract/run.ts';
import { actor, audit, done, exited, newServer, spec, type StoreWorld } from '../store-world.ts';

const task = (number: number, needs: number[] = []): RunPlan[number]['tasks'][number] => ({
  task: number,
  name: `step ${number}`,
  needs,
  goesOn: false,
});
/** Two steps, one after the other, and a third in a stage of its own. */
const PLAN: RunPlan = [
  {
    name: 'first',
    needs: [],
    join: 'all-succeeded',
    isFinally: false,
    tasks: [{ ...task(0), outputs: [{ name: 'v', type: 'string', from: 'first' }] }, task(1, [0])],
  },
  { name: 'second', needs: [0], join: 'all-succeeded', isFinally: false, tasks: [task(2)] },
];
const HOSTS = ['h0', 'h1'].map((name) => hostSubject(newId<'host'>(), name));
const specs = [5, 6, 7].map((retries) => ({ ...spec, policy: { ...spec.policy, retries } }));
const waiting = (count: number): ReturnType<typeof emptyCounts> => ({ ...emptyCounts(), waiting: count });

async function planned({ store, own }: StoreWorld): Promise<{ id: RunId; fence: Fence }> {
  const id = newRunId(systemClock.nowMs());
  const partition = partitionOf(id);
  await store.runCreate(
    {
      id,
      partition,
      name: 'n',
      reason: 'r',
      createdBy: actor,
      targetExpression: 'all',
      plan: PLAN,
      job: { name: 'deploy', version: 3 },
      tasks: specs.map((special, number) => ({
        spec: special,
        subjects: number === 1 ? 1 : 0,
        isFirst: number === 0,
        sealedSecrets: Buffer.from(`secret ${number}`),
      })),
      subjects: [HOSTS, HOSTS.slice(1)],
    },
    audit,
  );
  const serverId = await newServer(store);
  return { id, fence: { partition, serverId, term: await own(partition, serverId) } };
}

/** Both hosts of the first step have succeeded, and the second has its turn. */
function firstStepOver(runId: RunId): { tasks: TaskChange[]; runs: RunChange[] } {
  const counts = { ...emptyCounts(), succeeded: 2 };
  return {
    tasks: [
      { runId, task: 0, to: 'succeeded', counts, seq: 2 },
      { runId, task: 1, to: 'waiting', counts: waiting(1), openedAtMs: 77, seq: 2 },
    ],
    runs: [{ runId, to: 'running', counts: { ...counts, waiting: 1 }, seq: 2 }],
  };
}

export function taskConformance(world: () => StoreWorld): void {
  describe('the rollout of a task', () => {
    const position = {
      batch: 0,
      phase: 'asking',
      sinceMs: 7,
      turn: 1,
      why: 'between',
      failedBefore: 0,
      accepted: 0,
    } as const;

    it('is kept with it, takes one answer to each question, and begins anew with a round', async () => {
      const { store } = world();
      const { id, fence } = await planned(world());
      const write = (change: Partial<TaskChange>, ended = false): Promise<unknown> => {
        const counts = ended ? { ...emptyCounts(), succeeded: 1, failed: 1 } : waiting(2);
        const tasks = [0, ...(ended ? [1, 2] : [])].map((number): TaskChange => {
          const to = number > 0 ? 'skipped' : ended ? 'failed' : 'paused';
          return { runId: id, task: number, to, counts: number > 0 ? emptyCounts() : counts, seq: 3, ...change };
        });
        const executions = ended ? [done(id, 0, {}), done(id, 1, { to: 'failed', outcome: exited(1) })] : [];
        const run = ended ? { to: 'failed' as const, finishedAtMs: 9 } : { to: 'paused' as const };
        return store.ownerCommit({
          fence,
          executions,
          tasks,
          runs: [{ runId: id, counts, seq: 3, ...run }],
          timeline: [],
        });
      };
      const say = (turn: number, goesOn: boolean, number = 0): Promise<string> =>
        store.runAnswer(id, number, { turn, goesOn, by: 'tester' }, audit);
      expect(await say(1, true)).toBe('stale');
      await write({ position });
      expect([await say(2, true), await say(1, true), await say(1, false), await say(1, true, 9)]).toEqual([
        'stale',
        'answered',
        'already-answered',
        'not-found',
      ]);
      const answer = { turn: 1, goesOn: true, by: 'tester' };
      expect((await store.runFetch(id))!.tasks![0]).toMatchObject({ position, answer });
      expect((await store.runSeed(id))!.tasks[0]).toMatchObject({ position, answer });
      const { runs } = await store.ownerLook(fence.serverId);
      expect(runs.find((one) => one.id === id)?.answers).toBe(1);
      await write({ position: { ...position, turn: 2 } }, true);
      expect(await say(2, true)).toBe('stale');
      await store.runRetry(id, ['failed'], audit);
      const [first] = (await store.runFetch(id))!.tasks!;
      expect(first).not.toHaveProperty('position');
      expect(first).not.toHaveProperty('answer');
    });
  });

  describe('a step that somebody wants skipped', () => {
    const skip = { by: 'tester', reason: 'r', atMs: 8 };
    const ask = (id: RunId, number: number): Promise<string> => world().store.runSkip(id, number, skip, audit);

    it('is marked once while it is not over, is heard of by its owner, and is forgotten when it is done again', async () => {
      const { store } = world();
      const { id, fence } = await planned(world());
      expect([await ask(id, 0), await ask(id, 0), await ask(id, 1), await ask(id, 9)]).toEqual([
        'requested',
        'already-requested',
        'requested',
        'not-found',
      ]);
      const tasks = (await store.runFetch(id))!.tasks!;
      expect(tasks.map((task) => task.skip)).toEqual([skip, skip, undefined]);
      expect((await store.runSeed(id))!.tasks.map((task) => task.skip)).toEqual([skip, skip, undefined]);
      const { runs } = await store.ownerLook(fence.serverId);
      expect(runs.find((one) => one.id === id)?.answers).toBe(2);
      const counts = { ...emptyCounts(), cancelled: 2 };
      await store.ownerCommit({
        fence,
        executions: [done(id, 0, { to: 'cancelled' }), done(id, 1, { to: 'cancelled' })],
        tasks: [
          { runId: id, task: 0, to: 'skipped', counts, decision: { skip }, seq: 2 },
          ...[1, 2].map((task) => ({ runId: id, task, to: 'skipped' as const, counts: emptyCounts(), seq: 2 })),
        ],
        runs: [{ runId: id, to: 'failed', counts, finishedAtMs: 9, seq: 2 }],
        timeline: [],
      });
      expect([await ask(id, 0), await ask(id, 2)]).toEqual(['step-over', 'step-over']);
      expect((await store.runFetch(id))!.tasks![0]).toMatchObject({ state: 'skipped', decision: { skip } });
      await store.runRetry(id, ['cancelled'], audit);
      const again = (await store.runFetch(id))!.tasks!;
      expect(again.map((task) => task.skip)).toEqual([undefined, skip, undefined]);
      expect(again[0]).toMatchObject({ state: 'running' });
      expect(again[0]).not.toHaveProperty('decision');
    });
  });

  describe('a step that has failed by its outputs', () => {
    it('is repeated whole by a round that repeats what has failed, and by no other', async () => {
      const { store } = world();
      const { id, fence } = await planned(world());
      const counts = { ...emptyCounts(), succeeded: 2 };
      const outputs = { values: {}, fault: 'The output v is missing: no host has told it.' };
      const skipped = [1, 2].map(
        (number) => ({ runId: id, task: number, to: 'skipped', counts: emptyCounts(), seq: 2 }) as const,
      );
      await store.ownerCommit({
        fence,
        executions: [done(id, 0, {}), done(id, 1, {})],
        tasks: [{ runId: id, task: 0, to: 'failed', counts, seq: 2, outputs }, ...skipped],
        runs: [{ runId: id, to: 'failed', counts, seq: 2, finishedAtMs: 9 }],
        timeline: [],
      });
      expect((await store.runRetry(id, ['lost', 'skipped'], audit)).kind).toBe('nothing-to-retry');
      expect(await store.runRetry(id, ['failed'], audit)).toMatchObject({ kind: 'opened', executions: 2 });
      const { items } = await store.executionList(id, {}, { limit: 10 });
      expect(items.map(({ task: number, attempt, state }) => [number, attempt, state])).toEqual([
        [0, 2, 'waiting'],
        [0, 2, 'waiting'],
      ]);
    });
  });

  describe('the timeline of a run', () => {
    it('has what one write tells in the order in which it tells it, also twice the same', async () => {
      const { store } = world();
      const { id, fence } = await planned(world());
      const kinds = ['steps-opened', 'batch-began', 'dispatched', 'batch-began', 'asked'];
      const timeline = kinds.map((kind, at) => ({ runId: id, seq: 2, kind, atMs: 100 - at, detail: { at } }));
      await store.ownerCommit({ fence, executions: [], tasks: [], runs: [], timeline });
      const told = (await store.timelineList(id, { limit: 10, afterSeq: 1 })).map(({ kind, detail }) => [
        kind,
        detail.at,
      ]);
      expect(told).toEqual(kinds.map((kind, at) => [kind, at]));
    });
  });

  describe('a run with a plan', () => {
    it('is written with the executions of what comes first, and tells the rest by its hosts', async () => {
      const { id } = await planned(world());
      const run = (await world().store.runFetch(id))!;
      expect(run).toMatchObject({ plan: PLAN, job: { name: 'deploy', version: 3 }, hostCount: 2, counts: waiting(2) });
      expect(run.tasks).toMatchObject([
        { task: 0, spec: specs[0], state: 'waiting', counts: waiting(2), hostCount: 2 },
        { task: 1, spec: specs[1], state: 'created', counts: emptyCounts(), hostCount: 1 },
        { task: 2, spec: specs[2], state: 'created', counts: emptyCounts(), hostCount: 2 },
      ]);
      const { items } = await world().store.executionList(id, {}, { limit: 10 });
      expect(items.map((one) => [one.task, one.ordinal, one.subject])).toEqual([
        [0, 0, HOSTS[0]],
        [0, 1, HOSTS[1]],
      ]);
      const seed = (await world().store.runSeed(id))!;
      expect(seed.tasks.map(({ task: number, state, subjects }) => [number, state, subjects])).toEqual([
        [0, 'waiting', []],
        [1, 'created', HOSTS.slice(1)],
        [2, 'created', HOSTS],
      ]);
      expect(await world().store.taskSpec(id, 2)).toMatchObject(specs[2]!);
      expect(Buffer.from((await world().store.taskSealedSecrets(id, 1))!).toString()).toBe('secret 1');
    });

    it('gives a task that has its turn executions of its hosts, once, with what ended before it', async () => {
      const { id, fence } = await planned(world());
      const executions = [0, 1].map((ordinal) => done(id, ordinal, { from: ['waiting'], seq: 2 }));
      const commit = { fence, executions, ...firstStepOver(id), timeline: [] };
      expect(await world().store.ownerCommit(commit)).toMatchObject({ kind: 'committed', refused: [], stale: [] });
      const execution = { runId: id, task: 1, ordinal: 0 };
      expect(await world().store.executionFetch(execution)).toMatchObject({
        subject: HOSTS[1],
        state: 'waiting',
        attempt: 1,
        round: 1,
        seq: 2,
      });
      const seed = (await world().store.runSeed(id))!;
      expect(seed.tasks[1]).toMatchObject({ state: 'waiting', subjects: [], openedAtMs: 77 });
      expect(seed.executions.map((one) => [one.task, one.ordinal, one.state])).toEqual([
        [0, 0, 'succeeded'],
        [0, 1, 'succeeded'],
        [1, 0, 'waiting'],
      ]);
      // The same turn again, by whoever believes that it is to come still: the executions that are there are those.
      await world().store.ownerCommit({ fence, executions: [], ...firstStepOver(id), timeline: [] });
      expect((await world().store.executionList(id, {}, { limit: 10 })).items).toHaveLength(3);
    });

    it('keeps what a step has told with its end, and what its hosts told for whoever owns the run next', async () => {
      const { id, fence } = await planned(world());
      const told = (ordinal: number, seq: number) =>
        done(id, ordinal, { from: ['waiting'], seq, values: { values: { v: `${ordinal}`, other: 'x' } } });
      await world().store.ownerCommit({ fence, executions: [told(0, 2)], runs: [], timeline: [] });
      const half = (await world().store.runSeed(id))!.tasks;
      expect(half.map(({ told: own }) => own?.get(0)?.v)).toEqual(['0', undefined, undefined]);
      const { tasks, runs } = firstStepOver(id);
      const outputs = { values: { v: ['0', '1'], n: 2, b: true }, fault: 'so' };
      await world().store.ownerCommit({
        fence,
        executions: [told(1, 3)],
        runs,
        tasks: tasks.map((change) => (change.task === 0 ? { ...change, outputs } : change)),
        timeline: [],
      });
      const stored = (await world().store.runFetch(id))!.tasks!;
      expect([stored[0]!.outputs, stored[1]!.outputs]).toEqual([outputs, undefined]);
      // Drawn together for good: nobody needs it any more.
      expect((await world().store.runSeed(id))!.tasks[0]!.told?.size ?? 0).toBe(0);
      await world().store.ownerCommit({
        fence,
        executions: [],
        runs: [
          { runId: id, to: 'failed', counts: { ...emptyCounts(), succeeded: 2, waiting: 1 }, finishedAtMs: 9, seq: 9 },
        ],
        tasks: [
          { ...tasks[0]!, to: 'succeeded', outputs, seq: 9 },
          { runId: id, task: 1, to: 'failed', counts: waiting(1), seq: 9 },
          { runId: id, task: 2, to: 'skipped', counts: emptyCounts(), seq: 9 },
        ],
        timeline: [],
      });
      await world().store.runRetry(id, ['succeeded'], audit);
      const again = (await world().store.runSeed(id))!.tasks[0]!;
      expect([(await world().store.runFetch(id))!.tasks![0]!.outputs, again.told?.size ?? 0]).toEqual([undefined, 0]);
    });

    it('keeps what the conditions of a task have come to, until a new round may ask them anew', async () => {
      const { id, fence } = await planned(world());
      const { store } = world();
      const over = { ...emptyCounts(), succeeded: 1, failed: 1 };
      const decision: TaskChange['decision'] = {
        stage: { isMet: true, seen: [] },
        step: {
          isMet: false,
          seen: [
            ['params.a', null],
            ['b', '1'],
          ],
        },
      };
      await store.ownerCommit({
        fence,
        executions: [
          done(id, 0, { from: ['waiting'], seq: 2 }),
          done(id, 1, { from: ['waiting'], to: 'failed', outcome: exited(1), seq: 2 }),
        ],
        tasks: [
          { runId: id, task: 0, to: 'failed', counts: over, decision: { step: { isMet: true, seen: [] } }, seq: 2 },
          { runId: id, task: 1, to: 'skipped', counts: emptyCounts(), decision, seq: 2 },
          { runId: id, task: 2, to: 'skipped', counts: emptyCounts(), seq: 2 },
        ],
        runs: [{ runId: id, to: 'failed', counts: over, finishedAtMs: 5, seq: 2 }],
        timeline: [],
      });
      const { tasks } = (await store.runFetch(id))!;
      expect(tasks!.map((one) => one.decision)).toEqual([{ step: { isMet: true, seen: [] } }, decision, undefined]);
      expect((await store.runSeed(id))!.tasks[1]!.decision).toEqual(decision);
      await store.runRetry(id, ['failed'], audit);
      const again = (await store.runSeed(id))!.tasks;
      expect(again.map((one) => [one.state, one.decision])).toEqual([
        ['running', { step: { isMet: true, seen: [] } }],
        ['created', undefined],
        ['created', undefined],
      ]);
    });

    it('gives a task that chooses its hosts executions of those alone, numbered through', async () => {
      const { id, fence } = await planned(world());
      const { store } = world();
      const over = { ...emptyCounts(), succeeded: 2 };
      await store.ownerCommit({
        fence,
        executions: [0, 1].map((ordinal) => done(id, ordinal, { from: ['waiting'], seq: 2 })),
        tasks: [
          { runId: id, task: 0, to: 'succeeded', counts: over, seq: 2 },
          { runId: id, task: 2, to: 'waiting', counts: waiting(1), openedAtMs: 3, places: [1], seq: 2 },
          { runId: id, task: 1, to: 'waiting', counts: waiting(1), openedAtMs: 3, seq: 2 },
        ],
        runs: [{ runId: id, to: 'running', counts: { ...over, waiting: 2 }, seq: 2 }],
        timeline: [],
      });
      const { items } = await store.executionList(id, {}, { limit: 10 });
      expect(items.map(({ task: number, ordinal, subject }) => [number, ordinal, subject]).slice(2)).toEqual([
        [1, 0, HOSTS[1]],
        [2, 0, HOSTS[1]],
      ]);
      expect((await store.runFetch(id))!.tasks!.map(({ hostCount }) => hostCount)).toEqual([2, 1, 1]);
    });

    it('gives a task that is done once for each of several executions of those, and keeps them in a new round', async () => {
      const { id, fence } = await planned(world());
      const { store } = world();
      const over = { ...emptyCounts(), succeeded: 2 };
      const items = ['a b', "it's", 'a b'];
      await store.ownerCommit({
        fence,
        executions: [0, 1].map((ordinal) => done(id, ordinal, { from: ['waiting'], seq: 2 })),
        tasks: [
          { runId: id, task: 0, to: 'succeeded', counts: over, seq: 2 },
          { runId: id, task: 2, to: 'waiting', counts: waiting(3), openedAtMs: 3, items, seq: 2 },
        ],
        runs: [{ runId: id, to: 'running', counts: { ...over, waiting: 3 }, seq: 2 }],
        timeline: [],
      });
      const of = async (): Promise<unknown[]> =>
        (await store.runSeed(id))!.executions.filter(({ task }) => task === 2).map(({ subject }) => subject);
      expect(await of()).toEqual(items.map(itemSubject));
      const named = await store.executionList(id, { hostName: 'a b' }, { limit: 10 });
      expect(named.items.map(({ ordinal }) => ordinal)).toEqual([0, 2]);
      expect((await store.runFetch(id))!.tasks!.map(({ hostCount }) => hostCount)).toEqual([2, 1, 3]);
    });

    it('keeps a task from moving as no task moves, and tells that the view of the run was behind', async () => {
      const { id, fence } = await planned(world());
      const bad: TaskChange = { runId: id, task: 2, to: 'succeeded', counts: emptyCounts(), seq: 9 };
      const run = { runId: id, to: 'running', counts: waiting(2), seq: 9 } as const;
      const commit = { fence, executions: [], runs: [run], tasks: [bad], timeline: [] };
      expect(await world().store.ownerCommit(commit)).toMatchObject({ stale: [id] });
      expect(await world().store.runFetch(id)).toMatchObject({ state: 'waiting', seq: 1 });
      expect((await world().store.runFetch(id))!.tasks![2]!.state).toBe('created');
    });

    it('does again in a new round what failed, and then what never had its turn', async () => {
      const { id, fence } = await planned(world());
      const failed = done(id, 1, { from: ['waiting'], to: 'failed', outcome: exited(1), seq: 2 });
      const over = { ...emptyCounts(), succeeded: 1, failed: 1 };
      await world().store.ownerCommit({
        fence,
        executions: [done(id, 0, { from: ['waiting'], seq: 2 }), failed],
        tasks: [
          { runId: id, task: 0, to: 'failed', counts: over, seq: 2 },
          ...[1, 2].map(
            (number) => ({ runId: id, task: number, to: 'skipped', counts: emptyCounts(), seq: 2 }) as const,
          ),
        ],
        runs: [{ runId: id, to: 'failed', counts: over, finishedAtMs: 5, seq: 2 }],
        timeline: [],
      });
      const answer = await world().store.runRetry(id, ['failed'], audit);
      expect(answer).toMatchObject({ kind: 'opened', executions: 1, run: { state: 'running', round: 2 } });
      const { tasks, counts } = (await world().store.runFetch(id))!;
      expect(counts).toEqual({ ...emptyCounts(), succeeded: 1, waiting: 1 });
      expect(tasks!.map(({ state }) => state)).toEqual(['running', 'created', 'created']);
      expect(tasks![0]!.openedAtMs).toBeGreaterThan(0);
    });

    it('does in a new round at once what was skipped for a loss that a late truth has made a success', async () => {
      const { id, fence } = await planned(world());
      const { store } = world();
      const skipped = { runId: id, task: 1, to: 'skipped', counts: emptyCounts(), seq: 2 } as const;
      const { outcome: _, ...loss } = done(id, 1, { from: ['waiting'], to: 'lost', reason: 'link-lost', seq: 2 });
      const step = { ...emptyCounts(), succeeded: 2 };
      const lost = { ...emptyCounts(), succeeded: 1, lost: 1 };
      await store.ownerCommit({
        fence,
        executions: [done(id, 0, { from: ['waiting'], seq: 2 }), loss],
        tasks: [
          { runId: id, task: 0, to: 'failed', counts: lost, seq: 2 },
          skipped,
          // It is there whatever happened, and has failed on one host.
          { runId: id, task: 2, to: 'waiting', counts: waiting(2), openedAtMs: 3, seq: 2 },
        ],
        runs: [{ runId: id, to: 'running', counts: { ...lost, waiting: 2 }, seq: 2 }],
        timeline: [],
      });
      const ofLast = [0, 1].map((ordinal) => done(id, ordinal, { task: 2, from: ['waiting'], seq: 3 }));
      const failed = { ...ofLast[0]!, to: 'failed', outcome: exited(1) } as const;
      const over = { ...emptyCounts(), succeeded: 1, failed: 1 };
      await store.ownerCommit({
        fence,
        executions: [failed, ofLast[1]!],
        tasks: [{ runId: id, task: 2, to: 'failed', counts: over, seq: 3 }],
        runs: [{ runId: id, to: 'failed', counts: { ...over, succeeded: 2, lost: 1 }, finishedAtMs: 5, seq: 3 }],
        timeline: [],
      });
      await store.ownerCommit({
        fence,
        executions: [done(id, 1, { from: ['lost'], seq: 4 })],
        tasks: [{ runId: id, task: 0, to: 'succeeded', counts: step, seq: 4 }],
        runs: [{ runId: id, to: 'failed', counts: { ...over, succeeded: 3 }, finishedAtMs: 5, seq: 4 }],
        timeline: [],
      });
      const answer = await store.runRetry(id, ['failed'], audit);
      expect(answer).toMatchObject({ kind: 'opened', executions: 1, run: { state: 'running', round: 2 } });
      const run = (await store.runFetch(id))!;
      expect(run.tasks!.map(({ state, counts }) => [state, counts.waiting])).toEqual([
        ['succeeded', 0],
        ['waiting', 1],
        ['created', 1],
      ]);
      expect(run.counts).toMatchObject({ succeeded: 3, waiting: 2 });
      expect(await store.executionFetch({ runId: id, task: 1, ordinal: 0 })).toMatchObject({
        state: 'waiting',
        round: 2,
      });
    });
  });
}
