/** One task of a run in its owner's memory: its crew once its turn has come, and what its rollout lets out. Pure. */
import { given } from '../../base/given.ts';
import { Crew, type Now } from '../crew/crew.ts';
import type { CrewOptions, Unreached } from '../crew/crew-options.ts';
import { firstAttempts, type Execution, type FindRoute, type SeedExecution } from '../crew/execution.ts';
import { strongerStop, type StopKind } from '../crew/stop.ts';
import type { HostId } from '../../base/ids.ts';
import { isTerminalRun } from '../flow/run-machine.ts';
import type { TaskState } from '../flow/task-machine.ts';
import type { GateMessage } from '../gate/gate-position.ts';
import { GateTask, type SeedGate } from '../gate/gate-task.ts';
import { batchEnds } from '../rollout/batches.ts';
import {
  advanceRollout,
  dueMsOf,
  firstPosition,
  rolloutConfirmed,
  type BatchStanding,
  type RolloutPosition,
} from '../rollout/position.ts';
import { admit, failuresIn, isStaged } from '../rollout/rollout.ts';
import type { RunSpec } from './spec.ts';
import type { HostOutcome } from './chosen-hosts.ts';
import type { TaskDecision } from './conditions.ts';
import { ToldOfTask, type DeclaredOutput, type StepOutputs, type ToldByOrdinal } from './step-outputs.ts';
import type { StepSkip } from './step-skip.ts';
import { itemSubject, subjectName, type Subject } from './subject.ts';

export type TaskTerms = Pick<RunSpec, 'policy' | 'placement'>;

/** What somebody has said to a question of a rollout. */
export interface RolloutAnswer {
  /** Of the question. */
  readonly turn: number;
  readonly goesOn: boolean;
  readonly by: string;
  readonly reason?: string;
}

/** A task as it is read. */
export interface SeedTask {
  readonly task: number;
  readonly terms: TaskTerms;
  readonly state: TaskState;
  readonly executions: readonly SeedExecution[];
  /** What its executions will be of, where it has none yet. */
  readonly subjects: readonly Subject[];
  /** How long ago it was opened in the present round, by the clock that all servers share; 0 where it was not. */
  readonly openedAgeMs: number;
  /** What its hosts have told of the outputs that it declares, by ordinal, as it is read. */
  readonly told?: ToldByOrdinal;
  /** Of one with batches, or that may ask: absent before anything of this round was written. */
  readonly position?: RolloutPosition;
  /** What it has told, where it is over. */
  readonly outputs?: StepOutputs;
  /** What its conditions have come to, where its turn has come. */
  readonly decision?: TaskDecision;
  /** Of a gate, which has no executions. */
  readonly gate?: SeedGate;
  /** Somebody wants it skipped. */
  readonly skip?: StepSkip;
}

/** What the plan says of a task. */
interface PlannedWays {
  /** Outputs. */
  readonly declared?: readonly DeclaredOutput[];
  /** Why nobody can be given what it is to do, where that depends on steps before it. */
  readonly unfit?: () => Unreached | undefined;
  /** Of an approval. */
  readonly message: () => GateMessage;
}

/** The same for all tasks of a run. */
interface TaskOptions<Stream> extends Pick<CrewOptions, 'guardMs'> {
  readonly unreached: (execution: Execution<unknown>, terms: TaskTerms) => ReturnType<CrewOptions['unreached']>;
  readonly never: (execution: Execution<unknown>, terms: TaskTerms) => ReturnType<CrewOptions['never']>;
  /** Of nobody: that of every task that has no executions. A run may have thousands that wait for their turn. */
  readonly idle: Crew<Stream>;
}

export class RunTask<Stream = unknown> {
  readonly task: number;
  readonly terms: TaskTerms;
  hosts: number;
  crew: Crew<Stream>;
  /** Its rollout has stopped it. */
  limitExceeded: boolean;
  /** As it is decided; absent where it has none, or before its turn. */
  position: RolloutPosition | undefined;
  /** Of a gate where it stands: it has no crew and no rollout. */
  readonly gate: GateTask | undefined;
  readonly #isStaged: boolean;
  /** As they are committed; of a task that is over. */
  outputs: StepOutputs | undefined;
  readonly #options: TaskOptions<Stream>;
  #subjects: readonly Subject[];
  /** Hosts of a task after it are chosen by what its own have told: that is kept. */
  isAsked = false;
  /** Somebody wants it skipped, which has been heard while it was not over. */
  skip: StepSkip | undefined;
  /** Its turn has come, and that is committed. */
  #isOpen: boolean;
  #stopping: StopKind | undefined;
  #isPaused = false;
  /** Where it declares outputs. */
  readonly #told: ToldOfTask | undefined;
  readonly #unfit: (() => Unreached | undefined) | undefined;
  #ends: readonly number[] | undefined;
  /** When the time between two batches is over, by the owner's monotonic clock. */
  #batchDueAt = Number.POSITIVE_INFINITY;

