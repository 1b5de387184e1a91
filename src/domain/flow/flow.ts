/**
 * A run as its stages, and each stage as its tasks; both are graphs of what needs what. It knows how many executions of a task are in which
 * state, and no hosts. Pure: an event and the flow answer with the flow after it and with what is to be done.
 *
 * A stage has its turn by its join rule over the stages that it needs; its tasks are opened as those tasks of it that they need are over
 * and well. What is not to come is skipped, or cancelled where somebody asked for that. Stages that are `finally` come when all others are
 * over, whatever became of those, and no cancel keeps them from it but one that is forced. Who opens tasks, sends and writes is not said
 * here; nor is when a task is stopped by its own rollout, which is told with its counts, nor what conditions say: whoever knows is asked,
 * once, when the turn of what has one has come. Where it is not met, the task is passed over: it is skipped, and what needs it goes on as
 * after a success. So is a task that somebody wants skipped.
 */
import { assert } from '../../base/assert.ts';
import { emptyCounts, type ExecutionCounts, totalOf } from '../crew/execution-machine.ts';
import { assertOrder } from './flow-order.ts';
import { isPassedOver, isWell, stateOfRun, stateOfStage } from './flow-states.ts';
import { joined, type JoinRule, type Needed } from './join.ts';
import { canRunMove, isSettled, isTerminalRun, runVerdict, type RunState } from './run-machine.ts';
import { canStageMove, canTaskMove, type TaskState } from './task-machine.ts';

export interface TaskShape {
  readonly task: number;
  /** Tasks of the same stage, each before it. */
  readonly needs: readonly number[];
  /** Where it has failed, or its time ran out, what comes after it goes on as if it had succeeded, and so does its stage. */
  readonly goesOn: boolean;
  /** It may be passed over: asked when its turn has come, unless it has executions from an earlier round. */
  readonly isConditional?: boolean;
}
export interface StageShape {
  /** Places of stages, each before it. */
  readonly needs: readonly number[];
  readonly join: JoinRule;
  readonly isFinally: boolean;
  /** The same of all of its tasks, before they are asked themselves. */
  readonly isConditional?: boolean;
  readonly tasks: readonly TaskShape[];
}
/** What does not change of a flow. What is needed stands before what needs it, and stages that are `finally` after all others. */
export type FlowShape = readonly StageShape[];

export interface FlowTask extends TaskShape {
  readonly state: TaskState;
  /** Of its executions; none before its turn. */
  readonly counts: ExecutionCounts;
  /** Its rollout asks somebody. */
  readonly isHeld?: boolean;
  /** Skipped since a condition was not met, or since somebody wanted that. */
  readonly isPassed?: boolean;
  /** Somebody wants it skipped: it is passed over when its turn comes, and what is under way of it is ended. */
  readonly isToSkip?: boolean;
}
export interface FlowStage extends Omit<StageShape, 'tasks'> {
  readonly state: TaskState;
  readonly tasks: readonly FlowTask[];
}
export interface Flow {
  readonly state: RunState;
  readonly isCancelRequested: boolean;
  /** What comes finally is ended by it too. Never without a cancel. */
  readonly isCancelForced: boolean;
  /** Nothing more of it is sent until somebody lets it go on. What has its turn meanwhile is paused from the beginning. */
  readonly isPaused: boolean;
  readonly stages: readonly FlowStage[];
}

/** What conditions go by. */
export interface FlowLook {
  /** As it is now. */
  task(task: number): FlowTask | undefined;
  /** By its place. */
  stage(at: number): TaskState;
  readonly isCancelRequested: boolean;
  /** What all stages but those that are finally come to; those are over when this is asked. */
  others(): RunState;
}

/** Who knows what conditions say. */
export interface Conditions {
  isStageMet(at: number, look: FlowLook): boolean;
  isTaskMet(task: number, look: FlowLook): boolean;
}

