/** A run of one task that goes out in batches, its rows as they are written, hosts that do what they are told, and owners that come and go. */
import { given } from '../../src/base/given.ts';
import type { HostId } from '../../src/base/ids.ts';
import { firstAttempts, type SeedExecution } from '../../src/domain/crew/execution.ts';
import { isOut, isTerminalExecution } from '../../src/domain/crew/execution-machine.ts';
import { isTerminalRun, type RunState } from '../../src/domain/flow/run-machine.ts';
import { batchEnds } from '../../src/domain/rollout/batches.ts';
import type { RolloutPosition } from '../../src/domain/rollout/position.ts';
import type { RolloutPolicy } from '../../src/domain/rollout/rollout.ts';
import { PLAN_OF_COMMAND } from '../../src/domain/run/plan.ts';
import type { RolloutAnswer } from '../../src/domain/run/run-task.ts';
import { Run } from '../../src/domain/run/run.ts';
import { hostSubject, type Subject } from '../../src/domain/run/subject.ts';
import { HERE, RUN, SPEC } from './one-host.ts';

export class RolloutWorld {
  readonly ends: readonly number[];
  /** As they are written, by ordinal. */
  rows: SeedExecution[];
  state: RunState = 'waiting';
  position: RolloutPosition | undefined;
  answer: RolloutAnswer | undefined;
  at = 1_000_000;
  isCancelled = false;
  /** Ordinals in the order in which they went out. */
  readonly sent: number[] = [];
  readonly asked: string[] = [];
  /** Why each is as it is, where that is not the word of its host. */
  readonly reasons: (string | undefined)[] = [];
  run: Run;
  readonly #policy: RolloutPolicy;
  readonly #subjects: readonly Subject[];

  constructor(hosts: number, policy: RolloutPolicy) {
    this.#policy = policy;
    this.#subjects = Array.from({ length: hosts }, (_, n) => hostSubject(`host-${n}` as HostId, `host-${n}`));
    this.ends = batchEnds(policy.batches ?? [{ kind: 'all' }], hosts)!;
    this.rows = [...firstAttempts(this.#subjects, 0)];
    this.run = this.#read();
  }

  /** As another owner reads it. */
  takeOver(): void {
    this.run = this.#read();
  }

  #read(): Run {
    const { placement } = SPEC;
    const policy = { ...SPEC.policy, ...this.#policy };
    const state = this.state;
    const run = new Run(
      {
        id: RUN,
        state,
        round: 1,
        seq: 1,
        plan: PLAN_OF_COMMAND,
        ...given({ cancelRequestedAtMs: this.isCancelled ? 1 : undefined }),
      },
      [
        {
          task: 0,
          terms: { policy, placement },
          state,
          executions: this.rows,
          subjects: this.#subjects,
          openedAgeMs: 0,
          ...given({ position: this.position }),
        },
      ],
      this.at,
    );
    if (this.answer) run.answered(0, this.answer, this.#now);
    return run;
  }

  get #now(): { at: number; ms: number } {
    return { at: this.at, ms: this.at };
  }

  /** Decides and writes, so many changes with each write, until nothing more comes of it. */
  settle(changesMax = 100): void {
    for (let turns = 0; turns < 1_000; turns++) {
      this.run.advance(this.#now, () => HERE);
      if (!this.run.hasChanges) return;
      this.write(changesMax);
    }
    throw new Error('there is always something to write');
  }

  write(changesMax: number): void {
    const write = this.run.write(changesMax);
    for (const [n, { ordinal, route, attempt, result }] of write.changes.entries()) {
      this.reasons[ordinal] = result?.reason;
      const state = write.states[n]!;
      if (state === 'dispatched' && isTerminalExecution(this.rows[ordinal]!.state))
        throw new Error('what is over goes out');
      if (state === 'dispatched') this.sent.push(ordinal);
      this.rows[ordinal] = { ...this.rows[ordinal]!, attempt, state, ...given({ route }) };
    }
    const [task] = write.tasks;
    if (task) {
      if (task.position?.phase === 'asking' && this.position?.turn !== task.position.turn)
        this.asked.push(task.position.why!);
      this.position = task.position;
    }
    this.state = write.state;
    this.run.landed(write, this.at);
    this.#check();
  }

  /** Of those that are out, one ends. */
  end(n: number, code: number): void {
    const out = [...this.run.tasks[0]!.crew.inFlight()].filter((one) => isOut(one.dbState));
    const one = out[n % Math.max(1, out.length)];
    if (!one) return;
    const stopped = this.isCancelled || (this.#policy.onMaxFailed === 'abort' && this.run.tasks[0]!.limitExceeded);
    this.run.tasks[0]!.crew.onResult(
      one,
      one.attempt,
      {
        outcome: stopped ? { kind: 'cancelled', end: { kind: 'exited', code: 0 } } : { kind: 'exited', code },
        startedAtMs: 1,
        finishedAtMs: 2,
      },
      this.at,
    );
  }

  say(goesOn: boolean): void {
    if (this.position?.phase !== 'asking') return;
    this.answer = { turn: this.position.turn, goesOn, by: 'somebody' };
    this.run.answered(0, this.answer, this.#now);
  }

  cancel(): void {
    if (isTerminalRun(this.state)) return;
    this.isCancelled = true;
    this.run.cancel('somebody', this.at);
  }

  /** Everything ends: what is out, what is asked, what is waited for. */
  finish(): void {
    for (let turns = 0; turns < 2_000 && !isTerminalRun(this.state); turns++) {
      this.settle();
      this.end(0, 0);
      this.say(true);
      this.at += 600_000;
    }
  }

  /** With every write: nothing is beyond its batch, and nothing goes out before those before it are over. */
  #check(): void {
    const end = this.position ? this.ends[this.position.batch]! : 0;
    const begin = this.position ? (this.ends[this.position.batch - 1] ?? 0) : 0;
    const hasBegun = (row: SeedExecution): boolean => row.route !== undefined;
    if (this.rows.some((row) => row.ordinal >= end && hasBegun(row))) throw new Error('a host beyond its batch is out');
    if (
      this.rows.some((row) => row.ordinal >= begin && hasBegun(row)) &&
      this.rows.some((row) => row.ordinal < begin && !isTerminalExecution(row.state))
    )
      throw new Error('a batch has begun, and the one before it is not over');
  }
}
