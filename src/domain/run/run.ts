/**
 * A run in its owner's memory: its flow says what state it is in, its rollout how much of it may be out, and its crew
 * carries that out. Pure: the owner feeds it events and the time, takes the changes to commit, and only after the
 * commit carries out the orders that follow. Every run has one stage of one task, task 0.
 */
import { assert } from '../../base/assert.ts';
import type { RunId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import { Crew, type Now, type Order } from '../crew/crew.ts';
import type { CrewOptions } from '../crew/crew-options.ts';
import type { Execution, FindRoute, SeedExecution } from '../crew/execution.ts';
import type { ExecutionCounts, ExecutionState } from '../crew/execution-machine.ts';
import { advanceFlow, type Flow, flowOfOneTask, newFlow, type FlowEvent } from '../flow/flow.ts';
import { canRunMove, isTerminalRun, type RunState } from '../flow/run-machine.ts';
import { admit } from '../rollout/rollout.ts';
import type { RunSpec } from './spec.ts';

const TASK = 0;

export type RunTerms = Pick<RunSpec, 'policy' | 'placement'>;

export interface SeedRun {
  readonly id: RunId;
  readonly state: RunState;
  readonly round: number;
  readonly seq: number;
  /** How long ago the present round began, by the clock that all servers share. */
  readonly roundAgeMs: number;
  readonly cancelRequestedAtMs?: number;
  readonly cancelRequestedBy?: string;
}

/** What is written of a run, with some of what its crew has decided. */
export interface RunWrite<Stream> {
  readonly changes: readonly Execution<Stream>[];
  /** Of the changes, in their order: by the time it has landed, more may be decided. */
  readonly states: readonly ExecutionState[];
  readonly state: RunState;
  readonly counts: ExecutionCounts;
  readonly seq: number;
  /** It had not ended before. */
  readonly isEnd: boolean;
  /** It had not been told to end before. */
  readonly isStop: boolean;
}

export class Run<Stream = unknown> {
  readonly id: RunId;
  /** Without the work, which the run needs for nothing and which may be large. */
  readonly spec: RunTerms;
  readonly round: number;
  readonly crew: Crew<Stream>;
  /** As it is committed. */
  state: RunState;
  seq: number;
  cancelRequestedBy: string | undefined;
  /** Its rollout has stopped it. */
  limitExceeded: boolean;
  #flow: Flow;

  constructor(
    run: SeedRun,
    { policy, placement }: RunTerms,
    seeds: readonly SeedExecution[],
    nowAt: number,
    options: Partial<Pick<CrewOptions, 'guardMs' | 'unreached' | 'never'>> = {},
  ) {
    this.id = run.id;
    this.spec = { policy, placement };
    this.state = run.state;
    this.round = run.round;
    this.seq = run.seq;
    this.crew = new Crew<Stream>(
      {
        policy,
        guardMs: options.guardMs ?? limits.deadlineGuardMs,
        unreached: options.unreached ?? unreached,
        never: options.never ?? ((): undefined => undefined),
        roundAgeMs: run.roundAgeMs,
      },
      seeds,
      nowAt,
    );
    const isCancelRequested = run.cancelRequestedAtMs !== undefined;
    const counts = { ...this.crew.changes.written };
    // Stopping without a cancel was for the failures; with one, the failures say whether it was for them before.
    this.limitExceeded =
      run.state === 'stopping' &&
      (!isCancelRequested || admit(policy, { counts, isStopped: false }).stop !== undefined);
    if (this.limitExceeded) this.crew.stop('skip');
    this.#flow =
      run.state === 'created'
        ? newFlow([[{ task: TASK, counts }]])
        : flowOfOneTask(run.state, counts, isCancelRequested && isTerminalRun(run.state));
    if (run.state === 'created') this.#start();
    if (isCancelRequested) this.cancel(run.cancelRequestedBy ?? '');
  }

  get isFinished(): boolean {
    return isTerminalRun(this.state) && this.crew.changes.count === 0;
  }

  /** A new run waits from its first write on. */
  #start(): void {
    this.#advanceFlow({ kind: 'start' });
    this.state = this.#flow.state;
  }

  cancel(by: string): void {
    if (this.cancelRequestedBy !== undefined) return;
    this.cancelRequestedBy = by;
    this.#advanceFlow({ kind: 'cancel' });
  }

  /** Decides everything that time and the known state allow: starts, ends, losses. */
  advance(now: Now, findRoute: FindRoute<Stream>): void {
    if (isTerminalRun(this.state) && this.crew.isOver) return;
    this.crew.look(now, findRoute);
    const { start, stop } = admit(this.spec.policy, {
      counts: this.crew.changes.decided,
      isStopped: this.limitExceeded,
    });
    if (stop) {
      this.limitExceeded = true;
      this.crew.stop('skip');
    }
    this.crew.send(start, now, findRoute);
  }

  /** When it is to be advanced, if nothing is heard until then, by the owner's monotonic clock. */
  get dueAt(): number {
    return this.isFinished ? Number.POSITIVE_INFINITY : this.crew.dueAt;
  }

  orders(nowAt: number, findRoute: FindRoute<Stream>): Order[] {
    return this.crew.orders(nowAt, findRoute);
  }

  /** Up to `changesMax` changes, and what the run is once they are written. One write at a time: `landed`, or a reload, follows. */
  write(changesMax: number): RunWrite<Stream> {
    const changes = this.crew.changes.take(changesMax);
    const counts = this.crew.changes.countsAfter(changes);
    this.#advanceFlow({
      kind: 'progressed',
      task: TASK,
      counts,
      undecided: this.crew.changes.count - changes.length,
      isStopped: this.limitExceeded,
    });
    const { state } = this.#flow;
    assert(state === this.state || canRunMove(this.state, state), `no run moves from ${this.state} to ${state}`);
    return {
      changes,
      states: changes.map((execution) => execution.state),
      state,
      counts,
      seq: this.seq + 1,
      isEnd: isTerminalRun(state) && !isTerminalRun(this.state),
      isStop: state === 'stopping' && this.state !== 'stopping',
    };
  }

  /** The write is committed. */
  landed({ changes, states, state, seq }: RunWrite<Stream>): void {
    this.state = state;
    this.seq = seq;
    changes.forEach((execution, i) => this.crew.committed(execution, states[i]!));
  }

  #advanceFlow(event: FlowEvent): void {
    const { flow, effects } = advanceFlow(this.#flow, event);
    this.#flow = flow;
    for (const effect of effects) if (effect.kind === 'stop-task') this.crew.stop(effect.how);
  }
}

const unreached: CrewOptions['unreached'] = () => ({
  reason: 'start-deadline',
  detail: 'The host could not be reached before the start deadline.',
});