export type FlowEvent =
  | { readonly kind: 'start' }
  /** Whatever waits for its condition to be decided. */
  | { readonly kind: 'decide' }
  /** All that a write tells, at once: each event is a look at the whole flow. */
  | { readonly kind: 'progressed'; readonly tasks: readonly TaskProgress[] }
  /** Forced, it ends what comes finally too; also after one that was not. */
  | { readonly kind: 'cancel'; readonly isForced: boolean }
  /** Somebody wants this task skipped, which is not over; what it has under way is ended. */
  | { readonly kind: 'skip'; readonly task: number }
  /** What is out goes on to its end. */
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** Somebody has opened executions of a settled run anew: `counts` of the tasks of which there are such. */
  | { readonly kind: 'round'; readonly counts: ReadonlyMap<number, ExecutionCounts> };

/** Where the executions of a task are now: on its way, at its end, or after that, where a late truth has changed its counts. */
export interface TaskProgress {
  readonly task: number;
  readonly counts: ExecutionCounts;
  /** Executions of which more is decided than these counts say: with one of them, nothing is over. */
  readonly undecided: number;
  /** Its rollout has stopped it: nothing more of it is sent. */
  readonly isStopped: boolean;
  /** What it was to tell it has not told: it has failed though all of its executions have succeeded. */
  readonly isUnmet?: boolean;
  /** Its rollout asks somebody: nothing more of it is sent before the answer. */
  readonly isHeld: boolean;
  /** It has come to its end by what people have said, or by its time: that stands, also where somebody wants it skipped. */
  readonly isDecided?: boolean;
}

export type FlowEffect =
  | { readonly kind: 'open-task'; readonly task: number }
  /** `cancel`: what is out is ended, what waits is cancelled. `skip`: what waits is skipped. */
  | { readonly kind: 'stop-task'; readonly task: number; readonly how: 'cancel' | 'skip' }
  /** Every execution has ended. Told once more when a late truth has changed the verdict. */
  | { readonly kind: 'settle-run'; readonly state: RunState };

export interface FlowStep {
  readonly flow: Flow;
  readonly effects: readonly FlowEffect[];
}

export const ONE_TASK: FlowShape = [
  { needs: [], join: 'all-succeeded', isFinally: false, tasks: [{ task: 0, needs: [], goesOn: false }] },
];

/** What a run does first. */
export function newFlow(shape: FlowShape): Flow {
  assertOrder(shape);
  const counts = emptyCounts();
  return flowAsStored(shape, 'created', () => ({ state: 'created', counts }), {});
}

/** The state of a stage follows from those of its tasks. */
export function flowAsStored(
  shape: FlowShape,
  state: RunState,
  standing: (task: number) => Pick<FlowTask, 'state' | 'counts' | 'isHeld' | 'isPassed' | 'isToSkip'>,
  wishes: Partial<Pick<Flow, 'isCancelRequested' | 'isCancelForced' | 'isPaused'>>,
): Flow {
  const asked = { isCancelRequested: false, isCancelForced: false, isPaused: false, ...wishes };
  const stages = shape.map((stage): FlowStage => {
    const tasks = stage.tasks.map((task) => ({ ...task, ...standing(task.task) }));
    return { ...stage, tasks, state: stateOfStage(tasks, isToEnd(stage, asked)) };
  });
  return { state, ...asked, stages };
}

