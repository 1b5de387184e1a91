/** A run with an approval and a wait among its steps, in its owner's memory: what is written with what, and what a new owner finds. */
import { describe, expect, it } from 'vitest';
import { HERE, RUN, SPEC } from '../../../test/support/one-host.ts';
import { given } from '../../base/given.ts';
import { EXECUTION_STATES, totalOf, type ExecutionState } from '../crew/execution-machine.ts';
import type { ApprovalAnswer } from '../gate/approval.ts';
import type { GatePosition } from '../gate/gate-position.ts';
import type { RunState } from '../flow/run-machine.ts';
import type { TaskState } from '../flow/task-machine.ts';
import type { GateWork } from '../work/work.ts';
import type { RunPlan } from './plan.ts';
import { gateBefore, roundOpened } from './round.ts';
import { Run } from './run.ts';

const APPROVAL: GateWork = {
  kind: 'approval',
  message: 'Go?',
  count: 1,
  notByStarter: false,
  onTimeout: 'fail',
  timeoutMs: 60_000,
};
const WAIT: GateWork = { kind: 'wait', ms: 5_000 };
const PLAN: RunPlan = [
  {
    name: 's',
    needs: [],
    join: 'all-succeeded',
    isFinally: false,
    tasks: [
      { task: 0, name: 'ask', needs: [], goesOn: false },
      { task: 1, name: 'wait', needs: [0], goesOn: false },
    ],
  },
  {
    name: 'end',
    needs: [],
    join: 'all-done',
    isFinally: true,
    tasks: [{ task: 2, name: 'last', needs: [], goesOn: false }],
  },
];
const WORKS = [APPROVAL, WAIT, WAIT];

/** Its rows as they are written, and owners that come and go. */
class World {
  state: RunState = 'created';
  round = 1;
  rows = WORKS.map((work) => ({
    work,
    state: 'created' as TaskState,
    gate: undefined as GatePosition | undefined,
    answers: [] as ApprovalAnswer[],
  }));
  at = 1_000;
  isCancelled = false;
  pausedBy: string | undefined;
  asked = 0;
  run = this.#read();

  #read(): Run {
    const { policy, placement } = SPEC;
    return new Run(
      {
        id: RUN,
        state: this.state,
        round: this.round,
        seq: 1,
        plan: PLAN,
        ...given({ pausedBy: this.pausedBy, cancelRequestedAtMs: this.isCancelled ? 1 : undefined }),
      },
      this.rows.map(({ work, state, gate, answers }, task) => ({
        task,
        terms: { policy, placement },
        state,
        subjects: [],
        executions: [],
        openedAgeMs: 0,
        gate: { work, answers, ...given({ position: gate }) },
      })),
      this.at,
    );
  }

  takeOver(): void {
    this.run = this.#read();
  }

  settle(): void {
    for (;;) {
      this.run.advance({ at: this.at, ms: this.at }, () => HERE);
      if (!this.run.hasChanges) return;
      const write = this.run.write(100);
      expect(EXECUTION_STATES.map((state) => write.counts[state]).every((count) => count === 0)).toBe(true);
      for (const { task, to, gate, counts } of write.tasks) {
        expect(totalOf(counts)).toBe(0);
        const row = this.rows[task]!;
        if (gate?.phase === 'asking' && row.gate === undefined) this.asked++;
        Object.assign(row, { state: to, gate });
      }
      this.state = write.state;
      this.run.landed(write, this.at);
    }
  }

  answer(isYes: boolean): void {
    const [row] = this.rows;
    const by = { id: 'ann', name: 'ann' };
    row!.answers = [{ askedMs: row!.gate!.sinceMs, isYes, by, reason: '', atMs: this.at }];
    this.run.task(0)!.gate!.hear(row!.answers);
  }

  retry(states: readonly ExecutionState[]): void {
    const before = this.rows.map(({ state, gate }) => ({ state, hostCount: 0, ...gateBefore(state, gate, states) }));
    const opened = roundOpened({ state: this.state, plan: PLAN }, new Map(before.entries()));
    for (const { task, to } of opened.tasks)
      this.rows[task] = { ...this.rows[task]!, state: to, gate: undefined, answers: [] };
    [this.state, this.round, this.isCancelled] = [opened.state, this.round + 1, false];
    this.takeOver();
  }

  get states(): string {
    return [this.state, ...this.rows.map(({ state }) => state)].join(' ');
  }
}

function begun(): World {
  const world = new World();
  world.settle();
  return world;
}

describe('a run with gates', () => {
  it('is paused while it asks, goes on by the answer, and lets time pass', () => {
    const world = begun();
    expect(world.states).toBe('paused paused created created');
    expect(world.run.dueAt).toBe(61_000);
    world.answer(true);
    world.settle();
    expect(world.states).toBe('running succeeded running created');
    expect(world.run.dueAt).toBe(6_000);
    for (const at of [6_000, 11_000]) {
      world.at = at;
      world.settle();
    }
    expect(world.states).toBe('succeeded succeeded succeeded succeeded');
    expect(world.run.isFinished).toBe(true);
  });

  it('asks once, whoever takes over, and its time runs out at the same instant', () => {
    const world = begun();
    for (const at of [20_000, 40_000, 60_999]) {
      world.at = at;
      world.takeOver();
      world.settle();
    }
    expect([world.states, world.asked]).toEqual(['paused paused created created', 1]);
    world.at = 61_000;
    world.takeOver();
    world.settle();
    expect(world.states).toBe('running timed_out skipped running');
  });

  it('does what comes finally when it is cancelled, and nothing when that is forced', () => {
    for (const [forcedBy, states] of [
      [undefined, 'stopping cancelled cancelled running'],
      ['mia', 'cancelled cancelled cancelled cancelled'],
    ] as const) {
      const world = begun();
      world.run.cancel('mia', world.at, forcedBy);
      world.isCancelled = true;
      world.settle();
      expect(world.states).toBe(states);
      world.takeOver();
      world.settle();
      expect(world.states).toBe(states);
    }
  });

  it('asks nothing while it is paused before that, and is answered while it is paused after it', () => {
    const world = new World();
    world.run.pause('mia');
    world.pausedBy = 'mia';
    world.settle();
    expect([world.states, world.asked]).toEqual(['paused paused created created', 0]);
    world.takeOver();
    world.settle();
    expect(world.asked).toBe(0);
    world.run.resume('mia', world.at);
    world.settle();
    world.run.pause('mia');
    world.answer(true);
    world.settle();
    expect(world.states).toBe('paused succeeded paused created');
    expect(world.rows[1]!.gate).toBeUndefined();
  });

  it('asks anew in a new round what was refused or ran out of time, and keeps what was approved', () => {
    const world = begun();
    world.answer(false);
    world.settle();
    world.at = 11_000;
    world.settle();
    expect(world.states).toBe('failed failed skipped succeeded');
    world.retry(['failed']);
    world.settle();
    expect([world.states, world.asked]).toEqual(['paused paused created succeeded', 2]);
    world.at = 99_000;
    world.settle();
    expect(world.states).toBe('failed timed_out skipped succeeded');
    world.retry(['timed_out']);
    world.settle();
    world.answer(true);
    world.settle();
    world.run.cancel('mia', world.at);
    world.isCancelled = true;
    world.settle();
    expect(world.states).toBe('cancelled succeeded cancelled succeeded');
    world.retry(['cancelled']);
    world.settle();
    expect([world.states, world.asked]).toEqual(['running succeeded running succeeded', 3]);
  });
});
