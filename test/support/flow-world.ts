/** Tasks of a flow with executions that move as their table allows, and the flow that is told of it. */
import {
  emptyCounts,
  EXECUTION_TRANSITIONS,
  isTerminalExecution,
  type ExecutionCounts,
  type ExecutionState,
} from '../../src/domain/crew/execution-machine.ts';
import {
  advanceFlow,
  newFlow,
  type Conditions,
  type Flow,
  type FlowEffect,
  type FlowEvent,
  type FlowShape,
  type TaskProgress,
} from '../../src/domain/flow/flow.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { canTaskMove } from '../../src/domain/flow/task-machine.ts';

/** Tasks with executions that move as their table allows, and a flow that is told of it. */
export class FlowWorld {
  flow: Flow;
  readonly #sizes: readonly number[];
  readonly #executions = new Map<number, ExecutionState[]>();
  readonly #open = new Set<number>();
  readonly #stopped = new Map<number, 'cancel' | 'skip'>();
  readonly #limited = new Set<number>();
  /** Their rollouts ask. */
  readonly #held = new Set<number>();
  readonly #mustHold: Check;
  readonly #conditions: Conditions;

  /** `sizes`: executions of each task. */
  constructor(shape: FlowShape, sizes: readonly number[], mustHold: Check, conditions: Conditions = ALL_MET) {
    this.#sizes = sizes;
    this.#mustHold = mustHold;
    this.#conditions = conditions;
    this.flow = newFlow(shape);
  }

  /** Tasks that somebody has wanted skipped in this round. */
  readonly skipped = new Set<number>();

