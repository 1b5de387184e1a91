/** A run with conditions in its owner's memory: when each is decided, by what, and what a new owner and a new round make of it. */
import { describe, expect, it } from 'vitest';
import { HERE, RUN } from '../../../test/support/one-host.ts';
import { end, END, FAILURE, HOSTS, newRun, planFrom, seedsOf, settle } from '../../../test/support/stages-run.ts';
import { given } from '../../base/given.ts';
import type { HostId } from '../../base/ids.ts';
import type { SeedExecution } from '../crew/execution.ts';
import { emptyCounts } from '../crew/execution-machine.ts';
import { passedBecause, type TaskDecision } from './conditions.ts';
import { firstTasks } from './plan.ts';
import { roundOpened, type TaskBefore } from './round.ts';
import type { SeedTask } from './run-task.ts';
import { Run } from './run.ts';
import type { RunWrite } from './run-write.ts';
import { hostSubject, itemSubject, NO_SUBJECT } from './subject.ts';

function readExecutions(run: Run, task: number): SeedExecution[] {
  return run.task(task)!.crew.executions.map(({ ordinal, attempt, subject, state, route }) => ({
    ...{ task, ordinal, attempt, subject, state, failuresInRound: 0 },
    ...given({ route }),
  }));
}
const movesOf = (writes: readonly RunWrite<unknown>[]): string[] =>
  writes.flatMap(({ tasks }) => tasks.map(({ task, to, isOpened }) => `${task} ${to}${isOpened ? ' opened' : ''}`));
const decisionIn = (writes: readonly RunWrite<unknown>[], task: number): TaskDecision | undefined =>
  writes.flatMap(({ tasks }) => tasks).find((one) => one.task === task && one.decision)?.decision;

const LOOK_AND_GO = `- stage: look
  steps: [{ step: look, command: [x], on_failure: continue, outputs: [{ name: n, type: number, from: sum }] }]
- stage: go
  steps:
    - { step: some, command: [x], when: steps.look.outputs.n > 3 }
    - { step: rest, command: [x] }
`;

