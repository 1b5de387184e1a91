/**
 * A run in its owner's memory: its flow says what state it is in and which of its tasks have their turn, and each task
 * carries that out by its rollout and its crew. Pure: the owner feeds it events and the time, takes the changes to
 * commit, and only after the commit carries out the orders that follow.
 */
import { assert } from '../../base/assert.ts';
import { given } from '../../base/given.ts';
import type { HostId, RunId, WorkerId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { Crew, type Now, type Order } from '../crew/crew.ts';
import type { CrewOptions } from '../crew/crew-options.ts';
import type { Execution, FindRoute } from '../crew/execution.ts';
import { emptyCounts, sumOfCounts, totalOf, type ExecutionCounts } from '../crew/execution-machine.ts';
import {
  advanceFlow,
  type Flow,
  flowAsStored,
  type FlowEvent,
  type FlowTask,
  newFlow,
  type TaskProgress,
} from '../flow/flow.ts';
import { canRunMove, isSettled, isTerminalRun, type RunState } from '../flow/run-machine.ts';
import type { TaskState } from '../flow/task-machine.ts';
import type { AskedSubjects } from './asked-subjects.ts';
import { choiceFaultOf, isPassedBy, RunConditions, type TaskDecision } from './conditions.ts';
import { PLAN_OF_ONE_TASK, tasksOf, type RunPlan } from './plan.ts';
import { gateMessage } from '../gate/gate-message.ts';
import { gateCounts, type GatePosition } from '../gate/gate-position.ts';
import type { RolloutPosition } from '../rollout/position.ts';
import type { RunWrite, SeedRun, TaskWrite } from './run-write.ts';
import type { StepSkip } from './step-skip.ts';
import { SharedTerms } from './shared-terms.ts';
import { type RolloutAnswer, RunTask, type SeedTask, type TaskTerms } from './run-task.ts';
import { beyondOfRun, outputIn, outputsBytesOf, type StepOutput, type StepOutputs } from './step-outputs.ts';
import { TurnSubjects } from './turn-subjects.ts';
import { unfitBy } from './unfit.ts';
import type { OutputOfTask } from './work-fills.ts';

export class Run<Stream = unknown> {
  readonly id: RunId;
  readonly round: number;
  readonly plan: RunPlan;
  /** Its tasks have states of their own. */
  readonly isPlanned: boolean;
  readonly tasks: readonly RunTask<Stream>[];
  /** As it is committed. */
  state: RunState;
  seq: number;
  cancelRequestedBy: string | undefined;
  cancelForcedBy: string | undefined;
  pausedBy: string | undefined;
  /** Who has let it go on last. */
  resumedBy: string | undefined;
  readonly #byTask: ReadonlyMap<number, RunTask<Stream>>;
  #flow: Flow;
  /** Their turn has come, which no write that is made up says yet. */
  readonly #toOpen = new Set<number>();
  /** As they are committed. */
  readonly #written: Map<number, TaskState>;
  /** Tasks whose executions are all over, as they were read, and that are not: a part of a write has landed, or a backup was restored. */
  readonly #behind = new Set<number>();
  readonly #writtenPositions: Map<number, RolloutPosition | undefined>;
  readonly #writtenGates: Map<number, GatePosition | undefined>;
  #isPauseWritten: boolean;
  /** Of tasks that have told some, with those that a write in the making says. */
  readonly #outputBytes: Map<number, number>;
  /** A forced cancel has taken its turn from something that comes finally, which no write that is made up says yet. */
  #isForceNews = false;
  readonly #conditions: RunConditions;
  /** Of tasks that are over, as the flow knows them. */
  readonly #outputs: Map<number, StepOutputs | undefined>;
  readonly #subjects = new TurnSubjects<Stream>(
    (task) => this.#byTask.get(task)!,
    (ref) => outputIn(this.#outputs.get(ref.task), ref.output),
  );
  /** Something has its turn, and whether its condition is met no write says yet: the run is new, or of a new round. */
  #isUndecided = false;

  /** `seeds`: its tasks in the order of their numbers. */
  constructor(
    run: SeedRun,
    seeds: readonly SeedTask[],
    nowAt: number,
    options: Partial<Pick<CrewOptions, 'guardMs'>> & {
      readonly unreached?: (execution: Execution<unknown>, terms: TaskTerms) => ReturnType<CrewOptions['unreached']>;
      readonly never?: (execution: Execution<unknown>, terms: TaskTerms) => ReturnType<CrewOptions['never']>;
    } = {},
  ) {
    this.id = run.id;
    this.state = run.state;
    this.round = run.round;
    this.seq = run.seq;
    this.plan = run.plan ?? PLAN_OF_ONE_TASK;
    this.isPlanned = run.plan !== undefined;
    const isCancelRequested = run.cancelRequestedAtMs !== undefined;
    const { guardMs = limits.deadlineGuardMs, unreached = startDeadline, never = () => undefined } = options;
    const plannedOf = new Map(tasksOf(this.plan).map((task) => [task.task, task]));
    const ofTasks = { guardMs, unreached, never, idle: idleCrew<Stream>(seeds[0]!.terms, nowAt) };
    const terms = new SharedTerms();
    this.tasks = seeds.map(
      (seed) =>
        new RunTask<Stream>({ ...seed, terms: terms.of(seed.terms) }, isCancelRequested, ofTasks, nowAt, {
          ...given({
            declared: plannedOf.get(seed.task)?.outputs,
            unfit: unfitBy(plannedOf.get(seed.task) ?? {}, {
              choiceFault: () => choiceFaultOf(this.#conditions.of(seed.task)),
              outputOf: (ref) => this.#outputOf(ref),
              nameOf: (task) => plannedOf.get(task)!.name,
            }),
          }),
          message: () =>
            gateMessage(seed.gate!.work, plannedOf.get(seed.task)?.fills ?? [], {
              outputOf: (ref) => this.#outputOf(ref),
              nameOf: (task) => plannedOf.get(task)!.name,
            }),
        }),
    );
    this.#byTask = new Map(this.tasks.map((task) => [task.task, task]));
    this.#outputBytes = new Map(
      this.tasks.flatMap(({ task, outputs }) => (outputs ? [[task, outputsBytesOf(outputs)] as const] : [])),
    );
    this.#written = new Map(seeds.map(({ task, state }) => [task, state]));
    this.#writtenPositions = new Map(seeds.map(({ task, position }) => [task, position]));
    this.#writtenGates = new Map(seeds.map(({ task, gate }) => [task, gate?.position]));
    // What waits for its turn in this round has told nothing in it.
    this.#outputs = new Map(seeds.map(({ task, state, outputs }) => [task, state === 'created' ? undefined : outputs]));
    for (const { chooses } of plannedOf.values()) if (chooses) this.#byTask.get(chooses.task)!.isAsked = true;
    this.#conditions = new RunConditions(
      this.plan,
      { round: run.round, outputOf: (task, output) => outputIn(this.#outputs.get(task), output) },
      (task, asked) => this.#decideSubjects(task, asked),
      seeds.flatMap(({ task, decision }) => (decision ? [[task, decision] as const] : [])),
    );
    this.#flow =
      run.state === 'created'
        ? newFlow(this.plan)
        : flowAsStored(
            this.plan,
            run.state,
            (task) => {
              const { hasExecutions, crew, isHeld, gate } = this.#byTask.get(task)!;
              const state = this.#written.get(task)!;
              const ofCrew = hasExecutions ? { ...crew.changes.written } : NO_EXECUTIONS;
              const counts = gate ? gateCounts(state, gate.position) : ofCrew;
              const decision = this.#conditions.of(task);
              const isPassed = state === 'skipped' && decision !== undefined && isPassedBy(decision);
              return { state, counts, isHeld, isPassed };
            },
            {
              isCancelRequested: isCancelRequested && isTerminalRun(run.state),
              isCancelForced: run.cancelForcedBy !== undefined && isTerminalRun(run.state),
              isPaused: seeds.some(({ task, state }) => state === 'paused' && !this.#byTask.get(task)!.isHeld),
            },
          );
    this.#isPauseWritten = this.#flow.isPaused;
    this.resumedBy = run.resumedBy;
    for (const { task, state, executions } of seeds)
      if (isUnderWay(state) && executions.length > 0 && isSettled(this.#byTask.get(task)!.crew.changes.written))
        this.#behind.add(task);
    if (run.state === 'created') this.#start(nowAt);
    // A cancel takes a pause back, which stays written beside it.
    if (run.pausedBy !== undefined && !isCancelRequested) this.pause(run.pausedBy);
    else if (this.#flow.isPaused && !isCancelRequested) this.resume(run.resumedBy ?? '', nowAt);
    if (isCancelRequested) this.cancel(run.cancelRequestedBy ?? '', nowAt, run.cancelForcedBy);
    for (const { task, skip } of seeds) if (skip) this.skip(task, skip, nowAt);
    this.#isUndecided = this.#hasUndecided();
  }

  get isFinished(): boolean {
    return isTerminalRun(this.state) && !this.hasChanges;
  }

  /** Whether more is decided than is written. */
  get hasChanges(): boolean {
    return this.#isBehind || this.tasks.some(({ crew }) => crew.changes.count > 0);
  }

  /** Whether something waits for the commit; see `Changes.hasUrgent`. */
  get hasUrgent(): boolean {
    return this.#isBehind || this.tasks.some(({ crew }) => crew.changes.hasUrgent);
  }

  /** Whether there is something to write of its tasks, without any of their executions. */
  get #isBehind(): boolean {
    // A cancel is told at once, also where all of it is out and nobody has answered yet.
    const isStopNews = this.#flow.state === 'stopping' && this.state !== 'stopping';
    const isAsked = this.#flow.isPaused !== this.#isPauseWritten || this.#isForceNews || isStopNews;
    return this.#isUndecided || this.#toOpen.size > 0 || this.#behind.size > 0 || isAsked;
  }

  /** How far the rollout of a task has come, as it is committed. */
  writtenPosition(task: number): RolloutPosition | undefined {
    return this.#writtenPositions.get(task);
  }

  writtenState(task: number): TaskState {
    return this.#written.get(task)!;
  }

  writtenGate(task: number): GatePosition | undefined {
    return this.#writtenGates.get(task);
  }

  /** Somebody has said no to a question of one of its rollouts. */
  get isDeclined(): boolean {
    return this.tasks.some(({ isDeclined }) => isDeclined);
  }

  #outputOf({ task, output }: OutputOfTask): StepOutput | undefined {
    return outputIn(this.task(task)?.outputs, output);
  }

  task(task: number): RunTask<Stream> | undefined {
    return this.#byTask.get(task);
  }

  at(task: number, ordinal: number): Execution<Stream> | undefined {
    return this.#byTask.get(task)?.crew.at(task, ordinal);
  }

  *executions(): Iterable<Execution<Stream>> {
    for (const { crew } of this.tasks) yield* crew.executions;
  }

  onLinked(hostId: HostId): void {
    for (const { crew } of this.tasks) crew.onLinked(hostId);
  }

  onUnlinked(hostId: HostId, nowAt: number): void {
    for (const { crew } of this.tasks) crew.onUnlinked(hostId, nowAt);
  }

  onRoutesChanged(workerId?: WorkerId): void {
    for (const { crew } of this.tasks) crew.onRoutesChanged(workerId);
  }

  /** A new run waits from its first write on, which its maker makes: what has its turn first (`firstTasks`) is in it. */
  #start(nowAt: number): void {
    this.#advanceFlow({ kind: 'start' });
    this.state = this.#flow.state;
    for (const task of this.#toOpen) {
      this.#byTask.get(task)!.opened(nowAt);
      this.#written.set(task, 'waiting');
    }
    this.#toOpen.clear();
  }

  /** Whether anything waits for nothing but its condition. */
  #hasUndecided(): boolean {
    if (!this.plan.some((stage) => stage.isConditional || stage.tasks.some(({ isConditional }) => isConditional)))
      return false;
    let isAsked = false;
    const asked = (): boolean => (isAsked = true);
    advanceFlow(this.#flow, { kind: 'decide' }, { isStageMet: asked, isTaskMet: asked });
    return isAsked;
  }

  /** Nothing more is sent until `resume`; what is out goes on. Of what is over or is being cancelled nothing is paused. */
  pause(by: string): void {
    if (this.pausedBy !== undefined || this.cancelRequestedBy !== undefined || isTerminalRun(this.#flow.state)) return;
    this.pausedBy = by;
    for (const task of this.tasks) task.pause();
    this.#advanceFlow({ kind: 'pause' });
  }

  resume(by: string, nowAt: number): void {
    if (!this.#flow.isPaused) return;
    [this.pausedBy, this.resumedBy] = [undefined, by];
    for (const task of this.tasks) task.resume(nowAt);
    this.#advanceFlow({ kind: 'resume' });
  }

  /** To a question that one of its rollouts asks, by the number of the task. @returns whether it was to the present one. */
  answered(task: number, answer: RolloutAnswer, now: Now): boolean {
    const isTaken = this.#byTask.get(task)?.answered(answer, now) === true;
    if (isTaken) this.#behind.add(task);
    return isTaken;
  }

  /** A step ends as skipped, or is passed over when its turn comes; what is over stays as it is. */
  skip(task: number, skip: StepSkip, nowAt: number): void {
    const own = this.#byTask.get(task);
    if (!own || own.skip || isTerminalRun(this.#stateOf(task))) return;
    own.skip = skip;
    this.#advanceFlow({ kind: 'skip', task });
    if (this.#stateOf(task) !== 'stopping') return;
    own.endSkipped(nowAt);
    this.#behind.add(task);
  }

  #stateOf(task: number): TaskState {
    return this.#flow.stages.flatMap(({ tasks }) => tasks).find((one) => one.task === task)!.state;
  }

  /** What is done finally goes on, also where it was paused; unless it is `forcedBy` somebody, with it or later. */
  cancel(by: string, nowAt: number, forcedBy?: string): void {
    const isForced = forcedBy !== undefined && this.cancelForcedBy === undefined;
    if (this.cancelRequestedBy !== undefined && !isForced) return;
    [this.cancelRequestedBy, this.pausedBy] = [by, undefined];
    if (isForced) this.cancelForcedBy = forcedBy;
    for (const task of this.tasks) task.resume(nowAt);
    const before = this.#flow;
    this.#advanceFlow({ kind: 'cancel', isForced });
    this.#isForceNews =
      isForced &&
      this.#flow.stages.some(({ isFinally, tasks }, at) => isFinally && isEndedNow(tasks, before.stages[at]!.tasks));
  }

  /**
   * Decides everything that time and the known state allow: starts, ends, losses. @returns the tasks that their rollout
   * has stopped by it.
   */
  advance(now: Now, findRoute: FindRoute<Stream>): readonly RunTask<Stream>[] {
    if (isTerminalRun(this.state) && this.tasks.every(({ crew }) => crew.isOver)) return [];
    const before = this.tasks.filter(({ limitExceeded }) => !limitExceeded);
    for (const task of this.tasks) {
      task.advance(now, findRoute);
      const isMoved = task.position !== this.#writtenPositions.get(task.task);
      assert(this.isPlanned || !isMoved, 'what has a position is a run with a plan, where it is written');
      if (isMoved || task.gate?.position !== this.#writtenGates.get(task.task)) this.#behind.add(task.task);
    }
    return before.filter(({ limitExceeded }) => limitExceeded);
  }

  /** When it is to be advanced, if nothing is heard until then, by the owner's monotonic clock. */
  get dueAt(): number {
    if (this.isFinished) return Number.POSITIVE_INFINITY;
    return this.tasks.reduce((least, { dueAt }) => Math.min(least, dueAt), Number.POSITIVE_INFINITY);
  }

  orders(nowAt: number, findRoute: FindRoute<Stream>): Order[] {
    return this.tasks.flatMap(({ crew }) => crew.orders(nowAt, findRoute));
  }

  /** Up to `changesMax` changes, and what the run is once they are written. One write at a time: `landed`, or a reload, follows. */
  write(changesMax: number): RunWrite<Stream> {
    const changes: Execution<Stream>[] = [];
    const told: TaskProgress[] = [];
    if (this.#isUndecided) this.#advanceFlow({ kind: 'decide' });
    this.#isUndecided = false;
    for (const one of this.tasks) {
      const { task, crew, limitExceeded: isStopped, isHeld, gate } = one;
      if (changes.length >= changesMax || (crew.changes.count === 0 && !this.#behind.has(task))) continue;
      this.#behind.delete(task);
      const taken = crew.changes.take(changesMax - changes.length);
      changes.push(...taken);
      const undecided = crew.changes.count - taken.length;
      const counts = gate ? gateCounts('created', gate.position) : crew.changes.countsAfter(taken);
      const own = this.#fitting(task, one.outputsAfter(taken, isSettled(counts) && undecided === 0));
      if (own) this.#outputs.set(task, own);
      const isUnmet = own?.fault !== undefined;
      const isDecided = gate?.position?.phase === 'over' && gate.position.end !== 'skipped';
      told.push({ task, counts, undecided, isStopped, isHeld, isUnmet, isDecided });
    }
    if (told.length > 0) this.#advanceFlow({ kind: 'progressed', tasks: told });
    const { state } = this.#flow;
    const isForceNews = this.#isForceNews;
    this.#isForceNews = false;
    assert(state === this.state || canRunMove(this.state, state), `no run moves from ${this.state} to ${state}`);
    return {
      changes,
      states: changes.map((execution) => execution.state),
      tasks: this.#taskWrites(changes),
      state,
      counts: this.#counts(),
      seq: this.seq + 1,
      isEnd: isTerminalRun(state) && !isTerminalRun(this.state),
      isStop: state === 'stopping' && this.state !== 'stopping',
      isPaused: this.#flow.isPaused,
      isPauseNews: !isTerminalRun(state) && this.#flow.isPaused !== this.#isPauseWritten,
      isForceNews,
    };
  }

  /** What it is done to; where that is nothing, what it tells of none is there for whatever comes after it. */
  #decideSubjects(task: number, asked: AskedSubjects): Pick<TaskDecision, 'hosts' | 'items'> {
    const chosen = this.#subjects.decide(task, asked);
    if (!isPassedBy(chosen)) return chosen;
    const none = this.#fitting(task, this.#byTask.get(task)!.outputsOfNone());
    if (none) this.#outputs.set(task, { values: none.values });
    return chosen;
  }

  /** As far as there is room for them beside those of the other steps. */
  #fitting(task: number, outputs: StepOutputs | undefined): StepOutputs | undefined {
    if (!outputs) return undefined;
    let bytes = outputsBytesOf(outputs);
    for (const [other, size] of this.#outputBytes) if (other !== task) bytes += size;
    const fitting = beyondOfRun(bytes) ?? outputs;
    this.#outputBytes.set(task, outputsBytesOf(fitting));
    return fitting;
  }

  /** The write is committed. */
  landed({ changes, states, tasks, state, seq, isPaused }: RunWrite<Stream>, nowAt: number): void {
    this.state = state;
    this.#isPauseWritten = isPaused;
    this.seq = seq;
    changes.forEach((execution, i) => this.#byTask.get(execution.task)!.crew.committed(execution, states[i]!));
    for (const { task, to, isOpened, position, gate, outputs } of tasks) {
      this.#written.set(task, to);
      this.#writtenPositions.set(task, position);
      this.#writtenGates.set(task, gate);
      this.#byTask.get(task)!.outputs = outputs;
      if (isOpened) this.#byTask.get(task)!.opened(nowAt);
    }
  }

  /** Those that a write changes: by their executions, or since their turn has come or will not come. */
  #taskWrites(changes: readonly Execution<Stream>[]): TaskWrite[] {
    if (!this.isPlanned) return [];
    const touched = new Set(changes.map(({ task }) => task));
    const writes: TaskWrite[] = [];
    for (const { tasks } of this.#flow.stages)
      for (const one of tasks) {
        const { task, state: to } = one;
        const isOpened = this.#toOpen.has(task);
        const own = this.#byTask.get(task)!;
        const [position, gate] = [own.position, own.gate?.position];
        const isMoved =
          to !== this.#written.get(task) ||
          position !== this.#writtenPositions.get(task) ||
          gate !== this.#writtenGates.get(task);
        if (isOpened || touched.has(task) || isMoved)
          writes.push({
            task,
            to,
            counts: this.#countsOf(one),
            isOpened,
            ...given({
              position,
              gate,
              // What has told and is over still has told it.
              outputs: isTerminalRun(to) ? this.#outputs.get(task) : undefined,
              decision: to === 'created' ? undefined : this.#decisionOf(one),
              places: isOpened ? this.#subjects.of(task).places : undefined,
              items: isOpened ? this.#subjects.of(task).items : undefined,
            }),
          });
      }
    this.#toOpen.clear();
    return writes;
  }

  /** Where it was passed over since somebody wanted that, and for no other reason, with that. */
  #decisionOf({ task, isPassed }: FlowTask): TaskDecision | undefined {
    const decision = this.#conditions.of(task);
    const { skip } = this.#byTask.get(task)!;
    return isPassed && skip && !(decision && isPassedBy(decision)) ? { ...decision, skip } : decision;
  }

  /** Of a task that has just been opened nothing has been told yet: all of its executions wait. A gate has none. */
  #countsOf({ task, state, counts }: FlowTask): ExecutionCounts {
    if (this.#byTask.get(task)!.gate) return NO_EXECUTIONS;
    if (state === 'created' || isTerminalRun(state) || totalOf(counts) > 0) return counts;
    const { hasExecutions, hosts, crew } = this.#byTask.get(task)!;
    return hasExecutions ? { ...crew.changes.written } : { ...emptyCounts(), waiting: hosts };
  }

  #counts(): ExecutionCounts {
    return sumOfCounts(this.#flow.stages.flatMap(({ tasks }) => tasks.map((task) => this.#countsOf(task))));
  }

  #advanceFlow(event: FlowEvent): void {
    const isNew = event.kind === 'start';
    const { flow, effects } = advanceFlow(this.#flow, event, isNew ? undefined : this.#conditions);
    this.#flow = flow;
    for (const effect of effects) {
      const own = 'task' in effect ? this.#byTask.get(effect.task) : undefined;
      if (effect.kind === 'stop-task') own!.stop(own!.gate && own!.skip ? 'skip' : effect.how);
      else if (effect.kind === 'open-task') this.#toOpen.add(effect.task);
    }
  }
}

const NO_EXECUTIONS = emptyCounts();

function idleCrew<Stream>({ policy }: TaskTerms, nowAt: number): Crew<Stream> {
  const options = { policy, guardMs: 0, roundAgeMs: 0, unreached: startDeadline, never: () => undefined };
  return new Crew<Stream>(options, [], nowAt);
}

/** Whether some of these tasks are in other states than before. */
function isEndedNow(tasks: readonly FlowTask[], before: readonly FlowTask[]): boolean {
  return tasks.some(({ state }, place) => state !== before[place]!.state);
}

function isUnderWay(state: TaskState): boolean {
  return state !== 'created' && !isTerminalRun(state);
}

const startDeadline: CrewOptions['unreached'] = () => ({
  reason: 'start-deadline',
  detail: 'The host could not be reached before the start deadline.',
});
