/** A run of which somebody skips steps, in its owner's memory: what ends by it, what goes on, and what another owner finds. */
import { describe, expect, it } from 'vitest';
import { HERE, RUN, SPEC } from '../../../test/support/one-host.ts';
import { given } from '../../base/given.ts';
import type { HostId } from '../../base/ids.ts';
import { emptyCounts, type ExecutionState } from '../crew/execution-machine.ts';
import { firstAttempts, type SeedExecution } from '../crew/execution.ts';
import type { GatePosition } from '../gate/gate-position.ts';
import type { RunState } from '../flow/run-machine.ts';
import type { TaskState } from '../flow/task-machine.ts';
import type { ApprovalAnswer } from '../gate/approval.ts';
import type { TaskDecision } from './conditions.ts';
import type { RunPlan } from './plan.ts';
import { gateBefore, roundOpened, type TaskBefore } from './round.ts';
import { Run } from './run.ts';
import type { StepSkip } from './step-skip.ts';
import { hostSubject } from './subject.ts';

const HOST = hostSubject('h' as HostId, 'web-1');
const SKIP: StepSkip = { by: 'mia', reason: 'agreed', atMs: 5 };
const APPROVAL = { kind: 'approval', message: 'Go?', count: 1, notByStarter: false, onTimeout: 'fail' } as const;
const stage = (
  name: string,
  needs: readonly number[],
  tasks: readonly (readonly [number, string])[],
  more: object = {},
) => ({
  name,
  needs,
  join: 'all-succeeded' as const,
  isFinally: false,
  tasks: tasks.map(([task, step], at) => ({
    task,
    name: step,
    needs: at === 0 ? [] : [tasks[at - 1]![0]],
    goesOn: false,
  })),
  ...more,
});
/** build, approve → deploy, test → finally clean. */
const PLAN: RunPlan = [
  stage(
    'prepare',
    [],
    [
      [0, 'build'],
      [1, 'approve'],
    ],
  ),
  stage(
    'release',
    [0],
    [
      [2, 'deploy'],
      [3, 'test'],
    ],
  ),
  stage('clean', [], [[4, 'clean']], { isFinally: true, join: 'all-done' }),
];
const [BUILD, APPROVE, DEPLOY, TEST] = [0, 1, 2, 3];

interface Row {
  state: TaskState;
  executions: SeedExecution[];
  gate: GatePosition | undefined;
  answers: ApprovalAnswer[];
  skip: StepSkip | undefined;
  decision: TaskDecision | undefined;
}

class World {
  state: RunState = 'created';
  at = 1_000;
  isCancelled = false;
  round = 1;
  rows = [0, 1, 2, 3, 4].map(
    (): Row => ({
      state: 'created',
      executions: [],
      gate: undefined,
      answers: [],
      skip: undefined,
      decision: undefined,
    }),
  );
  #held: Run | undefined;

  get run(): Run {
    return (this.#held ??= this.#read());
  }

  #read(): Run {
    const { policy, placement } = SPEC;
    return new Run(
      {
        id: RUN,
        state: this.state,
        round: this.round,
        seq: 1,
        plan: PLAN,
        ...given({ cancelRequestedAtMs: this.isCancelled ? 1 : undefined }),
      },
      this.rows.map(({ state, executions, gate, answers, skip, decision }, task) => ({
        task,
        terms: { policy, placement },
        state,
        subjects: executions.length > 0 || task === APPROVE ? [] : [HOST],
        executions,
        openedAgeMs: 0,
        ...given({
          skip,
          decision,
          gate: task === APPROVE ? { work: APPROVAL, answers, ...given({ position: gate }) } : undefined,
        }),
      })),
      this.at,
    );
  }

  takeOver(): void {
    this.#held = undefined;
  }

  skip(task: number): void {
    this.rows[task]!.skip = SKIP;
    this.run.skip(task, SKIP, this.at);
  }