/** Without `conditions`, what has one waits for somebody who knows them. */
export function advanceFlow(flow: Flow, event: FlowEvent, conditions?: Conditions): FlowStep {
  const opened = (now: Flow): FlowStep => withTurnsOf(now, conditions);
  switch (event.kind) {
    case 'start':
      assert(flow.state === 'created', `a run that is ${flow.state} is not started`);
      return settled({ ...flow, state: 'waiting' }, opened(flow));
    case 'decide':
      return isTerminalRun(flow.state) ? { flow, effects: [] } : settled(flow, opened(flow));
    case 'progressed':
      return settled(flow, opened(withProgress(flow, event.tasks)));
    case 'cancel': {
      if (isTerminalRun(flow.state)) return { flow, effects: [] };
      const { flow: stopped, effects } = cancelled(resumed(flow), event.isForced);
      const { flow: after, effects: next } = opened(stopped);
      return settled(flow, { flow: after, effects: [...effects, ...next] });
    }
    case 'skip': {
      if (isTerminalRun(flow.state)) return { flow, effects: [] };
      const { flow: marked, effects } = withSkipOf(flow, event.task);
      const { flow: after, effects: next } = opened(marked);
      return settled(flow, { flow: after, effects: [...effects, ...next] });
    }
    case 'pause':
      return isTerminalRun(flow.state) ? { flow, effects: [] } : settled(flow, { flow: paused(flow), effects: [] });
    case 'resume':
      return isTerminalRun(flow.state) ? { flow, effects: [] } : settled(flow, { flow: resumed(flow), effects: [] });
    case 'round':
      assert(isTerminalRun(flow.state), `a run that is ${flow.state} has a round under way`);
      // It runs again by that, and may be stopping at once: of what comes after something that is not repeated and has not succeeded.
      assert(canRunMove(flow.state, 'running'), `no run moves from ${flow.state} to running`);
      return settled({ ...flow, state: 'running' }, opened(openedAnew(flow, event.counts)));
  }
}

function progressed(
  task: FlowTask,
  { counts, undecided, isStopped, isHeld, isUnmet, isDecided }: TaskProgress,
  { isCancelRequested, isPaused }: Pick<Flow, 'isCancelRequested' | 'isPaused'>,
): FlowTask {
  const isOver = isSettled(counts) && undecided === 0;
  const next = (state: TaskState): FlowTask => ({ ...task, counts, isHeld, state: taskMoved(task.state, state) });
  if (isOver) {
    const verdict = runVerdict(counts, isCancelRequested);
    const end = isUnmet && verdict === 'succeeded' ? 'failed' : verdict;
    const isSkipped = task.isToSkip && end !== 'succeeded' && !isDecided && !isTerminalRun(task.state);
    return isSkipped ? { ...next('skipped'), isPassed: true } : next(afterLateTruth(task.state, end));
  }
  if (isTerminalRun(task.state) || task.state === 'created' || task.state === 'stopping') return next(task.state);
  if (isStopped) return next('stopping');
  if (isPaused || isHeld) return next('paused');
  // What was under way does not begin anew when all that was sent comes back.
  return next(task.state === 'waiting' && counts.waiting === totalOf(counts) ? 'waiting' : 'running');
}

/** Stages and tasks whose turn has come are opened, and those that have none any more are closed. */
function withTurnsOf(flow: Flow, conditions: Conditions | undefined): FlowStep {
  const { isPaused } = flow;
  const effects: FlowEffect[] = [];
  const stages: FlowStage[] = [];
  /** Of the stages so far, as they are to those that need them. */
  const needed: Needed[] = [];
  for (const stage of flow.stages) {
    const look = lookOver(flow, stages);
    const turn = asked(stage, turnOf(stage, stages, needed), stages.length, look, conditions);
    const now = withTurns(stage, { turn, isPaused, look, conditions }, effects);
    const state = stageNow(now, flow);
    stages.push(now);
    needed.push({ state: asNeeded(now, state, needed), isPassed: isPassedOver(now) });
  }
  return { flow: { ...flow, stages }, effects };
}

/** `before`: the stages of which the turns are settled; tasks of the next are told by whoever settles them. */
function lookOver(flow: Flow, before: readonly FlowStage[]): FlowLook {
  const { isCancelRequested } = flow;
  const stageAt = (at: number): TaskState => stageNow(before[at]!, flow);
  return {
    isCancelRequested,
    task: (task) => before.flatMap(({ tasks }) => tasks).find((one) => one.task === task),
    stage: stageAt,
    others: () => {
      const others = before.flatMap((stage, at) => (stage.isFinally ? [] : [{ ...stage, state: stageAt(at) }]));
      return stateOfRun(others, isCancelRequested);
    },
  };
}

type Turn = 'open' | 'skip' | 'pass' | 'wait';

