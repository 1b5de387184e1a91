/**
 * Runs of several stages: what is opened when, what becomes of what has no turn, and that it all ends, whatever happens
 * in whatever order.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyCounts,
  EXECUTION_TRANSITIONS,
  isTerminalExecution,
  type ExecutionCounts,
  type ExecutionState,
} from '../crew/execution-machine.ts';
import { advanceFlow, newFlow, type Flow, type FlowEffect, type FlowEvent } from './flow.ts';
import { isTerminalRun, type RunState } from './run-machine.ts';
import type { TaskState } from './task-machine.ts';

function counts(some: Partial<ExecutionCounts>): ExecutionCounts {
  return { ...emptyCounts(), ...some };
}

/** Stages of so many tasks each, numbered through. */
function flowOf(...tasksByStage: number[]): Flow {
  let task = 0;
  return newFlow(tasksByStage.map((n) => Array.from({ length: n }, () => ({ task: task++, counts: emptyCounts() }))));
}

function play(flow: Flow, ...events: FlowEvent[]): { flow: Flow; effects: FlowEffect[] } {
  const effects: FlowEffect[] = [];
  for (const event of events) {
    const step = advanceFlow(flow, event);
    flow = step.flow;
    effects.push(...step.effects);
  }
  return { flow, effects };
}

const START: FlowEvent = { kind: 'start' };
const CANCEL: FlowEvent = { kind: 'cancel' };
function told(
  task: number,
  some: Partial<ExecutionCounts>,
  more: { undecided?: number; isStopped?: boolean } = {},
): FlowEvent {
  return { kind: 'progressed', task, counts: counts(some), undecided: 0, isStopped: false, ...more };
}
const statesOf = ({ state, stages }: Flow): string =>
  `${state}: ${stages.map((stage) => `${stage.state}(${stage.tasks.map((task) => task.state).join(' ')})`).join(' ')}`;

describe('stages', () => {
  it('are opened one after the other, each with all of its tasks, and the run ends with the last', () => {
    const first = play(flowOf(2, 1), START);
    expect(first.effects).toEqual([
      { kind: 'open-task', task: 0 },
      { kind: 'open-task', task: 1 },
    ]);
    const half = play(first.flow, told(0, { succeeded: 3 }), told(1, { running: 1 }));
    expect([statesOf(half.flow), half.effects]).toEqual(['running: running(succeeded running) created(created)', []]);
    const second = play(half.flow, told(1, { succeeded: 1 }));
    expect([statesOf(second.flow), second.effects]).toEqual([
      'running: succeeded(succeeded succeeded) waiting(waiting)',
      [{ kind: 'open-task', task: 2 }],
    ]);
    const end = play(second.flow, told(2, { timed_out: 1, succeeded: 1 }));
    expect([statesOf(end.flow), end.effects]).toEqual([
      'timed_out: succeeded(succeeded succeeded) timed_out(timed_out)',
      [{ kind: 'settle-run', state: 'timed_out' }],
    ]);
  });

  it('that come after one that has not succeeded are skipped, and the run has failed', () => {
    const { flow, effects } = play(flowOf(1, 1, 1), START, told(0, { succeeded: 2, failed: 1 }));
    expect(statesOf(flow)).toBe('failed: failed(failed) skipped(skipped) skipped(skipped)');
    expect(effects).toEqual([
      { kind: 'open-task', task: 0 },
      { kind: 'settle-run', state: 'failed' },
    ]);
  });

  it('are cancelled where somebody asks for it: what is open is stopped, what is not is over', () => {
    const { flow, effects } = play(flowOf(2, 1), START, told(0, { succeeded: 1 }), CANCEL);
    expect(statesOf(flow)).toBe('stopping: stopping(succeeded stopping) cancelled(cancelled)');
    expect(effects.slice(2)).toEqual([{ kind: 'stop-task', task: 1, how: 'cancel' }]);
    expect(statesOf(play(flow, told(1, { cancelled: 1 })).flow)).toBe(
      'cancelled: cancelled(succeeded cancelled) cancelled(cancelled)',
    );
  });

  it('are all over by a cancel before the start', () => {
    const { flow, effects } = play(flowOf(1, 1), CANCEL);
    expect(statesOf(flow)).toBe('cancelled: cancelled(cancelled) cancelled(cancelled)');
    expect(effects).toEqual([{ kind: 'settle-run', state: 'cancelled' }]);
  });
});