describe('a run with conditions', () => {
  it('opens a step whose condition is met by the very write that ends what it speaks of', () => {
    const run = newRun(planFrom(LOOK_AND_GO));
    settle(run);
    end(run, 0, END, { n: '2' });
    const write = run.write(100);
    expect(movesOf([write])).toEqual(['0 succeeded', '1 waiting opened']);
    expect(write.tasks[1]!.decision).toEqual({ step: { isMet: true, seen: [['steps.look.outputs.n', '4']] } });
    run.landed(write, 1_000);
    settle(run);
    end(run, 1);
    expect(movesOf(settle(run))).toEqual(['1 succeeded', '2 waiting opened', '2 running']);
  });

  it('tells no more of what a stage went by than a record holds for each of its steps', () => {
    const outputs = Array.from({ length: 40 }, (_, n) => `{ name: o${n} }`).join(', ');
    const asked = Array.from({ length: 40 }, (_, n) => `steps.look.outputs.o${n} != "x"`).join(' or ');
    const run = newRun(
      planFrom(`- stage: look
  steps: [{ step: look, command: [x], on_failure: continue, outputs: [${outputs}] }]
- stage: go
  when: ${asked}
  steps:
    - { step: one, command: [x], needs: [] }
    - { step: two, command: [x], needs: [] }
    - { step: three, command: [x], needs: [] }
`),
    );
    settle(run);
    end(run, 0, END, Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`o${n}`, 'y'.repeat(500)])));
    const [one, ...others] = run
      .write(100)
      .tasks.slice(1)
      .map(({ decision }) => decision!.stage!);
    expect(one!.seen.length).toBeGreaterThan(2);
    expect(JSON.stringify(one).length).toBeLessThan(1_000);
    expect(one!.seen.at(-1)).toEqual(['…', `${40 - (one!.seen.length - 1)} more`]);
    expect(others).toEqual([one, one]);
  });

  it('passes over a step whose condition is not met, tells why, and goes on with what needs it', () => {
    const run = newRun(planFrom(LOOK_AND_GO));
    settle(run);
    end(run, 0, END, { n: '1' });
    const write = run.write(100);
    expect(movesOf([write])).toEqual(['0 succeeded', '1 skipped', '2 waiting opened']);
    expect(passedBecause(write.tasks[1]!.decision!)).toBe('Its condition is not met: steps.look.outputs.n is 2.');
    expect(write.tasks[1]!.counts).toEqual(emptyCounts());
    run.landed(write, 1_000);
    settle(run);
    end(run, 2);
    expect(settle(run).at(-1)).toMatchObject({ state: 'succeeded', isEnd: true });
  });

  it('takes what a step that has failed did not tell for no value, by which no comparison is met', () => {
    const run = newRun(planFrom(LOOK_AND_GO));
    settle(run);
    end(run, 0, FAILURE);
    const writes = settle(run);
    // It sums up nothing to 0, as it was to.
    expect(decisionIn(writes, 1)).toEqual({ step: { isMet: false, seen: [['steps.look.outputs.n', '0']] } });
    const same = newRun(planFrom(LOOK_AND_GO.replace('from: sum', 'from: same')));
    settle(same);
    end(same, 0, FAILURE);
    const [write] = settle(same);
    expect(passedBecause(decisionIn([write!], 1)!)).toBe(
      'Its condition is not met: steps.look.outputs.n has no value.',
    );
  });

  it('decides what comes first by its parameters with its first write, whoever makes that', () => {
    const stages = `- stage: a
  steps: [{ step: one, command: [x], when: params.now }, { step: two, command: [x], needs: [] }]
- { stage: b, steps: [{ step: three, command: [x] }] }
`;
    for (const now of [true, false]) {
      const plan = planFrom(stages, { now });
      expect([...firstTasks(plan)]).toEqual([1]);
      const made = newRun(plan);
      const read = new Run(
        { id: RUN, state: 'waiting', round: 1, seq: 1, plan },
        seedsOf(plan).map((seed) =>
          seed.task === 1
            ? {
                ...seed,
                state: 'waiting',
                executions: readExecutions(made, 1),
              }
            : seed,
        ),
        1_000,
      );
      for (const run of [made, read]) {
        expect([run.hasChanges, run.hasUrgent]).toEqual([true, true]);
        expect(movesOf([run.write(100)])).toContain(now ? '0 waiting opened' : '0 skipped');
      }
    }
  });

  it('is over, and skipped, where nothing of it has its turn', () => {
    const plan = planFrom(`- { stage: a, when: params.now, steps: [{ step: one, command: [x] }] }
- { stage: b, steps: [{ step: two, command: [x], when: 'params.version == "1"' }] }
`);
    expect([...firstTasks(plan)]).toEqual([]);
    const run = newRun(plan);
    expect([run.state, run.hasChanges]).toEqual(['waiting', true]);
    const writes = settle(run);
    expect(movesOf(writes)).toEqual(['0 skipped', '1 skipped']);
    expect(writes.at(-1)).toMatchObject({ state: 'skipped', isEnd: true });
    expect(decisionIn(writes, 0)).toEqual({ stage: { isMet: false, seen: [['params.now', null]] } });
    expect(passedBecause(decisionIn(writes, 0)!)).toBe(
      'The condition of its stage is not met: params.now has no value.',
    );
  });

  it('passes over a stage whole, and what needs the stage goes by its own rule', () => {
    const run = newRun(
      planFrom(
        `- { stage: a, steps: [{ step: one, command: [x] }] }
- { stage: b, when: params.now, steps: [{ step: two, command: [x] }, { step: three, command: [x] }] }
- { stage: well, needs: [b], steps: [{ step: four, command: [x] }] }
- { stage: any, needs: [b], when: any-succeeded, steps: [{ step: five, command: [x] }] }
- { stage: failed, needs: [b], when: any-failed, steps: [{ step: six, command: [x] }] }
- { stage: done, needs: [b], when: all-done and stages.b.state == "skipped", steps: [{ step: seven, command: [x] }] }
`,
        { now: false },
      ),
    );
    settle(run);
    end(run, 0);
    expect(movesOf([run.write(100)])).toEqual([
      '0 succeeded',
      '1 skipped',
      '2 skipped',
      '3 waiting opened',
      '4 skipped',
      '5 skipped',
      '6 waiting opened',
    ]);
  });

  it('asks what comes finally for what the run has come to, also after a cancel', () => {
    const stages = `- { stage: a, steps: [{ step: one, command: [x] }] }
- stage: last
  finally: true
  steps:
    - { step: undo, command: [x], needs: [], when: 'run.cancelled or run.state == "failed"' }
    - { step: praise, command: [x], needs: [], when: 'run.state == "succeeded"' }
`;
    const moves = (what: (run: Run) => void): string[] => {
      const run = newRun(planFrom(stages));
      settle(run);
      what(run);
      return movesOf(settle(run)).filter((move) => /^[12]/.test(move));
    };
    expect(moves((run) => end(run, 0))).toEqual(['1 skipped', '2 waiting opened', '2 running']);
    expect(moves((run) => end(run, 0, FAILURE))).toEqual(['1 waiting opened', '2 skipped', '1 running']);
    expect(
      moves((run) => {
        run.cancel('somebody', 1_000);
        settle(run);
        end(run, 0, { ...END, outcome: { kind: 'cancelled' } } as never);
      }),
    ).toEqual(['1 waiting opened', '2 skipped', '1 running']);
  });

  it('is not asked anew by a new owner, who knows what was passed over', () => {
    const plan = planFrom(LOOK_AND_GO);
    const run = newRun(plan);
    settle(run);
    end(run, 0, END, { n: '1' });
    const writes = settle(run);
    const read = new Run(
      { id: RUN, state: 'running', round: 1, seq: run.seq, plan },
      seedsOf(plan).map((seed): SeedTask => {
        const executions = readExecutions(run, seed.task);
        const state = (['succeeded', 'skipped', 'running'] as const)[seed.task]!;
        return { ...seed, state, executions, ...given({ decision: decisionIn(writes, seed.task) }) };
      }),
      1_000,
    );
    expect(read.hasChanges).toBe(false);
    end(read, 2);
    expect(settle(read).at(-1)).toMatchObject({ state: 'succeeded', isEnd: true });
  });

  it('tells of long and of many values what a record holds', () => {
    const plan = planFrom('- { stage: a, steps: [{ step: one, command: [x], when: params.version contains "y" }] }\n', {
      version: 'x'.repeat(2_000),
    });
    const [write] = settle(newRun(plan));
    const { seen } = decisionIn([write!], 0)!.step!;
    expect(seen).toEqual([['params.version', `${'x'.repeat(100)}…`]]);
  });
});