/** What a stage's condition makes of its turn. It is asked once: what has begun in an earlier round has met it. */
function asked(stage: FlowStage, turn: Turn, at: number, look: FlowLook, conditions: Conditions | undefined): Turn {
  if (turn !== 'open' || stage.isConditional !== true || stage.state !== 'created') return turn;
  // Of one that a cancel has closed nothing waits.
  const isDue = stage.tasks.some(({ state }) => state === 'created');
  if (!isDue || stage.tasks.some(({ counts }) => totalOf(counts) > 0)) return turn;
  if (!conditions) return 'wait';
  return conditions.isStageMet(at, look) ? 'open' : 'pass';
}

/**
 * What a stage is to those that need it. After a new round of a part there may be an end of before after what is done again, or has not
 * succeeded this time: what comes after both waits for both.
 */
function asNeeded({ join, needs }: FlowStage, state: TaskState, needed: readonly Needed[]): TaskState {
  if (!isTerminalRun(state) || join === 'any-succeeded' || join === 'any-failed') return state;
  const before = needs.map((need) => needed[need]!);
  if (!before.every((one) => isTerminalRun(one.state))) return 'running';
  const isSound =
    join === 'all-done' || state !== 'succeeded' || before.every((one) => one.state === 'succeeded' || one.isPassed);
  return isSound ? state : 'skipped';
}

/** `before`: the stages before it, with what they are now. One that is finally, and needs none, goes by all that are not. */
function turnOf(stage: FlowStage, before: readonly FlowStage[], needed: readonly Needed[]): ReturnType<typeof joined> {
  if (isTerminalRun(stage.state)) return 'wait';
  // What has begun goes on, whatever a late truth makes of why.
  if (stage.state !== 'created') return 'open';
  const ofOthers = before.flatMap(({ isFinally }, at) => (isFinally ? [] : [needed[at]!]));
  if (stage.isFinally && !ofOthers.every(({ state }) => isTerminalRun(state))) return 'wait';
  const goesByOthers = stage.isFinally && stage.needs.length === 0;
  return joined(
    stage.join,
    goesByOthers ? ofOthers.filter(({ state }) => state !== 'skipped') : stage.needs.map((need) => needed[need]!),
  );
}

interface TurnOfStage {
  readonly turn: Turn;
  readonly isPaused: boolean;
  readonly look: FlowLook;
  readonly conditions: Conditions | undefined;
}

function withTurns(stage: FlowStage, of: TurnOfStage, effects: FlowEffect[]): FlowStage {
  if (of.turn === 'wait' || stage.tasks.every(({ state }) => state !== 'created')) return stage;
  const known = new Map<number, FlowTask>();
  const look: FlowLook = { ...of.look, task: (task) => known.get(task) ?? of.look.task(task) };
  const tasks = stage.tasks.map((task) => {
    const now = withTurn(
      task,
      task.needs.map((need) => known.get(need)!),
      { ...of, look },
      effects,
    );
    known.set(task.task, now);
    return now;
  });
  return { ...stage, tasks };
}

function withTurn(
  task: FlowTask,
  needs: readonly FlowTask[],
  { turn, isPaused, look, conditions }: TurnOfStage,
  effects: FlowEffect[],
): FlowTask {
  if (task.state !== 'created') return task;
  if (turn === 'skip' || needs.some((need) => isTerminalRun(need.state) && !isWell(need)))
    return closed(task, 'skip', effects);
  if (turn === 'pass') return passedOver(task);
  if (!needs.every(isWell)) return task;
  if (task.isToSkip) return isSettled(task.counts) ? passedOver(task) : closed(task, 'cancel', effects);
  if (task.isConditional === true && totalOf(task.counts) === 0) {
    if (!conditions) return task;
    if (!conditions.isTaskMet(task.task, look)) return passedOver(task);
  }
  effects.push({ kind: 'open-task', task: task.task });
  return { ...task, state: taskMoved(task.state, isPaused ? 'paused' : 'waiting') };
}

