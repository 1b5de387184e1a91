/** A flow of any shape under any events, in whatever order: it ends, and opens nothing before its turn. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowWorld, must } from '../../../test/support/flow-world.ts';
import type { Conditions, Flow, FlowShape } from './flow.ts';
import { isPassedOver, isWell } from './flow-states.ts';
import { isFailedState, JOIN_RULES } from './join.ts';
import { isTerminalRun, type RunState } from './run-machine.ts';
import type { TaskState } from './task-machine.ts';

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

function holdsInOrder(flow: Flow, _before: Flow, isOpened: (stage: Flow['stages'][number]) => boolean): void {
  for (const stage of flow.stages) mustFollow(stage.state, stage.tasks);
  mustFollow(flow.state, flow.stages);
  for (const [at, stage] of flow.stages.entries())
    if (isOpened(stage))
      must(
        flow.stages.slice(0, at).every(({ state }) => state === 'succeeded'),
        'a stage has its turn when all before have succeeded',
      );
}

function holdsInGraph(flow: Flow, before: Flow, isOpened: (stage: Flow['stages'][number]) => boolean): void {
  for (const [at, stage] of flow.stages.entries()) {
    if (!isOpened(stage)) continue;
    if (before.stages[at]!.state === 'created')
      must(
        stage.join === 'any-failed'
          ? needed(flow, stage).some((state) => isFailedState(state))
          : stage.join === 'all-done'
            ? needed(flow, stage).every((state) => isTerminalRun(state))
            : stage.join === 'any-succeeded'
              ? needed(flow, stage).includes('succeeded')
              : stage.needs.every((need) => isDone(flow.stages[need]!)),
        'a stage has its turn by its rule',
      );
    if (stage.isFinally)
      must(
        flow.stages.every(({ isFinally, state }) => isFinally || isTerminalRun(state)),
        'what is there finally comes last',
      );
    for (const task of stage.tasks)
      if (
        ['waiting', 'paused'].includes(task.state) &&
        before.stages[at]!.tasks.find((one) => one.task === task.task)!.state === 'created'
      )
        must(
          task.needs.every((need) => isWell(stage.tasks.find((one) => one.task === need)!)),
          'a task has its turn when what it needs is over and well',
        );
  }
}

/** The states of what decides on the turn of a stage. */
function needed({ stages }: Flow, { needs: own, isFinally }: Flow['stages'][number]): TaskState[] {
  return own.length > 0 || !isFinally
    ? own.map((need) => stages[need]!.state)
    : stages.filter((one) => !one.isFinally && one.state !== 'skipped').map(({ state }) => state);
}

function isDone(stage: Flow['stages'][number]): boolean {
  return stage.state === 'succeeded' || isPassedOver(stage);
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
        (whole === 'paused') === (live.includes('paused') && areAll(live, 'paused', 'created', 'stopping')) &&
        (whole === 'created') === areAll(live, 'created') &&
        (whole !== 'waiting' || areAll(states, 'waiting', 'created')) &&
        (whole !== 'running' || states.length > 1 || states[0] === 'running');
  must(follows, `${whole} follows from ${states.join(', ')}`);
}

const deedOf = (...more: string[]): fc.Arbitrary<[string, number]> =>
  fc.tuple(
    fc.constantFrom(
      ...more,
      'move',
      'move',
      'move',
      'move',
      'together',
      'together',
      'ahead',
      'truth',
      'limit',
      'cancel',
      'pause',
      'hold',
      'round',
      'start',
    ),
    fc.nat(500),
  );
