/**
 * Runs of several stages: what is opened when, what becomes of what has no turn, and that it all ends, whatever happens
 * in whatever order.
 */
import { describe, expect, it } from 'vitest';
import { emptyCounts, type ExecutionCounts } from '../crew/execution-machine.ts';
import { advanceFlow, newFlow, type Flow, type FlowEffect, type FlowEvent, type FlowShape } from './flow.ts';

function counts(some: Partial<ExecutionCounts>): ExecutionCounts {
  return { ...emptyCounts(), ...some };
}

/** Stages of so many tasks each, numbered through, one after the other. */
function inOrder(...tasksByStage: number[]): FlowShape {
  let task = 0;
  return tasksByStage.map((n, at) => ({
    needs: at === 0 ? [] : [at - 1],
    join: 'all-succeeded',
    isFinally: false,
    tasks: Array.from({ length: n }, () => ({ task: task++, needs: [], goesOn: false })),
  }));
}
function flowOf(...tasksByStage: number[]): Flow {
  return newFlow(inOrder(...tasksByStage));
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
const CANCEL: FlowEvent = { kind: 'cancel', isForced: false };
const FORCE: FlowEvent = { kind: 'cancel', isForced: true };
function told(
  task: number,
  some: Partial<ExecutionCounts>,
  more: { undecided?: number; isStopped?: boolean; isHeld?: boolean } = {},
): FlowEvent {
  const one = { task, counts: counts(some), undecided: 0, isStopped: false, isHeld: false, ...more };
  return { kind: 'progressed', tasks: [one] };
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

describe('a graph of stages', () => {
  const stage = (
    task: number,
    needed: number[],
    more: Partial<FlowShape[number]> & { goesOn?: boolean } = {},
  ): FlowShape[number] => {
    const { goesOn = false, ...others } = more;
    return { needs: needed, join: 'all-succeeded', isFinally: false, tasks: [{ task, needs: [], goesOn }], ...others };
  };

  it('opens what needs nothing at once, and the rest as its rule is met', () => {
    const shape = [stage(0, []), stage(1, []), stage(2, [0, 1]), stage(3, [0, 1], { join: 'any-succeeded' })];
    const { flow, effects } = play(newFlow(shape), START, told(0, { succeeded: 1 }));
    expect(effects.map((effect) => 'task' in effect && effect.task)).toEqual([0, 1, 3]);
    expect(statesOf(flow)).toBe('running: succeeded(succeeded) waiting(waiting) created(created) waiting(waiting)');
  });

  it('has not failed for what is there for a failure, where nothing failed, nor for what comes after that alone', () => {
    const shape = [stage(0, []), stage(1, [0], { join: 'any-failed' }), stage(2, [1])];
    expect(statesOf(play(newFlow(shape), START, told(0, { succeeded: 1 })).flow)).toBe(
      'succeeded: succeeded(succeeded) skipped(skipped) skipped(skipped)',
    );
    const failed = play(
      newFlow(shape),
      START,
      told(0, { failed: 1 }),
      told(1, { succeeded: 1 }),
      told(2, { succeeded: 1 }),
    );
    expect(statesOf(failed.flow)).toBe('failed: failed(failed) succeeded(succeeded) succeeded(succeeded)');
  });

  it('has failed where a stage was skipped for a failure, also when that turns out to be none', () => {
    const over = play(newFlow([stage(0, []), stage(1, [0])]), START, told(0, { lost: 1 })).flow;
    expect(statesOf(play(over, told(0, { succeeded: 1 })).flow)).toBe('failed: succeeded(succeeded) skipped(skipped)');
  });

  it('goes on after a task that may fail, as if it had not', () => {
    const shape = [stage(0, [], { goesOn: true }), stage(1, [0])];
    const { flow } = play(newFlow(shape), START, told(0, { failed: 1, succeeded: 3 }), told(1, { succeeded: 1 }));
    expect(statesOf(flow)).toBe('succeeded: succeeded(failed) succeeded(succeeded)');
  });

  it('ends with what comes finally: after a success, a failure, and a cancel, which does not end it', () => {
    const shape = [stage(0, []), stage(1, [0]), stage(2, [], { isFinally: true, join: 'all-done' })];
    const opened = (...events: FlowEvent[]): [string, boolean] => {
      const { flow, effects } = play(newFlow(shape), START, ...events);
      return [statesOf(flow), effects.some((effect) => effect.kind === 'open-task' && effect.task === 2)];
    };
    expect(opened(told(0, { succeeded: 1 }))[1]).toBe(false);
    expect(opened(told(0, { failed: 1 }))).toEqual(['running: failed(failed) skipped(skipped) waiting(waiting)', true]);
    expect(opened(told(0, { running: 1 }), CANCEL)[1]).toBe(false);
    const ended = [told(0, { running: 1 }), CANCEL, told(0, { cancelled: 1 })];
    expect(opened(...ended)).toEqual(['stopping: cancelled(cancelled) cancelled(cancelled) waiting(waiting)', true]);
    expect(opened(...ended, told(2, { running: 1 }), told(2, { succeeded: 1 }))[0]).toBe(
      'cancelled: cancelled(cancelled) cancelled(cancelled) succeeded(succeeded)',
    );
  });

  it('ends, or does not begin, what comes finally where a cancel is forced, at once or later', () => {
    const shape = [stage(0, []), stage(1, [], { isFinally: true, join: 'all-done' })];
    const over = (...events: FlowEvent[]): [string, FlowEffect[]] => {
      const { flow, effects } = play(newFlow(shape), START, told(0, { running: 1 }), ...events);
      return [statesOf(flow), effects.slice(1)];
    };
    const [first, again] = [told(0, { cancelled: 1 }), told(1, { cancelled: 1 })];
    const ended = (task: number): FlowEffect => ({ kind: 'stop-task', task, how: 'cancel' });
    const end: FlowEffect = { kind: 'settle-run', state: 'cancelled' };
    const neverBegan = ['cancelled: cancelled(cancelled) cancelled(cancelled)', [ended(0), end]];
    expect(over(FORCE, first)).toEqual(neverBegan);
    expect(over(CANCEL, FORCE, first)).toEqual([neverBegan[0], [ended(0), ended(0), end]]);
    expect(over(CANCEL, first, told(1, { running: 1 }), FORCE)).toEqual([
      'stopping: cancelled(cancelled) stopping(stopping)',
      [ended(0), { kind: 'open-task', task: 1 }, ended(1)],
    ]);
    expect(over(CANCEL, first, told(1, { running: 1 }), FORCE, again)[0]).toBe(neverBegan[0]);
    // A cancel after it takes nothing back, and a new round knows nothing of it.
    const { flow } = play(newFlow(shape), START, told(0, { running: 1 }), FORCE, CANCEL, first);
    expect(flow.isCancelForced).toBe(true);
    const round = play(
      flow,
      { kind: 'round', counts: new Map([[0, counts({ waiting: 1 })]]) },
      told(0, { succeeded: 1 }),
    );
    expect([round.flow.isCancelForced, statesOf(round.flow)]).toEqual([
      false,
      'running: succeeded(succeeded) waiting(waiting)',
    ]);
  });

  it('opens the tasks of a stage as they need each other, and skips those that need what has failed', () => {
    const tasks = [
      { task: 0, needs: [], goesOn: false },
      { task: 1, needs: [0], goesOn: false },
      { task: 2, needs: [], goesOn: false },
    ];
    const shape: FlowShape = [{ needs: [], join: 'all-succeeded', isFinally: false, tasks }];
    const first = play(newFlow(shape), START);
    expect(first.effects.map((effect) => 'task' in effect && effect.task)).toEqual([0, 2]);
    expect(statesOf(play(first.flow, told(0, { succeeded: 1 })).flow)).toBe(
      'running: running(succeeded waiting waiting)',
    );
    expect(statesOf(play(first.flow, told(2, { succeeded: 1 }), told(0, { failed: 1 })).flow)).toBe(
      'failed: failed(failed skipped succeeded)',
    );
  });

  it('does again in a new round what failed, what comes of it, and nothing else', () => {
    const shape = [stage(0, []), stage(1, []), stage(2, [0, 1])];
    const over = play(newFlow(shape), START, told(0, { succeeded: 1 }), told(1, { failed: 1 })).flow;
    const again = play(over, { kind: 'round', counts: new Map([[1, counts({ waiting: 1 })]]) });
    expect([statesOf(again.flow), again.effects]).toEqual([
      'running: succeeded(succeeded) running(running) created(created)',
      [],
    ]);
    expect(play(again.flow, told(1, { succeeded: 1 })).effects).toEqual([{ kind: 'open-task', task: 2 }]);
  });

  it('takes no order in which something stands before what it needs', () => {
    expect(() => newFlow([stage(0, [1]), stage(1, [])])).toThrow();
    expect(() => newFlow([stage(0, [], { isFinally: true }), stage(1, [])])).toThrow();
    expect(() => newFlow([stage(0, [], { join: 'any-failed' })])).toThrow();
  });

  it('may end with what comes finally where something failed, and only there', () => {
    const shape = [stage(0, []), stage(1, [], { isFinally: true, join: 'any-failed' })];
    expect(statesOf(play(newFlow(shape), START, told(0, { succeeded: 1 })).flow)).toBe(
      'succeeded: succeeded(succeeded) skipped(skipped)',
    );
    expect(statesOf(play(newFlow(shape), START, told(0, { failed: 1 })).flow)).toBe(
      'running: failed(failed) waiting(waiting)',
    );
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