/** What has its turn is stopped, and passed over once it is over; what has not is passed over when it comes. */
function withSkipOf(flow: Flow, number: number): FlowStep {
  const effects: FlowEffect[] = [];
  const stages = flow.stages.map((stage) => {
    if (!stage.tasks.some(({ task }) => task === number)) return stage;
    const tasks = stage.tasks.map((task) => {
      if (task.task !== number || isTerminalRun(task.state)) return task;
      const marked = { ...task, isToSkip: true };
      return task.state === 'created' ? marked : closed(marked, 'cancel', effects);
    });
    return { ...stage, tasks };
  });
  return { flow: { ...flow, stages }, effects };
}

function passedOver(task: FlowTask): FlowTask {
  return { ...task, isPassed: true, state: taskMoved(task.state, 'skipped') };
}

/** A task that has executions is over when they are. */
function closed(task: FlowTask, how: 'cancel' | 'skip', effects: FlowEffect[]): FlowTask {
  if (isTerminalRun(task.state)) return task;
  if (task.state === 'created' && isSettled(task.counts))
    return { ...task, state: taskMoved(task.state, how === 'cancel' ? 'cancelled' : 'skipped') };
  effects.push({ kind: 'stop-task', task: task.task, how });
  return { ...task, state: taskMoved(task.state, 'stopping') };
}

function paused(flow: Flow): Flow {
  const isGoing = ({ state }: FlowTask): boolean => state === 'waiting' || state === 'running';
  return { ...flow, isPaused: true, stages: withTasksIn(flow, isGoing, 'paused') };
}

function resumed(flow: Flow): Flow {
  return { ...flow, isPaused: false, stages: withTasksIn(flow, isPausedAlone, 'running') };
}

/** And not held by its own rollout as well. */
function isPausedAlone({ state, isHeld }: FlowTask): boolean {
  return state === 'paused' && isHeld !== true;
}

function withTasksIn(flow: Flow, isMeant: (task: FlowTask) => boolean, to: TaskState): FlowStage[] {
  return flow.stages.map((stage) =>
    stage.tasks.some(isMeant)
      ? {
          ...stage,
          tasks: stage.tasks.map((task) => (isMeant(task) ? { ...task, state: taskMoved(task.state, to) } : task)),
        }
      : stage,
  );
}

type Cancel = Pick<Flow, 'isCancelRequested' | 'isCancelForced'>;

/** Whether a cancel is for this stage as well. */
function isToEnd({ isFinally }: Pick<StageShape, 'isFinally'>, { isCancelRequested, isCancelForced }: Cancel): boolean {
  return isCancelForced || (isCancelRequested && !isFinally);
}

/** All but what comes whatever happens; where it is forced, and of a run of which nothing has begun, that too. */
function cancelled(flow: Flow, isForced: boolean): FlowStep {
  const effects: FlowEffect[] = [];
  const asked = { isCancelRequested: true, isCancelForced: isForced || flow.isCancelForced };
  const hasBegun = flow.state !== 'created';
  const stages = flow.stages.map((stage) =>
    (hasBegun && !isToEnd(stage, asked)) || isTerminalRun(stage.state)
      ? stage
      : { ...stage, tasks: stage.tasks.map((task) => closed(task, 'cancel', effects)) },
  );
  return { flow: { ...flow, ...asked, stages }, effects };
}

/**
 * What is to be done again and needs nothing that is to be done before it begins at once; the rest waits for its turn, also what never had
 * one.
 */
function openedAnew(flow: Flow, counts: ReadonlyMap<number, ExecutionCounts>): Flow {
  const isAgain = ({ task, counts: own }: FlowTask): boolean => counts.has(task) || totalOf(own) === 0;
  assert(
    flow.stages.some(({ tasks }) => tasks.some(isAgain)),
    'a round has something to do',
  );
  // By stage: whether something of it, or of what it needs, is to be done again.
  const again: boolean[] = [];
  const stages = flow.stages.map((stage) => {
    const isLater = stage.isFinally
      ? again.some((one, place) => one && (!flow.stages[place]!.isFinally || stage.needs.includes(place)))
      : stage.needs.some((need) => again[need]);
    again.push(isLater || stage.tasks.some(isAgain));
    if (!stage.tasks.some(isAgain)) return stage;
    const tasks = withAnew(stage.tasks, counts, isAgain, isLater);
    return { ...stage, tasks, state: stageMoved(stage.state, stateOfStage(tasks, false)) };
  });
  return { ...flow, isCancelRequested: false, isCancelForced: false, isPaused: false, stages };
}