describe('a step that chooses its hosts', () => {
  const stages = (chooses: string, more = ''): string => `- stage: a
  steps: [{ step: look, command: [x], on_failure: continue, outputs: [{ name: v, from: list }] }]
- stage: b
  steps: [{ step: mend, command: [x], targets: '${chooses}'${more} }]
`;
  /** Both hosts end, the first well, and what the write says then. */
  function chosen(chooses: string, more = ''): RunWrite<unknown> {
    const run = newRun(planFrom(stages(chooses, more), { version: '1' }));
    settle(run);
    const [one, other] = run.task(0)!.crew.executions;
    run.task(0)!.crew.onResult(one!, 1, { ...END, values: { values: { v: '1' } } }, 1_000);
    run.task(0)!.crew.onResult(other!, 1, FAILURE, 1_000);
    const write = run.write(100);
    run.landed(write, 1_000);
    settle(run);
    const hosts = run.task(1)!.crew.executions.map(({ ordinal, subject }) => [ordinal, subject]);
    expect(hosts).toEqual((write.tasks[1]!.places ?? []).map((place, ordinal) => [ordinal, HOSTS[place]]));
    return write;
  }

  it.each([
    ['hosts(look.failed)', [1]],
    ['hosts(look.succeeded)', [0]],
    ['hosts(a.look)', [0, 1]],
    ['hosts(not look.succeeded)', [1]],
    ['hosts(look.outputs.v == params.version)', [0]],
    ['hosts(look.outputs.v == "1" or look.failed)', [0, 1]],
  ])('goes to %s by the very write that ends what it speaks of', (text, places) => {
    const write = chosen(text);
    expect(write.tasks[1]).toMatchObject({
      to: 'waiting',
      isOpened: true,
      places,
      counts: { waiting: places.length },
      decision: { hosts: { of: 2, chosen: places.length } },
    });
  });

  it('is passed over where none is chosen, and chooses none where its condition is not met', () => {
    const none = chosen('hosts(look.lost)').tasks[1]!;
    expect([none.to, none.isOpened, passedBecause(none.decision!)]).toEqual([
      'skipped',
      false,
      'None of the 2 hosts that it may go to is chosen.',
    ]);
    const unmet = chosen('hosts(look.failed)', ', when: params.now').tasks[1]!;
    expect([unmet.to, unmet.decision]).toEqual(['skipped', { step: { isMet: false, seen: [['params.now', null]] } }]);
  });

  it('begins on no host where choosing them would compare more than a run may, and neither under another owner', () => {
    const plan = planFrom(stages('hosts(look.outputs.v matches "(1*){20}x")'));
    const many = Array.from({ length: 1_000 }, (_, at) => hostSubject(`h${at}` as HostId, `h${at}`));
    const seeds = seedsOf(plan).map((seed) => ({ ...seed, subjects: many }));
    const run = new Run({ id: RUN, state: 'created', round: 1, seq: 1, plan }, seeds, 1_000);
    settle(run);
    end(run, 0, END, { v: '1'.repeat(1_000) });
    const write = run.write(2_000);
    const { decision, places } = write.tasks[1]!;
    expect([decision?.hosts?.chosen, places?.length]).toEqual([1_000, 1_000]);
    expect(decision?.hosts?.fault).toContain('compares more than a run may');
    run.landed(write, 1_000);
    const next = new Run(
      { id: RUN, state: 'running', round: 1, seq: 2, plan },
      seeds.map((seed) =>
        seed.task === 0
          ? { ...seed, state: 'succeeded', executions: readExecutions(run, 0) }
          : { ...seed, state: 'waiting', executions: readExecutions(run, 1), ...given({ decision }) },
      ),
      1_000,
    );
    for (const one of [run, next]) {
      settle(one);
      const states = new Set(one.task(1)!.crew.executions.map(({ state }) => state));
      expect([...states]).toEqual(['not_started']);
    }
  });

  it('chooses of a step that had no turn what was skipped there', () => {
    const run = newRun(
      planFrom(`- { stage: a, steps: [{ step: look, command: [x], when: params.now }] }
- { stage: b, steps: [{ step: mend, command: [x], targets: hosts(look.skipped) }] }
`),
    );
    expect(movesOf(settle(run)).slice(0, 2)).toEqual(['0 skipped', '1 waiting opened']);
  });
});