  settle(): void {
    for (;;) {
      this.run.advance({ at: this.at, ms: this.at }, () => HERE);
      if (!this.run.hasChanges) return;
      const write = this.run.write(100);
      this.run.landed(write, this.at);
      this.state = write.state;
      for (const { task, to, gate, decision } of write.tasks)
        Object.assign(this.rows[task]!, { state: to, gate, decision });
      // Those of the first step are written with the run.
      for (const { task, to } of write.tasks)
        if (to !== 'created' && to !== 'skipped' && task !== APPROVE && this.rows[task]!.executions.length === 0)
          this.rows[task]!.executions = firstAttempts([HOST], task);
      for (const [n, { task, route, attempt }] of write.changes.entries())
        this.rows[task]!.executions = [
          { ...this.rows[task]!.executions[0]!, attempt, state: write.states[n]!, ...given({ route }) },
        ];
    }
  }

  /** The only execution of it, as its host tells it. */
  end(task: number, code: number | 'cancelled'): void {
    const { crew } = this.run.task(task)!;
    const [one] = [...crew.inFlight()];
    crew.onResult(
      one!,
      one!.attempt,
      {
        outcome:
          code === 'cancelled' ? { kind: 'cancelled', end: { kind: 'exited', code: 0 } } : { kind: 'exited', code },
        startedAtMs: 1,
        finishedAtMs: 2,
      },
      this.at,
    );
    this.settle();
  }

  answer(isYes: boolean): void {
    const row = this.rows[APPROVE!]!;
    row.answers = [{ askedMs: row.gate!.sinceMs, isYes, by: { id: 'ann', name: 'ann' }, reason: '', atMs: this.at }];
    this.run.task(APPROVE!)!.gate!.hear(row.answers);
  }

  retry(states: readonly ExecutionState[]): void {
    const before = new Map(
      this.rows.map(({ state, executions, gate, skip, decision }, task): [number, TaskBefore] => {
        const counts = emptyCounts();
        let isAgain = false;
        for (const execution of executions) {
          if (states.includes(execution.state)) {
            Object.assign(execution, { state: 'waiting', attempt: execution.attempt + 1 });
            isAgain = true;
          }
          counts[execution.state]++;
        }
        const own = task === APPROVE ? gateBefore(state, gate, states) : { counts, isAgain };
        return [task, { state, hostCount: task === APPROVE ? 0 : 1, ...own, ...given({ skip, decision }) }];
      }),
    );
    const opened = roundOpened({ state: this.state, plan: PLAN }, before);
    for (const { task, to, decision } of opened.tasks)
      Object.assign(this.rows[task]!, { state: to, gate: undefined, decision });
    for (const [task, { isAgain }] of before) if (isAgain) this.rows[task]!.skip = undefined;
    [this.state, this.round] = [opened.state, this.round + 1];
    this.takeOver();
    this.settle();
  }

  get states(): string {
    return [this.state, ...this.rows.map(({ state }) => state)].join(' ');
  }
}

const [CLEAN] = [4];
/** Also as another owner goes on with it, who reads it at every point. */
const OWNERS = [false, true];
function begun(): World {
  const world = new World();
  world.settle();
  return world;
}
function asking(): World {
  const world = begun();
  world.end(BUILD!, 0);
  expect(world.states).toBe('paused succeeded paused created created created');
  return world;
}
const decided = (world: World, task: number): TaskDecision | undefined => world.rows[task]!.decision;