describe('a task', () => {
  it('is not over while more is decided of it than was told', () => {
    const { flow } = play(
      flowOf(1),
      START,
      told(0, { running: 2 }),
      told(0, { succeeded: 1, lost: 1 }, { undecided: 1 }),
    );
    expect(statesOf(flow)).toBe('running: running(running)');
    expect(statesOf(play(flow, told(0, { succeeded: 2 })).flow)).toBe('succeeded: succeeded(succeeded)');
  });

  it('that was under way does not begin anew when all that was sent comes back', () => {
    const { flow } = play(flowOf(1), START, told(0, { dispatched: 2 }), told(0, { waiting: 2 }));
    expect(flow.state).toBe('running');
    expect(play(flowOf(1), START, told(0, { waiting: 2 })).flow.state).toBe('waiting');
  });

  it('that its rollout has stopped is stopping, and so is the run when nothing else goes on', () => {
    const { flow } = play(flowOf(2), START, told(0, { failed: 2, running: 1, waiting: 5 }, { isStopped: true }));
    expect(statesOf(flow)).toBe('running: running(stopping waiting)');
    expect(statesOf(play(flow, told(1, { succeeded: 1 })).flow)).toBe('stopping: stopping(stopping succeeded)');
  });
});

describe('a run that is over', () => {
  const failed = play(flowOf(1, 1), START, told(0, { succeeded: 1, lost: 1 })).flow;

  it('is another end by the late truth of a lost execution, and takes up nothing by it', () => {
    const one = play(flowOf(1), START, told(0, { succeeded: 1, lost: 1 }));
    expect(one.flow.state).toBe('failed');
    const truth = play(one.flow, told(0, { succeeded: 2 }));
    expect([truth.flow.state, truth.effects]).toEqual(['succeeded', [{ kind: 'settle-run', state: 'succeeded' }]]);
    const { flow, effects } = play(failed, told(0, { succeeded: 2 }));
    expect([statesOf(flow), effects]).toEqual(['failed: succeeded(succeeded) skipped(skipped)', []]);
  });

  it('takes no cancel, and no start', () => {
    expect(play(failed, CANCEL)).toEqual({ flow: failed, effects: [] });
    expect(() => play(failed, START)).toThrow();
  });

  it('goes on in a new round from the first stage that has something to do; what had no turn then has one', () => {
    const again = play(failed, { kind: 'round', counts: new Map([[0, counts({ succeeded: 1, waiting: 1 })]]) });
    expect([statesOf(again.flow), again.effects]).toEqual(['running: running(running) created(created)', []]);
    const { flow, effects } = play(again.flow, told(0, { succeeded: 2 }));
    expect([statesOf(flow), effects]).toEqual([
      'running: succeeded(succeeded) waiting(waiting)',
      [{ kind: 'open-task', task: 1 }],
    ]);
  });

  it('takes later stages up again in their turn only, and skips them when that does not come', () => {
    const over = play(flowOf(1, 1), START, told(0, { succeeded: 1 }), told(1, { failed: 1 })).flow;
    const waiting = counts({ waiting: 1 });
    const again = play(over, {
      kind: 'round',
      counts: new Map([
        [0, waiting],
        [1, waiting],
      ]),
    }).flow;
    expect(statesOf(again)).toBe('running: running(running) created(created)');
    const { flow, effects } = play(again, told(0, { failed: 1 }));
    expect([statesOf(flow), effects]).toEqual([
      'stopping: failed(failed) stopping(stopping)',
      [{ kind: 'stop-task', task: 1, how: 'skip' }],
    ]);
    expect(statesOf(play(flow, told(1, { skipped: 1 })).flow)).toBe('failed: failed(failed) skipped(skipped)');
  });
});

