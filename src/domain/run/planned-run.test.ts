/** A run with a plan in its owner's memory: what has its turn, what is written with what, and what a new owner finds. */
import { describe, expect, it } from 'vitest';
import { HERE, RUN, SPEC } from '../../../test/support/one-host.ts';
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import type { HostId } from '../../base/ids.ts';
import { firstAttempts, type SeedExecution } from '../crew/execution.ts';
import { emptyCounts } from '../crew/execution-machine.ts';
import type { PlannedStage, RunPlan } from './plan.ts';
import type { SeedTask } from './run-task.ts';
import { Run } from './run.ts';
import type { RunWrite } from './run-write.ts';
import { hostSubject } from './subject.ts';

const HOSTS = ['a', 'b'].map((name) => hostSubject(name as HostId, name));
const END = { outcome: { kind: 'exited', code: 0 }, finishedAtMs: 1 } as const;
const FAILURE = { ...END, outcome: { kind: 'exited', code: 1 } } as const;

function stage(task: number, needs: number[], more: Partial<PlannedStage> = {}): PlannedStage {
  const step = { task, name: `step ${task}`, needs: [], goesOn: false };
  return { name: `stage ${task}`, needs, join: 'all-succeeded', isFinally: false, tasks: [step], ...more };
}
const PLAN: RunPlan = [stage(0, []), stage(1, [0]), stage(2, [], { isFinally: true, join: 'all-done' })];

function seed(task: number, more: Partial<SeedTask> = {}): SeedTask {
  const { policy, placement } = SPEC;
  const subjects = HOSTS.slice(0, task === 1 ? 1 : 2);
  return { task, terms: { policy, placement }, state: 'created', subjects, executions: [], openedAgeMs: 0, ...more };
}
function waiting(task: number): SeedExecution[] {
  return firstAttempts(HOSTS, task);
}
function newRun(): Run {
  return new Run(
    { id: RUN, state: 'created', round: 1, seq: 1, plan: PLAN },
    PLAN.map((_, task) => seed(task)),
    1_000,
  );
}

/** Decides, writes and lands until nothing more comes of it; answers the writes. */
function settle(run: Run): RunWrite<unknown>[] {
  const writes: RunWrite<unknown>[] = [];
  for (;;) {
    run.advance({ at: 1_000, ms: 1_000 }, () => HERE);
    if (!run.hasChanges) return writes;
    const write = run.write(100);
    run.landed(write, 1_000);
    writes.push(write);
  }
}
function hear(
  run: Run,
  task: number,
  ordinal: number,
  told: Parameters<Run['tasks'][number]['crew']['onResult']>[2] = END,
): void {
  const execution = run.at(task, ordinal)!;
  expect(run.task(task)!.crew.onResult(execution, execution.attempt, told, 1_000)).toBe('taken');
}
const statesOf = (run: Run): string[] => [...run.executions()].map(({ task, state }) => `${task}:${state}`);

it('holds for two thousand steps that wait what all of them share once', () => {
  const plan: RunPlan = Array.from({ length: 2_000 }, (_, task) => stage(task, task === 0 ? [] : [task - 1]));
  const fresh = structuredClone(plan.map((_, task) => seed(task)));
  const run = new Run({ id: RUN, state: 'created', round: 1, seq: 1, plan }, fresh, 1_000);
  expect(new Set(run.tasks.map(({ crew }) => crew)).size).toBe(2);
  expect(new Set(run.tasks.map(({ terms }) => terms)).size).toBe(1);
  settle(run);
  for (const ordinal of [0, 1]) hear(run, 0, ordinal);
  settle(run);
  expect(new Set(run.tasks.map(({ crew }) => crew)).size).toBe(3);
  run.cancel('mia', 1_000);
  hear(run, 1, 0);
  settle(run);
  expect(run.state).toBe('cancelled');
});

