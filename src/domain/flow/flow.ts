/**
 * A run as its stages in order, and each stage as its tasks. It knows how many executions of a task are in which state, and no hosts.
 * Pure: an event and the flow answer with the flow after it and with what is to be done.
 *
 * The tasks of a stage are opened together, when every stage before has succeeded; a stage that is not to come is
 * skipped, or cancelled where somebody asked for that. Who opens tasks, sends and writes is not said here; nor is when
 * a task is stopped by its own rollout, which is told with its counts.
 */
import { assert } from '../../base/assert.ts';
import { emptyCounts, type ExecutionCounts, totalOf } from '../crew/execution-machine.ts';
import { canRunMove, isSettled, isTerminalRun, runVerdict, type RunState } from './run-machine.ts';
import { canTaskMove, type TaskState } from './task-machine.ts';

export interface FlowTask {
  readonly task: number;
  readonly state: TaskState;
  /** Of its executions; none before its turn. */
  readonly counts: ExecutionCounts;
}
export interface FlowStage {
  readonly state: TaskState;
  readonly tasks: readonly FlowTask[];
}
export interface Flow {
  readonly state: RunState;
  readonly isCancelRequested: boolean;
  readonly stages: readonly FlowStage[];
}

export type FlowEvent =
  | { readonly kind: 'start' }
  /**
   * Where the executions of a task are now: on its way, at its end, or after it, when the late truth of a lost one has
   * changed its counts.
   */
  | TaskProgress
  | { readonly kind: 'cancel' }
  /** Somebody has opened executions of a settled run anew: `counts` of the tasks of which there are such. */
  | { readonly kind: 'round'; readonly counts: ReadonlyMap<number, ExecutionCounts> };