const deed = deedOf();
/** Each need as a number, of which the rest modulo the place is what is needed. */
const needs = fc.array(fc.nat(30), { maxLength: 2 });
const graph = fc
  .array(
    fc.record({
      needs,
      join: fc.constantFrom(...JOIN_RULES),
      isFinally: fc.boolean(),
      isConditional: fc.boolean(),
      tasks: fc.array(
        fc.record({
          needs,
          goesOn: fc.boolean(),
          isConditional: fc.boolean(),
          size: fc.integer({ min: 1, max: 2 }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map(([first, ...rest]) =>
    [{ ...first!, isFinally: false }, ...rest].toSorted(
      (one, other) => Number(one.isFinally) - Number(other.isFinally),
    ),
  );

function shapeOf(stages: typeof graph extends fc.Arbitrary<infer T> ? T : never): {
  shape: FlowShape;
  sizes: number[];
} {
  const first = stages.findIndex(({ isFinally }) => isFinally);
  let number = 0;
  const among = (from: number, to: number, some: readonly number[]): number[] =>
    to > from ? [...new Set(some.map((n) => from + (n % (to - from))))] : [];
  const shape = stages.map(({ needs: own, tasks, ...stage }, at): FlowShape[number] => {
    const base = number;
    number += tasks.length;
    const needed = among(stage.isFinally ? first : 0, at, own);
    const hasRoot = needed.length > 0 || stage.isFinally;
    return {
      ...stage,
      needs: needed,
      join: hasRoot ? stage.join : 'all-done',
      tasks: tasks.map((task, place) => ({
        task: base + place,
        needs: among(base, base + place, task.needs),
        goesOn: task.goesOn,
        isConditional: task.isConditional,
      })),
    };
  });
  return { shape, sizes: stages.flatMap(({ tasks }) => tasks.map(({ size }) => size)) };
}

/** Conditions that are met or not as chance has it, and that are asked when they may be. */
function anyConditions(shape: FlowShape, met: readonly boolean[], asked: Set<string>): Conditions {
  const isMet = (n: number): boolean => met[n % met.length]!;
  return {
    isStageMet: (at, look) => {
      const { needs: own, join, isConditional } = shape[at]!;
      must(isConditional === true, 'only what has a condition is asked');
      must(!join.startsWith('all-') || own.every((need) => isTerminalRun(look.stage(need))), 'it is asked in its turn');
      asked.add(`stage ${isMet(at)}`);
      return isMet(at);
    },
    isTaskMet: (task, look) => {
      const own = shape.flatMap(({ tasks }) => tasks).find((one) => one.task === task)!;
      must(own.isConditional === true, 'only what has a condition is asked');
      must(
        own.needs.every((need) => isWell(look.task(need)!)),
        'it is asked in its turn',
      );
      asked.add(`task ${isMet(task + 1)}`);
      return isMet(task + 1);
    },
  };
}

describe('a flow under any events', () => {
  it('of any graph of stages and tasks ends, and opens nothing before its turn', () => {
    const ended = new Set<RunState>();
    const asked = new Set<string>();
    const met = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        graph,
        met,
        fc.array(deedOf('skip', 'skip'), { maxLength: 120, size: 'max' }),
        (stages, isMet, deeds) => {
          const { shape, sizes } = shapeOf(stages);
          const world = new FlowWorld(shape, sizes, holdsInGraph, anyConditions(shape, isMet, asked));
          world.live(deeds);
          ended.add(world.flow.state);
          for (const { state, tasks, isFinally } of world.flow.stages) {
            must(isTerminalRun(state) && tasks.every((task) => isTerminalRun(task.state)), 'all of it has ended');
            for (const task of tasks) {
              must(
                world.begun.has(task.task) || task.state === 'skipped' || task.state === 'cancelled',
                'what had no turn is skipped or cancelled',
              );
              must(
                task.isPassed !== true ||
                  (task.state === 'skipped' && (!world.begun.has(task.task) || task.isToSkip === true)),
                'what was passed over has had no turn, or somebody wanted that',
              );
            }
            must(
              !isFinally ||
                state !== 'cancelled' ||
                world.flow.isCancelForced ||
                tasks.some(({ task }) => world.begun.has(task)),
              'a cancel that is not forced keeps nothing from coming finally',
            );
            if (world.flow.state === 'succeeded')
              must(state === 'skipped' || tasks.every(isWell), 'a run has succeeded only if all of it has that had to');
          }
        },
      ),
      { numRuns: 400 },
    );
    expect([...ended]).toEqual(expect.arrayContaining(['cancelled', 'failed', 'succeeded', 'skipped']));
    expect([...asked].sort()).toEqual(['stage false', 'stage true', 'task false', 'task true']);
  });

  it('always ends, keeps its end but for a late truth or a new round, and every state follows from those below', () => {
    const ended = new Set<RunState>();
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(deed, { maxLength: 120, size: 'max' }),
        (stages, deeds) => {
          const world = new FlowWorld(inOrder(...stages.map((sizes) => sizes.length)), stages.flat(), holdsInOrder);
          world.live(deeds);
          ended.add(world.flow.state);
        },
      ),
      { numRuns: 200 },
    );
    // Otherwise the events would say nothing of much.
    expect([...ended]).toEqual(expect.arrayContaining(['cancelled', 'failed', 'succeeded']));
  });
});