describe.each(OWNERS)('a step that somebody skips (another owner goes on: %s)', (isOther) => {
  const moved = (world: World): void => {
    if (isOther) world.takeOver();
    world.settle();
    if (isOther) world.takeOver();
  };

  it('is passed over when its turn comes, where that has not come, and not before', () => {
    const world = begun();
    world.skip(DEPLOY!);
    moved(world);
    expect(world.states).toBe('running running created created created created');
    world.end(BUILD!, 0);
    moved(world);
    world.answer(true);
    moved(world);
    expect(world.states).toBe('running succeeded succeeded skipped running created');
    expect(decided(world, DEPLOY!)).toEqual({ skip: SKIP });
    world.end(TEST!, 0);
    moved(world);
    world.end(CLEAN!, 0);
    expect(world.states).toBe('succeeded succeeded succeeded skipped succeeded succeeded');
  });

  it('is skipped as all else where its turn never comes, which is nobody’s doing', () => {
    const world = begun();
    world.skip(DEPLOY!);
    world.end(BUILD!, 1);
    moved(world);
    expect(world.states).toBe('running failed skipped skipped skipped running');
    expect(decided(world, DEPLOY!)).toBeUndefined();
    world.end(CLEAN!, 0);
    expect(world.state).toBe('failed');
    // A new round comes to it, and passes it over still.
    world.retry(['failed']);
    world.end(BUILD!, 0);
    moved(world);
    world.answer(true);
    moved(world);
    expect(world.states).toBe('running succeeded succeeded skipped running succeeded');
  });

  it('ends what runs of it, and what needs it goes on when that is over', () => {
    const world = begun();
    world.skip(BUILD!);
    moved(world);
    expect(world.states).toBe('running stopping created created created created');
    world.run.advance({ at: world.at, ms: world.at }, () => HERE);
    expect(world.run.orders(world.at, () => HERE).map(({ kind }) => kind)).toContain('cancel');
    world.end(BUILD!, 'cancelled');
    moved(world);
    expect(world.states).toBe('paused skipped paused created created created');
    expect(decided(world, BUILD!)).toEqual({ skip: SKIP });
    expect(world.rows[BUILD!]!.executions[0]!.state).toBe('cancelled');
  });

  it('has succeeded where it did before it heard, and has been skipped where it failed', () => {
    for (const [code, state] of [
      [0, 'succeeded'],
      [1, 'skipped'],
    ] as const) {
      const world = begun();
      world.skip(BUILD!);
      moved(world);
      world.end(BUILD!, code);
      moved(world);
      expect(world.states).toBe(`paused ${state} paused created created created`);
      expect(decided(world, BUILD!)?.skip).toEqual(code === 0 ? undefined : SKIP);
    }
  });

  it('asks nobody any more; an answer that decides and came first counts', () => {
    const world = asking();
    world.skip(APPROVE!);
    moved(world);
    expect(world.states).toBe('running succeeded skipped running created created');
    expect(world.rows[APPROVE!]!.gate).toMatchObject({ phase: 'over', end: 'skipped' });
    const refused = asking();
    refused.answer(false);
    refused.skip(APPROVE!);
    moved(refused);
    expect(refused.states).toBe('running succeeded failed skipped skipped running');
  });

  it('may be one that is done finally, also of a run that is cancelled', () => {
    const world = begun();
    world.isCancelled = true;
    world.run.cancel('mia', world.at);
    world.settle();
    world.end(BUILD!, 'cancelled');
    world.skip(CLEAN!);
    moved(world);
    world.end(CLEAN!, 'cancelled');
    expect(world.states).toBe('cancelled cancelled cancelled cancelled cancelled skipped');
  });

  it('is skipped in a run that is paused, which stays so', () => {
    const world = begun();
    world.run.pause('mia');
    world.settle();
    world.skip(BUILD!);
    world.settle();
    world.run.pause('mia');
    world.settle();
    world.end(BUILD!, 'cancelled');
    expect(world.states).toBe('paused skipped paused created created created');
  });

  it('may be the last that is under way: then its run ends as its other steps say', () => {
    const world = asking();
    world.answer(true);
    moved(world);
    world.end(DEPLOY!, 0);
    moved(world);
    world.skip(TEST!);
    moved(world);
    expect(world.states).toBe('running succeeded succeeded succeeded stopping created');
    world.end(TEST!, 'cancelled');
    moved(world);
    world.end(CLEAN!, 0);
    expect(world.states).toBe('succeeded succeeded succeeded succeeded skipped succeeded');
  });

  it('stays skipped in a new round of what failed, and is done in one that asks for what was cancelled', () => {
    const world = begun();
    world.skip(BUILD!);
    moved(world);
    world.end(BUILD!, 'cancelled');
    world.answer(true);
    moved(world);
    world.end(DEPLOY!, 1);
    moved(world);
    world.end(CLEAN!, 0);
    expect(world.states).toBe('failed skipped succeeded failed skipped succeeded');
    world.retry(['failed']);
    moved(world);
    expect(world.states).toBe('running skipped succeeded running created succeeded');
    world.end(DEPLOY!, 1);
    moved(world);
    world.retry(['cancelled']);
    moved(world);
    expect(world.states.split(' ')[1]).toBe('running');
    expect([world.rows[BUILD!]!.skip, decided(world, BUILD!)?.skip]).toEqual([undefined, undefined]);
  });
});

it('a step that is over is not skipped', () => {
  const world = asking();
  world.skip(BUILD!);
  world.settle();
  expect(world.states).toBe('paused succeeded paused created created created');
  expect(world.run.hasChanges).toBe(false);
});