it('writes what many steps side by side have come to in time that grows with their number alone', () => {
  const write = (steps: number): number => {
    const tasks = Array.from({ length: steps }, (_, task) => ({ task, name: `${task}`, needs: [], goesOn: false }));
    const plan: RunPlan = [{ name: 's', needs: [], join: 'all-succeeded', isFinally: false, tasks }];
    const run = new Run(
      { id: RUN, state: 'created', round: 1, seq: 1, plan },
      tasks.map(({ task }) => seed(task)),
      1_000,
    );
    run.advance({ at: 1_000, ms: 1_000 }, () => HERE);
    const before = process.threadCpuUsage();
    const { changes } = run.write(Number.POSITIVE_INFINITY);
    const { user, system } = process.threadCpuUsage(before);
    expect(changes.length).toBeGreaterThan(steps);
    return user + system;
  };
  // As many steps in all, by turns, since a processor may be slower than a minute ago.
  let [few, many] = [0, 0];
  for (let turn = 0; turn < 6; turn++) {
    for (let one = 0; one < 8; one++) few += write(500);
    many += write(4_000);
  }
  // Linear, it is the same; by squares, it is eight times as much.
  expect(many).toBeLessThan(4 * few);
});

describe('a run with a plan', () => {
  it('begins with what comes first, and has no executions of the rest', () => {
    const run = newRun();
    expect([run.state, statesOf(run)]).toEqual(['waiting', ['0:waiting', '0:waiting']]);
    const [write] = settle(run);
    expect(write).toMatchObject({ state: 'running', tasks: [{ task: 0, to: 'running', isOpened: false }] });
    expect(run.orders(1_000, () => HERE)).toHaveLength(2);
  });

  it('opens the next step by the very write that ends the one before, and sends nothing of it sooner', () => {
    const run = newRun();
    settle(run);
    hear(run, 0, 0);
    hear(run, 0, 1);
    const write = run.write(100);
    expect(write.tasks).toEqual([
      { task: 0, to: 'succeeded', counts: { ...emptyCounts(), succeeded: 2 }, isOpened: false },
      { task: 1, to: 'waiting', counts: { ...emptyCounts(), waiting: 1 }, isOpened: true },
    ]);
    expect(write.counts).toEqual({ ...emptyCounts(), succeeded: 2, waiting: 1 });
    expect(run.at(1, 0)).toBeUndefined();
    run.landed(write, 1_000);
    settle(run);
    expect(statesOf(run)).toEqual(['0:succeeded', '0:succeeded', '1:dispatched']);
    hear(run, 1, 0);
    settle(run);
    for (const ordinal of [0, 1]) hear(run, 2, ordinal);
    expect(settle(run).at(-1)).toMatchObject({ state: 'succeeded', isEnd: true });
    expect([run.isFinished, run.dueAt]).toEqual([true, Number.POSITIVE_INFINITY]);
  });

  it('skips what comes after a failure, and still does what comes finally', () => {
    const run = newRun();
    settle(run);
    hear(run, 0, 0, FAILURE);
    hear(run, 0, 1);
    const [write] = settle(run);
    expect(write!.tasks.map(({ task, to }) => [task, to])).toEqual([
      [0, 'failed'],
      [1, 'skipped'],
      [2, 'waiting'],
    ]);
    for (const ordinal of [0, 1]) hear(run, 2, ordinal);
    expect(settle(run).at(-1)).toMatchObject({ state: 'failed', isEnd: true });
  });

  it('sends nothing while it is paused, lets what is out end, and opens the next step paused', () => {
    const run = newRun();
    settle(run);
    run.pause('somebody');
    expect(settle(run)).toMatchObject([{ state: 'paused', isPaused: true, isPauseNews: true }]);
    hear(run, 0, 0);
    hear(run, 0, 1);
    expect(settle(run)[0]!.tasks.map(({ task, to, isOpened }) => [task, to, isOpened])).toEqual([
      [0, 'succeeded', false],
      [1, 'paused', true],
    ]);
    expect([run.state, statesOf(run).at(-1), run.dueAt]).toEqual(['paused', '1:waiting', Number.POSITIVE_INFINITY]);
    run.resume('somebody', 1_000);
    expect(settle(run)[0]).toMatchObject({ state: 'running', isPaused: false, isPauseNews: true });
    expect([run.state, statesOf(run).at(-1)]).toEqual(['running', '1:dispatched']);
  });

  it('goes on under a new owner as somebody wanted meanwhile', () => {
    const run = (state: 'running' | 'paused', pausedBy?: string): Run =>
      new Run(
        { id: RUN, state, round: 1, seq: 3, plan: PLAN, ...given({ pausedBy }) },
        PLAN.map((_, task) => seed(task, task === 0 ? { state, executions: waiting(0) } : {})),
        1_000,
      );
    const paused = run('running', 'somebody');
    expect(settle(paused)).toMatchObject([{ state: 'paused', isPauseNews: true }]);
    const resumed = run('paused');
    expect(settle(resumed)).toMatchObject([{ state: 'running', isPauseNews: true }]);
    expect(statesOf(resumed)).toEqual(['0:dispatched', '0:dispatched']);
    expect(settle(run('paused', 'somebody'))).toEqual([]);
  });

  it('goes on with what comes finally under a new owner, when it was paused and then cancelled', () => {
    const done = { to: 'cancelled' } as const;
    const wishes = { pausedBy: 'somebody', cancelRequestedAtMs: 1, cancelRequestedBy: 'another' };
    const states = ['cancelled', 'cancelled', 'running'] as const;
    const run = new Run(
      { id: RUN, state: 'stopping', round: 1, seq: 3, plan: PLAN, ...wishes },
      PLAN.map((_, task) => {
        const executions = waiting(task).map((one) => ({ ...one, state: task === 2 ? ('waiting' as const) : done.to }));
        return seed(task, { state: states[task]!, executions });
      }),
      1_000,
    );
    settle(run);
    expect([run.state, statesOf(run).slice(-2)]).toEqual(['stopping', ['2:dispatched', '2:dispatched']]);
  });

  it('is cancelled whole though it was paused, what comes finally as well', () => {
    const run = newRun();
    settle(run);
    for (const ordinal of [0, 1]) hear(run, 0, ordinal, FAILURE);
    settle(run);
    expect(statesOf(run).slice(2)).toEqual(['2:dispatched', '2:dispatched']);
    run.pause('somebody');
    settle(run);
    run.cancel('somebody', 1_000);
    for (const ordinal of [0, 1]) hear(run, 2, ordinal);
    expect(settle(run).at(-1)).toMatchObject({ state: 'failed', isEnd: true });
  });

  it('ends what is out when it is cancelled, and then does what comes finally', () => {
    const run = newRun();
    settle(run);
    run.cancel('somebody', 1_000);
    settle(run);
    for (const ordinal of [0, 1]) hear(run, 0, ordinal, { ...END, outcome: { kind: 'cancelled' } } as never);
    settle(run);
    expect([run.state, statesOf(run).slice(2)]).toEqual(['stopping', ['2:dispatched', '2:dispatched']]);
    for (const ordinal of [0, 1]) hear(run, 2, ordinal);
    expect(settle(run).at(-1)).toMatchObject({ state: 'cancelled', isEnd: true });
  });

  it('ends what comes finally where a cancel is forced, tries nothing of it again, and tells it once', () => {
    const run = newRun();
    settle(run);
    run.cancel('somebody', 1_000);
    settle(run);
    for (const ordinal of [0, 1]) hear(run, 0, ordinal, { ...END, outcome: { kind: 'cancelled' } } as never);
    settle(run);
    expect(statesOf(run).slice(2)).toEqual(['2:dispatched', '2:dispatched']);
    run.cancel('somebody', 1_000, 'another');
    expect(settle(run)).toMatchObject([{ state: 'stopping', isForceNews: true, tasks: [{ task: 2, to: 'stopping' }] }]);
    expect(run.orders(1_000, () => HERE).map(({ kind }) => kind)).toEqual(['cancel', 'cancel']);
    run.cancel('somebody', 1_000, 'another');
    hear(run, 2, 0, FAILURE);
    hear(run, 2, 1, { ...END, outcome: { kind: 'cancelled' } } as never);
    expect(settle(run)).toMatchObject([{ state: 'cancelled', isEnd: true, isForceNews: false }]);
    expect(statesOf(run).slice(2)).toEqual(['2:failed', '2:cancelled']);
  });

  it('is ended by a new owner with what comes finally, whether that had begun or not, and whoever wrote it', () => {
    const wishes = { cancelRequestedAtMs: 1, cancelRequestedBy: 'somebody', cancelForcedBy: 'another' };
    const over = waiting(0).map((one) => ({ ...one, state: 'cancelled' as const }));
    const read = (state: SeedTask['state'], executions: SeedExecution[]): Run =>
      new Run(
        { id: RUN, state: 'stopping', round: 1, seq: 3, plan: PLAN, ...wishes },
        PLAN.map((_, task) =>
          seed(task, task === 2 ? { state, executions } : { state: 'cancelled', executions: task === 0 ? over : [] }),
        ),
        1_000,
      );
    for (const state of ['waiting', 'running'] as const) {
      const run = read(state, waiting(2));
      const writes = settle(run);
      expect(writes.filter(({ isForceNews }) => isForceNews)).toHaveLength(1);
      expect([run.state, statesOf(run).slice(2)]).toEqual(['cancelled', ['2:cancelled', '2:cancelled']]);
    }
    // The owner before had written that it ends.
    const run = read('stopping', waiting(2));
    expect(settle(run).filter(({ isForceNews }) => isForceNews)).toEqual([]);
    expect([run.state, statesOf(run).slice(2)]).toEqual(['cancelled', ['2:cancelled', '2:cancelled']]);
  });

  it('is gone on with by a new owner from what is written, whichever write was the last', () => {
    const first = newRun();
    settle(first);
    for (const ordinal of [0, 1]) hear(first, 0, ordinal);
    settle(first);
    const read = (task: number, state: SeedTask['state']): SeedTask =>
      seed(task, {
        state,
        executions: first.task(task)!.crew.executions.map(({ ordinal, attempt, subject, state: own, route }) => ({
          task,
          ordinal,
          attempt,
          subject,
          state: own,
          failuresInRound: 0,
          ...given({ route }),
        })),
      });
    const run = new Run(
      { id: RUN, state: 'running', round: 1, seq: first.seq, plan: PLAN },
      [read(0, 'succeeded'), read(1, 'running'), seed(2)],
      1_000,
    );
    expect(run.hasChanges).toBe(false);
    hear(run, 1, 0);
    expect(settle(run)[0]!.tasks.map(({ task, to, isOpened }) => [task, to, isOpened])).toEqual([
      [1, 'succeeded', false],
      [2, 'waiting', true],
    ]);
  });

  it('goes on though of a write only the ends of executions have landed, and not what follows from them', () => {
    const over = HOSTS.map((subject, ordinal) => ({
      task: 0,
      ordinal,
      attempt: 1,
      subject,
      state: 'succeeded' as const,
      failuresInRound: 0,
    }));
    const read = { id: RUN, state: 'running', round: 1, seq: 5, plan: PLAN } as const;
    const run = new Run(read, [seed(0, { state: 'running', executions: over }), seed(1), seed(2)], 1_000);
    expect([run.hasChanges, run.hasUrgent]).toEqual([true, true]);
    const write = run.write(100);
    expect(write.tasks.map(({ task, to, isOpened }) => [task, to, isOpened])).toEqual([
      [0, 'succeeded', false],
      [1, 'waiting', true],
    ]);
    run.landed(write, 1_000);
    settle(run);
    expect(statesOf(run).at(-1)).toBe('1:dispatched');
  });

  it('is stopping as soon as somebody has asked for a cancel, though all of it is out and nothing has ended', () => {
    const run = newRun();
    settle(run);
    run.cancel('somebody', 1_000);
    expect(run.hasUrgent).toBe(true);
    const write = run.write(100);
    expect(write).toMatchObject({ state: 'stopping', isStop: true, changes: [] });
    run.landed(write, 1_000);
    expect([run.state, run.hasChanges]).toEqual(['stopping', false]);
  });

  it('takes no stop of a step that was asked for while its turn was being written for a reason to send it', () => {
    const run = newRun();
    settle(run);
    for (const ordinal of [0, 1]) hear(run, 0, ordinal);
    const write = run.write(100);
    run.cancel('somebody', 1_000);
    run.landed(write, 1_000);
    settle(run);
    expect(statesOf(run)).toEqual(['0:succeeded', '0:succeeded', '1:cancelled', '2:dispatched', '2:dispatched']);
  });
});