  constructor(
    seed: SeedTask,
    isCancelRequested: boolean,
    options: TaskOptions<Stream>,
    nowAt: number,
    { declared, unfit, message }: PlannedWays,
  ) {
    this.#unfit = unfit;
    this.gate = seed.gate && new GateTask(seed.gate, message);
    this.task = seed.task;
    this.terms = seed.terms;
    this.#options = options;
    this.#subjects = seed.subjects;
    this.hosts = seed.executions.length || seed.subjects.length;
    // A gate that is over without a turn has none any more.
    this.#isOpen = seed.state !== 'created' && !(this.gate && isTerminalRun(seed.state));
    this.#isStaged = isStaged(seed.terms.policy);
    this.position = seed.position;
    const isUnbegun = seed.executions.length === 0 && (seed.state === 'created' || isTerminalRun(seed.state));
    const isIdle = isUnbegun || this.gate !== undefined;
    this.crew = isIdle ? options.idle : this.#newCrew(seed.executions, seed.openedAgeMs, nowAt);
    // Stopping without a cancel was for the failures; with one, the failures say whether it was for them before.
    this.outputs = seed.outputs;
    this.#told = declared && new ToldOfTask(declared, seed.told);
    this.limitExceeded =
      seed.state === 'stopping' &&
      !this.gate &&
      // Then it is for that.
      !seed.skip &&
      (!isCancelRequested || this.#admission(this.crew.changes.written, false).stop !== undefined);
    if (this.limitExceeded) this.#stopForFailures();
  }

  /** Its outputs once these changes are written, where it declares some and is over by them. */
  outputsAfter(changes: readonly Execution<Stream>[], isOver: boolean): StepOutputs | undefined {
    if (!this.#told) return undefined;
    for (const { ordinal, state, retry, result } of changes)
      this.#told.set(ordinal, state === 'succeeded' && !retry ? result?.values : undefined);
    if (!isOver) return undefined;
    const hosts = this.crew.executions
      .filter(({ state }) => state === 'succeeded')
      .map(({ ordinal, subject }) => ({ ordinal, host: subjectName(subject) }));
    // One that has succeeded nowhere has failed by itself: that nobody has told anything follows from it.
    const outputs = hosts.length > 0 ? this.#told.outputs(hosts) : this.outputsOfNone();
    // What is lost may still be heard of, and then they are drawn together anew.
    if (this.crew.changes.decided.lost === 0 && !this.isAsked) this.#told.clear();
    return outputs;
  }

  /** What it has told where it is done to nothing: as far as something is told of none, such as a sum. */
  outputsOfNone(): StepOutputs | undefined {
    const none = this.#told?.outputs([]);
    return none && { values: none.values };
  }

  /** What its executions will be of, in their order; before its turn. */
  get subjects(): readonly Subject[] {
    return this.#subjects;
  }

  /** Only these of them have their turn. */
  choose(places: readonly number[]): void {
    this.#subjects = places.map((place) => this.#subjects[place]!);
    this.hosts = this.#subjects.length;
    this.#ends = undefined;
  }

  /** It is done once for each of these. */
  becomeItems(items: readonly string[]): void {
    this.#subjects = items.map(itemSubject);
    this.hosts = items.length;
    this.#ends = undefined;
  }

  /** How each of its hosts has ended, as it is decided. Where it had no turn, none of them had. */
  outcomes(): ReadonlyMap<HostId, HostOutcome> {
    const of = new Map<HostId, HostOutcome>();
    if (!this.hasExecutions)
      for (const subject of this.#subjects) if (subject.kind === 'host') of.set(subject.id, { state: 'skipped' });
    for (const { subject, state, ordinal } of this.crew.executions)
      if (subject.kind === 'host') of.set(subject.id, { state, ...given({ values: this.#told?.get(ordinal) }) });
    return of;
  }

  /** Whether its executions are there: from its first turn on. */
  get hasExecutions(): boolean {
    return this.crew.executions.length > 0;
  }

  get #isIdle(): boolean {
    return this.crew === this.#options.idle;
  }

  /** Whether it goes on only when somebody has answered. */
  get isHeld(): boolean {
    if (this.gate) return this.gate.isHeld;
    return this.position?.phase === 'asking' && this.#stopping === undefined;
  }

  /** Whoever its rollout has asked has said no. */
  get isDeclined(): boolean {
    return this.#stopping === 'decline';
  }

  /** Where each of its batches ends. */
  get ends(): readonly number[] {
    const all = [this.hosts];
    return (this.#ends ??= batchEnds(this.terms.policy.batches ?? [{ kind: 'all' }], this.hosts) ?? all);
  }

  /** When it is to be looked at, if nothing is heard until then, by the owner's monotonic clock. */
  get dueAt(): number {
    if (!this.#isActive) return Number.POSITIVE_INFINITY;
    if (this.gate) return this.gate.dueAt;
    const isHalted = this.#isPaused || this.#stopping !== undefined;
    return Math.min(this.crew.dueAt, isHalted ? Number.POSITIVE_INFINITY : this.#batchDueAt);
  }

  /** What waits for a turn in a new round is not sent before that, but is over when that is not to come. */
  get #isActive(): boolean {
    return this.#isOpen || this.#stopping !== undefined;
  }

  stop(how: StopKind): void {
    this.#stopping = strongerStop(this.#stopping, how);
    if (!this.#isIdle) this.crew.stop(how);
  }

  /** That its turn has come is committed, with its executions. */
  opened(nowAt: number): void {
    this.#isOpen = true;
    if (this.gate) return;
    if (this.hasExecutions) this.crew.beginTurn(nowAt);
    else this.crew = this.#newCrew(firstAttempts(this.#subjects, this.task), 0, nowAt);
    if (this.#stopping) this.crew.stop(this.#stopping);
  }

  /** What has its turn ends: what waits is cancelled, what is out is ended, nobody is asked any more. */
  endSkipped(nowAt: number): void {
    this.resume(nowAt);
    this.stop(this.gate ? 'skip' : 'cancel');
  }

  /** Nothing more is sent, and no time runs out for what waits; what is out goes on. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(nowAt: number): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isOpen && !this.#isIdle) this.crew.beginTurn(nowAt);
  }

  /** An answer to another question than the present one changes nothing. @returns whether it was to this one. */
  answered({ turn, goesOn }: RolloutAnswer, now: Now): boolean {
    const { position } = this;
    // Of what is over, as of what a cancel has ended, nothing is asked any more.
    if (position?.phase !== 'asking' || position.turn !== turn || this.#stopping || this.crew.isOver) return false;
    if (goesOn) {
      this.position = rolloutConfirmed(position, this.#standing(), now.ms);
      this.crew.letOut(this.#turnsEnd, now.at);
      this.crew.beginTurn(now.at);
    } else {
      this.limitExceeded = true;
      this.stop('decline');
    }
    return true;
  }

  advance(now: Now, findRoute: FindRoute<Stream>): void {
    if (!this.#isActive) return;
    if (this.gate) return this.gate.advance(now, this.#isOpen && !this.#isPaused, this.#stopping);
    if (this.#isIdle) return;
    this.crew.look(now, findRoute);
    // Of what is paused no batch begins, and nobody is asked.
    if (!this.#isPaused) this.#advancePosition(now);
    const { start, stop } = this.#admission(this.crew.changes.decided, this.limitExceeded);
    if (stop) {
      this.limitExceeded = true;
      this.#stopForFailures();
    }
    if (this.#isPaused || this.isHeld) return this.crew.hold(now);
    const unfit = this.#stopping === undefined ? this.#unfit?.() : undefined;
    if (unfit) this.crew.refuse(unfit, now.ms);
    else this.crew.send(start, now, findRoute);
  }

  #advancePosition(now: Now): void {
    // Of what never had its turn, or is over, nothing goes on.
    if (!this.#isStaged || !this.#isOpen || this.#stopping !== undefined || this.crew.isOver) return;
    const standing = this.#standing();
    this.position = this.position
      ? advanceRollout(this.terms.policy, this.position, standing, now.ms)
      : firstPosition(standing, now.ms);
    this.#batchDueAt = now.at + (dueMsOf(this.terms.policy, this.position) - now.ms);
    this.crew.letOut(this.#turnsEnd, now.at);
  }

  #stopForFailures(): void {
    // What asks is stopped by an answer alone.
    const ofLimit = this.terms.policy.onMaxFailed === 'abort' ? 'abort' : 'skip';
    this.stop(this.position?.phase === 'asking' ? 'decline' : ofLimit);
  }

  #admission(counts: Crew['changes']['decided'], isStopped: boolean): ReturnType<typeof admit> {
    const staged = this.position && { position: this.position, ends: this.ends };
    return admit(this.terms.policy, { counts, isStopped, ...given({ staged }) });
  }

  #standing(): BatchStanding {
    return {
      ends: this.ends,
      isOver: (end) => this.crew.isOverBefore(end),
      failures: failuresIn(this.terms.policy, this.crew.changes.decided),
      isLeft: this.crew.changes.decided.waiting > 0,
    };
  }

  /** So many of its hosts, in their order, have had their turn. */
  get #turnsEnd(): number {
    if (!this.#isStaged) return Number.POSITIVE_INFINITY;
    return this.position ? this.ends[this.position.batch]! : 0;
  }

  #newCrew(executions: readonly SeedExecution[], ageMs: number, nowAt: number): Crew<Stream> {
    const { terms } = this;
    const { guardMs, unreached, never } = this.#options;
    return new Crew<Stream>(
      {
        policy: terms.policy,
        guardMs,
        unreached: (execution) => unreached(execution, terms),
        never: (execution) => never(execution, terms),
        roundAgeMs: ageMs,
      },
      executions,
      nowAt,
      this.#turnsEnd,
    );
  }
}