/** Tasks with executions that move as their table allows, and a flow that is told of it. */
class FlowWorld {
  flow: Flow;
  readonly #sizes: readonly number[];
  readonly #executions = new Map<number, ExecutionState[]>();
  readonly #open = new Set<number>();
  readonly #stopped = new Map<number, 'cancel' | 'skip'>();
  readonly #limited = new Set<number>();

  constructor(stages: readonly (readonly number[])[]) {
    this.#sizes = stages.flat();
    this.flow = flowOf(...stages.map((sizes) => sizes.length));
  }

  on(event: FlowEvent): void {
    const before = this.flow;
    const { flow, effects } = advanceFlow(before, event);
    this.flow = flow;
    for (const effect of effects) {
      if (effect.kind === 'open-task') {
        this.#open.add(effect.task);
        const size = this.#sizes[effect.task]!;
        if (!this.#executions.has(effect.task))
          this.#executions.set(effect.task, Array<ExecutionState>(size).fill('waiting'));
      } else if (effect.kind === 'stop-task' && this.#stopped.get(effect.task) !== 'cancel')
        this.#stopped.set(effect.task, effect.how);
    }
    this.#check(before, event, effects);
  }

  start(): void {
    if (this.flow.state === 'created') this.on(START);
  }

  /** An execution goes one step on; `n` chooses which, and where to. */
  move(n: number, undecided = 0): void {
    const tasks = [...this.#executions.keys()].filter((task) => this.#open.has(task) || this.#stopped.has(task));
    const task = tasks[n % Math.max(1, tasks.length)];
    if (task === undefined) return;
    const states = this.#executions.get(task)!;
    const live = states.flatMap((state, i) => (isTerminalExecution(state) ? [] : [i]));
    const at = live[Math.floor(n / 7) % Math.max(1, live.length)];
    if (at === undefined) return;
    const stop = this.#stopped.get(task) ?? (this.#limited.has(task) ? 'skip' : undefined);
    const may = EXECUTION_TRANSITIONS[states[at]!] as readonly ExecutionState[];
    // As a rule it goes well, or no run of many tasks would.
    const to = n % 8 > 0 ? may.filter((state) => state === 'dispatched' || state === 'succeeded') : may;
    states[at] =
      stop && states[at] === 'waiting'
        ? stop === 'cancel'
          ? 'cancelled'
          : 'skipped'
        : to[Math.floor(n / 3) % to.length]!;
    this.#tell(task, undecided);
  }

  /** What a lost execution has really come to. */
  truth(n: number): void {
    for (const [task, states] of this.#executions) {
      const at = states.indexOf('lost');
      if (at < 0) continue;
      states[at] = EXECUTION_TRANSITIONS.lost[n % EXECUTION_TRANSITIONS.lost.length]!;
      return this.#tell(task);
    }
  }

  limit(n: number): void {
    const open = [...this.#open];
    const task = open[n % Math.max(1, open.length)];
    if (task === undefined) return;
    this.#limited.add(task);
    this.#tell(task);
  }

  round(n: number): void {
    if (!isTerminalRun(this.flow.state)) return;
    const fresh = new Map<number, ExecutionCounts>();
    this.#open.clear();
    this.#stopped.clear();
    this.#limited.clear();
    for (const [task, states] of this.#executions) {
      if ((task + n) % 2 === 0) continue;
      this.#executions.set(
        task,
        states.map(() => 'waiting'),
      );
      fresh.set(task, this.#countsOf(task));
    }
    if (fresh.size === 0) return;
    this.on({ kind: 'round', counts: fresh });
    for (const { tasks } of this.flow.stages)
      for (const { task, state } of tasks) if (state === 'running') this.#open.add(task);
  }

  /** Everything ends, somehow. */
  settle(): void {
    this.start();
    for (let n = 0; n < 5_000 && !isTerminalRun(this.flow.state); n++) this.move((n * 7_919) % 10_007);
    expect(isTerminalRun(this.flow.state)).toBe(true);
  }

  #tell(task: number, undecided = 0): void {
    this.on({ kind: 'progressed', task, counts: this.#countsOf(task), undecided, isStopped: this.#limited.has(task) });
    if (undecided > 0) this.#tell(task);
  }

  #countsOf(task: number): ExecutionCounts {
    const counted = emptyCounts();
    for (const state of this.#executions.get(task)!) counted[state]++;
    return counted;
  }

  #check(before: Flow, event: FlowEvent, effects: readonly FlowEffect[]): void {
    const { flow } = this;
    for (const stage of flow.stages) mustFollow(stage.state, stage.tasks);
    mustFollow(flow.state, flow.stages);
    if (isTerminalRun(before.state) && event.kind !== 'round')
      must(flow.state === before.state || before.state === 'failed', 'an end is final');
    const isNews = isTerminalRun(flow.state) && flow.state !== before.state;
    must(effects.filter(({ kind }) => kind === 'settle-run').length === (isNews ? 1 : 0), 'an end is told once');
    for (const [at, { tasks }] of flow.stages.entries())
      if (effects.some((one) => one.kind === 'open-task' && tasks.some(({ task }) => task === one.task)))
        must(
          flow.stages.slice(0, at).every(({ state }) => state === 'succeeded'),
          'a stage has its turn when all before have succeeded',
        );
  }
}

/** Plain, because it is asked some hundred thousand times. */
function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`It does not hold that ${what}.`);
}

/** The state of what consists of parts follows from theirs. */
function mustFollow(whole: RunState, parts: readonly { readonly state: TaskState }[]): void {
  const states = [...new Set(parts.map(({ state }) => state))];
  const live = states.filter((state) => !isTerminalRun(state));
  const areAll = (some: readonly TaskState[], ...of: TaskState[]): boolean => some.every((state) => of.includes(state));
  const follows =
    live.length === 0
      ? isTerminalRun(whole) &&
        // With one part, it is that part; success is that of all.
        (parts.length > 1 || whole === parts[0]!.state) &&
        (whole === 'succeeded') === areAll(states, 'succeeded') &&
        (whole === 'skipped') === areAll(states, 'skipped')
      : !isTerminalRun(whole) &&
        (whole === 'stopping') === areAll(live, 'stopping') &&
        (whole === 'created') === areAll(live, 'created') &&
        (whole !== 'waiting' || areAll(states, 'waiting', 'created')) &&
        (whole !== 'running' || states.length > 1 || states[0] === 'running');
  must(follows, `${whole} follows from ${states.join(', ')}`);
}

describe('a flow under any events', () => {
  it('always ends, keeps its end but for a late truth or a new round, and every state follows from those below', () => {
    const deed = fc.tuple(
      fc.constantFrom('move', 'move', 'move', 'move', 'ahead', 'truth', 'limit', 'cancel', 'round', 'start'),
      fc.nat(500),
    );
    const ended = new Set<RunState>();
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(deed, { maxLength: 120, size: 'max' }),
        (stages, deeds) => {
          const world = new FlowWorld(stages);
          world.start();
          for (const [name, n] of deeds) {
            if (name === 'move') world.move(n);
            else if (name === 'ahead') world.move(n, 1);
            else if (name === 'truth') world.truth(n);
            else if (name === 'limit') world.limit(n);
            else if (name === 'cancel') {
              if (n % 10 === 0) world.on(CANCEL);
            } else if (name === 'round') world.round(n);
            else world.start();
          }
          world.settle();
          ended.add(world.flow.state);
        },
      ),
      { numRuns: 200 },
    );
    // Otherwise the events would say nothing of much.
    expect([...ended]).toEqual(expect.arrayContaining(['cancelled', 'failed', 'succeeded']));
  });
});