  /** Tasks that have had executions at some time. */
  get begun(): ReadonlySet<number> {
    return new Set(this.#executions.keys());
  }

  on(event: FlowEvent): void {
    const before = this.flow;
    // Whoever writes a new run or opens a round of one knows nothing of conditions.
    const isBlind = event.kind === 'start' || event.kind === 'round';
    const { flow, effects } = advanceFlow(before, event, isBlind ? undefined : this.#conditions);
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
    if (isBlind) this.on({ kind: 'decide' });
  }

  start(): void {
    if (this.flow.state === 'created') this.on({ kind: 'start' });
  }

  /** An execution goes one step on; `n` chooses which, and where to. */
  move(n: number, undecided = 0): void {
    const task = this.#move(n);
    if (task !== undefined) this.#tell(task, undecided);
  }

  /** Several do, of several tasks, and all of it is told at once. */
  moveTogether(n: number): void {
    const tasks = new Set([n, 3 * n + 1, 7 * n + 2, 11 * n + 5].flatMap((one) => this.#move(one) ?? []));
    this.on({ kind: 'progressed', tasks: [...tasks].map((task) => this.#progressOf(task)) });
  }

  /** @returns of which task. */
  #move(n: number): number | undefined {
    const tasks = [...this.#executions.keys()].filter((task) => this.#open.has(task) || this.#stopped.has(task));
    const task = tasks[n % Math.max(1, tasks.length)];
    if (task === undefined) return undefined;
    const states = this.#executions.get(task)!;
    const live = states.flatMap((state, i) => (isTerminalExecution(state) ? [] : [i]));
    const at = live[Math.floor(n / 7) % Math.max(1, live.length)];
    if (at === undefined) return undefined;
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
    return task;
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

  /** A rollout asks, or is answered. */
  hold(n: number): void {
    const open = [...this.#open];
    const task = open[n % Math.max(1, open.length)];
    if (task === undefined) return;
    if (!this.#held.delete(task)) this.#held.add(task);
    this.#tell(task);
  }

  /** Somebody wants a task skipped; in the world in order nobody does. */
  skip(n: number): void {
    const all = this.flow.stages.flatMap(({ tasks }) => tasks);
    const { task, state } = all[n % all.length]!;
    // Where one waits to be opened by a new round, nothing is under way that could be ended.
    if (isTerminalRun(state) || this.flow.state === 'created') return;
    this.skipped.add(task);
    this.on({ kind: 'skip', task });
  }

  round(n: number): void {
    if (!isTerminalRun(this.flow.state)) return;
    const fresh = new Map<number, ExecutionCounts>();
    this.#open.clear();
    this.#stopped.clear();
    this.#limited.clear();
    this.#held.clear();
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

  /** Everything that happens, and then the end. */
  live(deeds: readonly (readonly [string, number])[]): void {
    this.start();
    for (const [name, n] of deeds) {
      if (name === 'move') this.move(n);
      else if (name === 'together') this.moveTogether(n);
      else if (name === 'ahead') this.move(n, 1);
      else if (name === 'truth') this.truth(n);
      else if (name === 'limit') this.limit(n);
      else if (name === 'skip') {
        if (n % 4 === 0) this.skip(n);
      } else if (name === 'cancel') {
        if (n % 10 === 0) this.on({ kind: 'cancel', isForced: n % 20 === 0 });
      } else if (name === 'hold') this.hold(n);
      else if (name === 'pause') {
        if (!isTerminalRun(this.flow.state)) this.on({ kind: n % 2 === 0 ? 'pause' : 'resume' });
      } else if (name === 'round') this.round(n);
      else this.start();
    }
    this.settle();
  }

  /** Everything ends, somehow. */
  settle(): void {
    this.start();
    if (this.flow.isPaused) this.on({ kind: 'resume' });
    for (const task of this.#held) {
      this.#held.delete(task);
      this.#tell(task);
    }
    for (let n = 0; n < 5_000 && !isTerminalRun(this.flow.state); n++) this.move((n * 7_919) % 10_007);
    must(isTerminalRun(this.flow.state), 'everything ends');
  }

  #tell(task: number, undecided = 0): void {
    this.on({ kind: 'progressed', tasks: [this.#progressOf(task, undecided)] });
    if (undecided > 0) this.#tell(task);
  }

  #progressOf(task: number, undecided = 0): TaskProgress {
    const [isStopped, isHeld] = [this.#limited.has(task), this.#held.has(task)];
    return { task, counts: this.#countsOf(task), undecided, isStopped, isHeld };
  }

  #countsOf(task: number): ExecutionCounts {
    const counted = emptyCounts();
    for (const state of this.#executions.get(task)!) counted[state]++;
    return counted;
  }

  #check(before: Flow, event: FlowEvent, effects: readonly FlowEffect[]): void {
    const { flow } = this;
    if (isTerminalRun(before.state) && event.kind !== 'round')
      must(flow.state === before.state || before.state === 'failed', 'an end is final');
    const isGoing = flow.stages.some(({ tasks }) => tasks.some(({ state }) => ['waiting', 'running'].includes(state)));
    must(!flow.isPaused || !isGoing, 'nothing goes on that is paused');
    const isPausedAnywhere = flow.stages.some(({ tasks }) =>
      tasks.some(({ state, isHeld }) => state === 'paused' && isHeld !== true),
    );
    must(flow.isPaused || !isPausedAnywhere, 'nothing is paused that goes on');
    must(
      !flow.isCancelForced || effects.every(({ kind }) => kind !== 'open-task'),
      'nothing is opened after a forced cancel',
    );
    const isNews = isTerminalRun(flow.state) && flow.state !== before.state;
    must(effects.filter(({ kind }) => kind === 'settle-run').length === (isNews ? 1 : 0), 'an end is told once');
    for (const [at, stage] of flow.stages.entries())
      for (const [place, { task, state: to }] of stage.tasks.entries()) {
        const from = before.stages[at]!.tasks[place]!.state;
        must(from === to || canTaskMove(from, to), `task ${task} may be written as ${to} where it was ${from}`);
      }
    const isOpened = ({ tasks }: Flow['stages'][number]): boolean =>
      effects.some((one) => one.kind === 'open-task' && tasks.some(({ task }) => task === one.task));
    this.#mustHold(flow, before, isOpened);
  }
}

const ALL_MET: Conditions = { isStageMet: () => true, isTaskMet: () => true };

/** `isOpened`: whether something of the stage has been opened by this step. */
export type Check = (flow: Flow, before: Flow, isOpened: (stage: Flow['stages'][number]) => boolean) => void;

/** Plain, because it is asked some hundred thousand times. */
export function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`It does not hold that ${what}.`);
}