describe('a step that is done for each of what a step before it has told', () => {
  const plan = planFrom(`- stage: a
  steps: [{ step: list, command: [x], worker: all, outputs: [{ name: files, type: list }] }]
- stage: b
  steps: [{ step: work, command: [x], worker: all, for_each: '\${{ steps.a.list.outputs.files }}' }]
`);
  const seeds = (): SeedTask[] => seedsOf(plan).map((seed) => ({ ...seed, subjects: [NO_SUBJECT] }));
  /** Its first step has told this. */
  function told(files: string): { readonly run: Run; readonly write: RunWrite<unknown> } {
    const run = new Run({ id: RUN, state: 'created', round: 1, seq: 1, plan }, seeds(), 1_000);
    settle(run);
    end(run, 0, END, { files });
    const write = run.write(100);
    return { run, write };
  }

  it('has an execution for each, by the very write that ends what told them', () => {
    const { run, write } = told('one\ntwo\none');
    expect(write.tasks[1]).toMatchObject({
      to: 'waiting',
      isOpened: true,
      items: ['one', 'two', 'one'],
      counts: { waiting: 3 },
      decision: { items: { count: 3 } },
    });
    run.landed(write, 1_000);
    settle(run);
    expect(run.task(1)!.crew.executions.map(({ subject }) => subject)).toEqual(['one', 'two', 'one'].map(itemSubject));
    end(run, 1);
    expect(settle(run).at(-1)).toMatchObject({ state: 'succeeded', isEnd: true });
  });

  it('is passed over where nothing was told', () => {
    const { write } = told('');
    expect([write.tasks[1]!.to, passedBecause(write.tasks[1]!.decision!), write.state]).toEqual([
      'skipped',
      'The step before it has told no items.',
      'succeeded',
    ]);
  });

  it('begins none of it where one cannot be taken, and says which', () => {
    const { run, write } = told('one\n\u001b[2J');
    const fault = 'Item 2 cannot be one: control characters have no place in a name.';
    expect([write.tasks[1]!.items, write.tasks[1]!.decision]).toEqual([undefined, { items: { count: 0, fault } }]);
    run.landed(write, 1_000);
    run.advance({ at: 1_000, ms: 1_000 }, () => HERE);
    const last = run.write(100);
    expect(last.changes.map(({ state, result }) => [state, result?.reason, result?.detail])).toEqual([
      ['not_started', 'bad-input', fault],
    ]);
    expect(last).toMatchObject({ state: 'failed', isEnd: true });
  });

  it('goes on with its items where another owner takes it over, whatever was told since', () => {
    const { run, write } = told('one\ntwo');
    run.landed(write, 1_000);
    const read = seeds().map((seed) => ({
      ...seed,
      state: seed.task === 0 ? ('succeeded' as const) : ('waiting' as const),
      subjects: [],
      executions: readExecutions(run, seed.task),
      ...given({ outputs: seed.task === 0 ? { values: { files: ['another'] } } : undefined }),
      ...given({ decision: seed.task === 1 ? write.tasks[1]!.decision : undefined }),
    }));
    const next = new Run({ id: RUN, state: 'running', round: 1, seq: 3, plan }, read, 1_000);
    settle(next);
    expect(next.task(1)!.crew.executions.map(({ subject, state }) => [subject, state])).toEqual([
      [itemSubject('one'), 'dispatched'],
      [itemSubject('two'), 'dispatched'],
    ]);
  });
});