describe('the outputs of a step', () => {
  const declared = [{ name: 'v', type: 'string', from: 'same' }] as const;
  const plan: RunPlan = PLAN.map((one, at) =>
    at === 0 ? { ...one, tasks: one.tasks.map((task) => ({ ...task, outputs: declared })) } : one,
  );
  const runOf = (first: Partial<SeedTask> = {}, state: 'created' | 'running' = 'created'): Run =>
    new Run(
      { id: RUN, state, round: 1, seq: 1, plan },
      plan.map((_, task) => seed(task, task === 0 ? first : {})),
      1_000,
    );
  const END_WITH = (v: string) => ({ ...END, values: { values: { v, other: 'x' } } });

  it('are written by the write that ends it, and are forgotten of an attempt that is not the last', () => {
    const run = runOf();
    settle(run);
    hear(run, 0, 0, END_WITH('1'));
    const [half] = settle(run);
    expect(half!.tasks).toEqual([expect.not.objectContaining({ outputs: expect.anything() })]);
    hear(run, 0, 1, END_WITH('1'));
    expect(run.write(100).tasks).toMatchObject([
      { task: 0, to: 'succeeded', outputs: { values: { v: '1' } } },
      { task: 1, to: 'waiting', isOpened: true },
    ]);
  });

  it('make it fail where hosts do not agree, and what needs it does not begin', () => {
    const run = runOf();
    settle(run);
    hear(run, 0, 0, END_WITH('1'));
    hear(run, 0, 1, END_WITH('2'));
    const write = run.write(100);
    expect(write.tasks).toMatchObject([
      {
        task: 0,
        to: 'failed',
        counts: { succeeded: 2 },
        outputs: { values: {}, fault: expect.stringContaining('do not agree') },
      },
      { task: 1, to: 'skipped' },
      { task: 2, to: 'waiting' },
    ]);
    run.landed(write, 1_000);
    settle(run);
    hear(run, 2, 0);
    hear(run, 2, 1);
    settle(run);
    expect(run.state).toBe('failed');
  });

  it('do not make one fail differently that has failed by itself', () => {
    const run = runOf();
    settle(run);
    hear(run, 0, 0, END_WITH('1'));
    hear(run, 0, 1, FAILURE);
    expect(run.write(100).tasks[0]).toMatchObject({ to: 'failed', outputs: { values: { v: '1' } } });
  });

  it('are known to a new owner, who is told what hosts had told before', () => {
    const executions = firstAttempts(HOSTS, 0).map((one, ordinal) =>
      ordinal === 0 ? { ...one, state: 'succeeded' as const } : one,
    );
    for (const [before, to] of [
      ['1', 'succeeded'],
      ['2', 'failed'],
    ] as const) {
      const run = runOf({ state: 'running', executions, told: new Map([[0, { v: before }]]) }, 'running');
      settle(run);
      hear(run, 0, 1, END_WITH('1'));
      expect(run.write(100).tasks[0]).toMatchObject({ task: 0, to });
    }
  });

  it('end the step that would be given more of them than a process can be, and nothing is sent', () => {
    const fills = [
      { field: 'command', key: 1, parts: Array.from({ length: 200 }, () => ({ task: 0, output: 'v' })) },
    ] as const;
    const filled = plan.map((one, at) =>
      at === 1 ? { ...one, tasks: one.tasks.map((task) => ({ ...task, fills })) } : one,
    );
    const runWith = (): Run =>
      new Run(
        { id: RUN, state: 'created', round: 1, seq: 1, plan: filled },
        filled.map((_, task) => seed(task)),
        1_000,
      );
    for (const [bytes, ends] of [
      [1_000, '1:not_started'],
      [10, '1:dispatched'],
    ] as const) {
      const run = runWith();
      settle(run);
      for (const ordinal of [0, 1]) hear(run, 0, ordinal, END_WITH('x'.repeat(bytes)));
      settle(run);
      expect(statesOf(run).filter((one) => one.startsWith('1:'))).toEqual([ends]);
    }
  });

  it('of all steps together have a bound: the step that comes beyond it fails', () => {
    const most = jobLimits.jobRunOutputsBytesMax / jobLimits.jobOutputsBytesMax;
    const wide: RunPlan = Array.from({ length: most + 1 }, (_, task) => {
      const one = stage(task, []);
      return { ...one, tasks: one.tasks.map((step) => ({ ...step, outputs: declared })) };
    });
    const run = new Run(
      { id: RUN, state: 'created', round: 1, seq: 1, plan: wide },
      wide.map((_, task) => seed(task, { subjects: HOSTS.slice(0, 1) })),
      1_000,
    );
    settle(run);
    const text = 'x'.repeat(jobLimits.jobOutputsBytesMax - 100);
    for (let task = 0; task < most; task++) hear(run, task, 0, END_WITH(text));
    expect(settle(run).flatMap(({ tasks }) => tasks.map(({ to }) => to))).toEqual(Array(most).fill('succeeded'));
    hear(run, most, 0, END_WITH(text));
    expect(run.write(100).tasks).toMatchObject([
      { to: 'failed', outputs: { values: {}, fault: expect.stringContaining('all steps of the run') } },
    ]);
  });
});