interface TaskProgress {
  readonly kind: 'progressed';
  readonly task: number;
  readonly counts: ExecutionCounts;
  /** Executions of which more is decided than these counts say: with one of them, nothing is over. */
  readonly undecided: number;
  /** Its rollout has stopped it: nothing more of it is sent. */
  readonly isStopped: boolean;
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

/** The flow of a run of one task, as it is stored: its stage and its task are in the state of the run. */
export function flowOfOneTask(state: RunState, counts: ExecutionCounts, isCancelRequested: boolean): Flow {
  return { state, isCancelRequested, stages: [{ state, tasks: [{ task: 0, state, counts }] }] };
}

/** What a run does first: its tasks by stage, in order. */
export function newFlow(
  stages: readonly (readonly { readonly task: number; readonly counts: ExecutionCounts }[])[],
): Flow {
  return {
    state: 'created',
    isCancelRequested: false,
    stages: stages.map((tasks) => ({
      state: 'created',
      tasks: tasks.map((task) => ({ ...task, state: 'created' })),
    })),
  };
}

export function advanceFlow(flow: Flow, event: FlowEvent): FlowStep {
  switch (event.kind) {
    case 'start':
      assert(flow.state === 'created', `a run that is ${flow.state} is not started`);
      return settled(flow, opened(flow));
    case 'progressed':
      return settled(flow, opened(withProgress(flow, event)));
    case 'cancel':
      return isTerminalRun(flow.state) ? { flow, effects: [] } : settled(flow, cancelled(flow));
    case 'round':
      assert(isTerminalRun(flow.state), `a run that is ${flow.state} has a round under way`);
      return settled(flow, opened(openedAnew(flow, event.counts)));
  }
}

function progressed(
  task: FlowTask,
  { counts, undecided, isStopped }: TaskProgress,
  isCancelRequested: boolean,
): FlowTask {
  const isOver = isSettled(counts) && undecided === 0;
  const next = (state: TaskState): FlowTask => ({ ...task, counts, state: taskMoved(task.state, state) });
  if (isOver) return next(afterLateTruth(task.state, runVerdict(counts, isCancelRequested)));
  if (isTerminalRun(task.state) || task.state === 'created' || task.state === 'stopping') return next(task.state);
  if (isStopped) return next('stopping');
  // What was under way does not begin anew when all that was sent comes back.
  return next(task.state === 'waiting' && counts.waiting === totalOf(counts) ? 'waiting' : 'running');
}

/** Stages whose turn has come are opened, and those that have none any more are closed. */
function opened(flow: Flow): FlowStep {
  const effects: FlowEffect[] = [];
  const before: TaskState[] = [];
  const stages = flow.stages.map((stage) => {
    const now =
      stage.state !== 'created'
        ? stage
        : before.every((state) => state === 'succeeded')
          ? withTasks(stage, flow.isCancelRequested, (task) => {
              if (task.state !== 'created') return task;
              effects.push({ kind: 'open-task', task: task.task });
              return { ...task, state: taskMoved(task.state, 'waiting') };
            })
          : before.some((state) => isTerminalRun(state) && state !== 'succeeded')
            ? withTasks(stage, flow.isCancelRequested, (task) => closed(task, 'skip', effects))
            : stage;
    before.push(now.state);
    return now;
  });
  return { flow: { ...flow, stages }, effects };
}

/** A task that has executions is over when they are. */
function closed(task: FlowTask, how: 'cancel' | 'skip', effects: FlowEffect[]): FlowTask {
  if (isTerminalRun(task.state)) return task;
  if (task.state === 'created' && isSettled(task.counts))
    return { ...task, state: taskMoved(task.state, how === 'cancel' ? 'cancelled' : 'skipped') };
  effects.push({ kind: 'stop-task', task: task.task, how });
  return { ...task, state: taskMoved(task.state, 'stopping') };
}

function cancelled(flow: Flow): FlowStep {
  const effects: FlowEffect[] = [];
  const stages = flow.stages.map((stage) => withTasks(stage, true, (task) => closed(task, 'cancel', effects)));
  return { flow: { ...flow, isCancelRequested: true, stages }, effects };
}

/** The first stage with something to do begins at once; what comes after it waits for its turn, also what never had one. */
function openedAnew(flow: Flow, counts: ReadonlyMap<number, ExecutionCounts>): Flow {
  const first = flow.stages.findIndex(({ tasks }) => tasks.some(({ task }) => counts.has(task)));
  assert(first >= 0, 'a round has something to do');
  const stages = flow.stages.map((stage, at) =>
    withTasks(stage, false, (task) => {
      const fresh = counts.get(task.task);
      if (at < first || !(fresh || totalOf(task.counts) === 0)) return task;
      const state = taskMoved(task.state, at === first ? 'running' : 'created');
      return { ...task, state, counts: fresh ?? task.counts };
    }),
  );
  return { ...flow, isCancelRequested: false, stages };
}

/** The run's state as it follows from its stages, and whether that is the end of it. */
function settled(before: Flow, { flow, effects }: FlowStep): FlowStep {
  const state = afterLateTruth(before.state, stateAbove(flow.stages, flow.isCancelRequested));
  assert(state === before.state || canRunMove(before.state, state), `no run moves from ${before.state} to ${state}`);
  const isNews = isTerminalRun(state) && state !== before.state;
  return { flow: { ...flow, state }, effects: isNews ? [...effects, { kind: 'settle-run', state }] : effects };
}

/** The state of what consists of these. It is being stopped only when none of them goes on. */
function stateAbove(parts: readonly { readonly state: TaskState }[], isCancelRequested: boolean): TaskState {
  const live = parts.filter(({ state }) => !isTerminalRun(state));
  const areAll = (some: readonly (typeof parts)[number][], ...states: TaskState[]): boolean =>
    some.every(({ state }) => states.includes(state));
  if (live.length === 0) return verdictOver(parts, isCancelRequested);
  if (areAll(live, 'stopping')) return 'stopping';
  if (areAll(live, 'created')) return 'created';
  return areAll(parts, 'created', 'waiting') ? 'waiting' : 'running';
}

function verdictOver(parts: readonly { readonly state: TaskState }[], isCancelRequested: boolean): RunState {
  const counts = emptyCounts();
  for (const { state } of parts) if (state in counts) counts[state as keyof ExecutionCounts]++;
  return runVerdict(counts, isCancelRequested);
}

function withProgress(flow: Flow, event: TaskProgress): Flow {
  assert(
    flow.stages.some(({ tasks }) => tasks.some(({ task }) => task === event.task)),
    'a task that is told of is in the flow',
  );
  const stages = flow.stages.map((stage) =>
    withTasks(stage, flow.isCancelRequested, (task) =>
      task.task === event.task ? progressed(task, event, flow.isCancelRequested) : task,
    ),
  );
  return { ...flow, stages };
}

function withTasks(stage: FlowStage, isCancelRequested: boolean, change: (task: FlowTask) => FlowTask): FlowStage {
  const tasks = stage.tasks.map(change);
  if (tasks.every((task, at) => task === stage.tasks[at])) return stage;
  return { tasks, state: taskMoved(stage.state, afterLateTruth(stage.state, stateAbove(tasks, isCancelRequested))) };
}

/** Only what had failed can have had a lost execution that made the difference: every other end is final, but for a new round. */
function afterLateTruth(from: TaskState, to: TaskState): TaskState {
  return isTerminalRun(from) && isTerminalRun(to) && from !== 'failed' ? from : to;
}

function taskMoved(from: TaskState, to: TaskState): TaskState {
  assert(from === to || canTaskMove(from, to), `no task and no stage moves from ${from} to ${to}`);
  return to;
}