describe('a new round of a run with conditions', () => {
  const plan = planFrom(LOOK_AND_GO);
  const counts = (state: 'succeeded' | 'failed' | 'waiting', count = 2): ReturnType<typeof emptyCounts> => ({
    ...emptyCounts(),
    [state]: count,
  });
  const unmet: TaskDecision = { step: { isMet: false, seen: [] } };
  const met: TaskDecision = { step: { isMet: true, seen: [] } };
  const before = (...tasks: Omit<TaskBefore, 'hostCount' | 'isAgain'>[]): Map<number, TaskBefore> =>
    new Map(tasks.map((one, task) => [task, { ...one, hostCount: 2, isAgain: one.counts.waiting > 0 }]));

  it('forgets what was passed over after something that is done again, and asks anew', () => {
    const { tasks, state } = roundOpened(
      { state: 'succeeded', plan },
      before(
        { state: 'failed', counts: counts('waiting') },
        { state: 'skipped', counts: emptyCounts(), decision: unmet },
        { state: 'succeeded', counts: counts('succeeded') },
      ),
    );
    expect(state).toBe('running');
    expect(tasks.map(({ task, to, isOpened, decision }) => [task, to, isOpened, decision])).toEqual([
      [0, 'running', true, undefined],
      [1, 'created', false, undefined],
    ]);
  });

  it('does again without asking what had its turn, and keeps what was decided of it', () => {
    const { tasks } = roundOpened(
      { state: 'failed', plan },
      before(
        { state: 'succeeded', counts: counts('succeeded') },
        { state: 'failed', counts: counts('waiting'), decision: met },
        { state: 'skipped', counts: emptyCounts() },
      ),
    );
    expect(tasks.map(({ task, to, isOpened, decision }) => [task, to, isOpened, decision])).toEqual([
      [1, 'running', true, met],
      [2, 'created', false, undefined],
    ]);
  });
});