function withAnew(
  tasks: readonly FlowTask[],
  counts: ReadonlyMap<number, ExecutionCounts>,
  isAgain: (task: FlowTask) => boolean,
  isLater: boolean,
): FlowTask[] {
  const later = new Set<number>();
  return tasks.map((task) => {
    const waits = isLater || task.needs.some((need) => later.has(need));
    if (waits || isAgain(task)) later.add(task.task);
    if (!isAgain(task)) return task;
    const fresh = counts.get(task.task);
    const state = taskMoved(task.state, fresh && !waits ? 'running' : 'created');
    // What is chosen to be done again is not skipped again.
    const isToSkip = task.isToSkip === true && !fresh;
    return { ...task, state, counts: fresh ?? task.counts, isPassed: false, isToSkip };
  });
}

/** The states of stages and run as they follow, and whether that is the end of it. */
function settled(before: Flow, { flow, effects }: FlowStep): FlowStep {
  const stages = flow.stages.map((stage) => {
    const state = stageMoved(stage.state, stageNow(stage, flow));
    return state === stage.state ? stage : { ...stage, state };
  });
  const state = afterLateTruth(before.state, begun(before.state, stateOfRun(stages, flow.isCancelRequested), flow));
  assert(state === before.state || canRunMove(before.state, state), `no run moves from ${before.state} to ${state}`);
  const isNews = isTerminalRun(state) && state !== before.state;
  return { flow: { ...flow, stages, state }, effects: isNews ? [...effects, { kind: 'settle-run', state }] : effects };
}

/** What has begun does not go back to before that while what comes first waits for its condition to be decided, or is opened by that. */
function begun(from: RunState, follows: RunState, { isPaused }: Pick<Flow, 'isPaused'>): RunState {
  if (from === 'created' || (follows !== 'created' && follows !== 'waiting')) return follows;
  if (isPaused) return 'paused';
  return from === 'waiting' ? 'waiting' : 'running';
}

/** With the states of its tasks as they are now. */
function stageNow(stage: FlowStage, cancel: Cancel): TaskState {
  const follows = stateOfStage(stage.tasks, isToEnd(stage, cancel));
  // What had begun of it may have been skipped, and what is left may not have begun yet.
  const isBack =
    (follows === 'created' || follows === 'waiting') && (stage.state === 'running' || stage.state === 'paused');
  return afterLateTruth(stage.state, isBack ? 'running' : follows);
}

function withProgress(flow: Flow, all: readonly TaskProgress[]): Flow {
  const told = new Map(all.map((one) => [one.task, one]));
  assert(told.size === all.length, 'a task is told of once in an event');
  let found = 0;
  const stages = flow.stages.map((stage) => {
    if (!stage.tasks.some(({ task }) => told.has(task))) return stage;
    const asked = { isCancelRequested: isToEnd(stage, flow), isPaused: flow.isPaused };
    const tasks = stage.tasks.map((task) => {
      const event = told.get(task.task);
      if (!event) return task;
      found++;
      return progressed(task, event, asked);
    });
    return { ...stage, tasks };
  });
  assert(found === told.size, 'a task that is told of is in the flow');
  return { ...flow, stages };
}

/** Only what had failed can have had a lost execution that made the difference: every other end is final, but for a new round. */
function afterLateTruth(from: TaskState, to: TaskState): TaskState {
  return isTerminalRun(from) && isTerminalRun(to) && from !== 'failed' ? from : to;
}

function taskMoved(from: TaskState, to: TaskState): TaskState {
  assert(from === to || canTaskMove(from, to), `no task moves from ${from} to ${to}`);
  return to;
}

function stageMoved(from: TaskState, to: TaskState): TaskState {
  assert(from === to || canStageMove(from, to), `no stage moves from ${from} to ${to}`);
  return to;
}
