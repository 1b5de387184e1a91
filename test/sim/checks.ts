/** What must hold, whatever happens: looked at with every write, every effect, every acknowledgement, and once more when all has come to rest. */
import { parseAttemptId, type AttemptKey } from '../../src/base/ids.ts';
import {
  canExecutionMove,
  EXECUTION_STATES,
  isTerminalExecution,
  type ExecutionState,
} from '../../src/domain/crew/execution-machine.ts';
import { exitCodeOf } from '../../src/domain/crew/outcome.ts';
import { canRunMove, isTerminalRun, type RunState } from '../../src/domain/flow/run-machine.ts';
import { batchEnds } from '../../src/domain/rollout/batches.ts';
import { isStaged } from '../../src/domain/rollout/rollout.ts';
import { tasksOf, type PlannedTask } from '../../src/domain/run/plan.ts';
import { stepOutputs } from '../../src/domain/run/step-outputs.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { Fence } from '../../src/store/contract/lease.ts';
import {
  attemptKey,
  type ExecutionRow,
  type MemoryTables,
  type RunRow,
  type StoreWatcher,
} from '../support/memory-store/rows.ts';
import { outputRead } from '../support/memory-store/output.ts';
import { countsOf } from '../support/memory-store/run.ts';
import { ConditionChecks, isPassed } from './condition-checks.ts';
import { GateChecks } from './gate-checks.ts';
import type { Script } from './machine.ts';
import type { Simulation } from './simulation.ts';
import { subjectName } from '../../src/domain/run/subject.ts';

/** Of an attempt in such a state it is said that it never ran. */
const NEVER_RAN: readonly ExecutionState[] = ['skipped', 'not_started'];
/** So is it written, and its agent is told so: it must not begin any more. */
const NOT_TO_BEGIN: readonly ExecutionState[] = [...NEVER_RAN, 'waiting', 'cancelled'];

export class Checks implements StoreWatcher {
  readonly #sim: Simulation;
  readonly #tables: MemoryTables;
  /** Effects, by attempt. */
  readonly effects = new Map<string, number>();
  readonly #terms = new Map<number, number>();
  readonly #conditions: ConditionChecks;
  readonly #gates: GateChecks;

  constructor(sim: Simulation, tables: MemoryTables) {
    this.#sim = sim;
    this.#tables = tables;
    this.#conditions = new ConditionChecks(sim);
    this.#gates = new GateChecks(sim, tables);
    tables.watcher = this;
  }

  // — with every write —

  moved(row: RunRow, execution: ExecutionRow, from: ExecutionState, to: ExecutionState): void {
    const { run } = row;
    const what = `${run.id}.${attemptKey(execution)}: ${from} → ${to}`;
    this.#sim.note(`moved ${what}`);
    if (from !== to && !canExecutionMove(from, to)) this.#sim.violate(`no execution moves so: ${what}`);
    if (isTerminalExecution(from) && !(from === 'lost' && execution.settledLate))
      this.#sim.violate(`what was final has moved: ${what}`);
    if (isTerminalExecution(to)) this.#mustBeTrue(execution);
    if (to === 'dispatched') this.#mustHaveTurn(row, execution);
    if (to === 'dispatched' && isForcedToEnd(row)) this.#sim.violate(`nothing goes out after a forced cancel: ${what}`);
  }

  /** Nothing of a task goes out before what it needs is over, and well. */
  #mustHaveTurn(row: RunRow, { task }: ExecutionRow): void {
    const { run, tasks } = row;
    const stage = run.plan?.find((one) => one.tasks.some((own) => own.task === task));
    if (!run.plan || !stage) return;
    const isWell = (one: PlannedTask): boolean => {
      const { state } = tasks[one.task]!;
      return (
        state === 'succeeded' || isPassed(row, one.task) || (one.goesOn && ['failed', 'timed_out'].includes(state))
      );
    };
    const { needs } = stage.tasks.find((own) => own.task === task)!;
    const before = [
      ...stage.tasks.filter((own) => needs.includes(own.task)),
      ...(stage.join === 'all-succeeded' ? stage.needs.flatMap((need) => run.plan![need]!.tasks) : []),
    ];
    const unmet = before.find((one) => !isWell(one));
    if (unmet || tasks[task]!.state === 'created')
      this.#sim.violate(`${run.id} step ${task} goes out before its turn: step ${unmet?.task} is not done`);
    if (
      stage.isFinally &&
      run.plan.some((other) => !other.isFinally && other.tasks.some((own) => !isTerminalRun(tasks[own.task]!.state)))
    )
      this.#sim.violate(`${run.id} step ${task} is there finally and does not come last`);
  }

  runMoved({ run }: RunRow, from: RunState, to: RunState): void {
    this.#sim.note(`run ${run.id}: ${from} → ${to}`);
    if (!canRunMove(from, to)) this.#sim.violate(`no run moves so: ${run.id} ${from} → ${to}`);
  }

  owned({ partition, term }: Fence): void {
    const known = this.#terms.get(partition) ?? 0;
    if (term < known)
      this.#sim.violate(`a write of term ${term} has landed in partition ${partition} after one of ${known}`);
    this.#terms.set(partition, term);
  }

  written(row: RunRow): void {
    const { run, executions, tasks } = row;
    this.#conditions.written(row);
    this.#gates.written(row);
    for (const [task, { state, counts }] of run.plan ? tasks.entries() : []) {
      const has = countsOf(row, task);
      if (EXECUTION_STATES.some((one) => has[one] !== counts[one]))
        this.#sim.violate(`${run.id} step ${task} counts ${JSON.stringify(counts)}, and has ${JSON.stringify(has)}`);
      if (isTerminalRun(run.state) && !isTerminalRun(state))
        this.#sim.violate(`run ${run.id} is ${run.state}, and its step ${task} ${state}`);
      this.#mustHaveOutputs(row, task);
      this.#mustBeInBatches(row, task);
    }
    for (const state of EXECUTION_STATES) {
      const count = executions.filter((execution) => execution.state === state).length;
      if (count !== run.counts[state])
        this.#sim.violate(`run ${run.id} counts ${run.counts[state]} ${state}, and has ${count}`);
    }
    if (isTerminalRun(run.state) && executions.some(({ state }) => !isTerminalExecution(state)))
      this.#sim.violate(`run ${run.id} is ${run.state} and has executions that are not over`);
  }

  /** What a step has told that is over is what its hosts have, and it has not succeeded without. */
  #mustHaveOutputs(row: RunRow, task: number): void {
    const declared = tasksOf(row.run.plan!).find((one) => one.task === task)!.outputs;
    const { state, outputs } = row.tasks[task]!;
    const own = row.executions.filter((execution) => execution.task === task);
    // Of a step that was done to nothing it may say what there is of none.
    const isOver = isTerminalRun(state) && (own.length > 0 || outputs !== undefined);
    const told = own
      .filter((execution) => execution.state === 'succeeded')
      .sort((one, other) => one.ordinal - other.ordinal)
      .map((one) => ({ host: subjectName(one.subject), values: row.values.get(attemptKey(one))?.values ?? {} }));
    const drawn = declared && isOver ? stepOutputs(declared, told) : undefined;
    // One that has succeeded nowhere has failed by itself, and not by what nobody told.
    const due = drawn && told.length === 0 ? { values: drawn.values } : drawn;
    if (JSON.stringify(outputs) !== JSON.stringify(due))
      this.#sim.violate(
        `${row.run.id} step ${task} is ${state}, has told ${JSON.stringify(outputs)}, and its hosts ${JSON.stringify(due)}`,
      );
    if (state === 'succeeded' && outputs?.fault !== undefined)
      this.#sim.violate(`${row.run.id} step ${task} has succeeded though ${outputs.fault}`);
  }

  /** Nothing of a batch has gone out before all before it are over, and nothing beyond the batch that the position names. */
  #mustBeInBatches({ run, executions, tasks }: RunRow, number: number): void {
    const { spec, position, subjects } = tasks[number]!;
    if (!isStaged(spec.policy)) return;
    const hosts = executions.filter(({ task }) => task === number).length || subjects.length;
    const ends = batchEnds(spec.policy.batches ?? [{ kind: 'all' }], hosts)!;
    const end = position ? ends[position.batch]! : 0;
    const begin = position ? (ends[position.batch - 1] ?? 0) : 0;
    const own = executions.filter(({ task, round }) => task === number && round === run.round);
    const isOut = (one: ExecutionRow): boolean => one.dispatchedAtMs !== undefined;
    if (own.some((one) => one.ordinal >= end && isOut(one)))
      this.#sim.violate(`${run.id} step ${number} has hosts out beyond batch ${position?.batch}`);
    if (
      own.some((one) => one.ordinal >= begin && isOut(one)) &&
      own.some((one) => one.ordinal < begin && !isTerminalExecution(one.state))
    )
      this.#sim.violate(`${run.id} step ${number} is in batch ${position?.batch}, and those before it are not over`);
  }

  // — with every effect —

  effect(attempt: string): void {
    const count = (this.effects.get(attempt) ?? 0) + 1;
    this.effects.set(attempt, count);
    this.#sim.note(`effect of ${attempt}`);
    if (count > 1) this.#sim.violate(`${attempt} has its effect twice`);
    const found = this.#find(attempt);
    if (!found) return this.#sim.violate(`${attempt} has its effect and is nowhere written`);
    const { row, isHistory } = found;
    if (row.route === undefined || NOT_TO_BEGIN.includes(row.state))
      this.#sim.violate(`${attempt} has its effect while it is written as ${row.state}${isHistory ? ' and over' : ''}`);
  }

  #find(attempt: string): { run: RunRow; row: ExecutionRow; isHistory: boolean } | undefined {
    const key = parseAttemptId(attempt)!;
    const run = this.#tables.runs.get(key.runId);
    const same = (one: AttemptKey): boolean => attemptKey(one) === attemptKey(key);
    const present = run?.executions.find(same);
    const row = present ?? run?.history.find(same);
    return run && row && { run, row, isHistory: !present };
  }

  /** By the agent: the server says that it has what was reported. */
  acknowledged(attempt: string, report: AgentReport): void {
    this.#sim.note(`${attempt} is acknowledged`);
    const found = this.#find(attempt);
    if (!found) return this.#sim.violate(`${attempt} is acknowledged and nowhere written`);
    const { run, row } = found;
    const late = run.lateReports.get(attemptKey(row));
    if (!isTerminalExecution(row.state)) this.#sim.violate(`${attempt} is acknowledged and only ${row.state}`);
    else if (row.state === 'lost' && report.outcome.kind !== 'unknown' && !late)
      this.#sim.violate(`${attempt} is acknowledged as ${report.outcome.kind} and written as lost`);
    else if (
      report.outcome.kind === 'exited' &&
      row.state !== 'timed_out' &&
      exitCodeOf((late ?? row).outcome) !== report.outcome.code
    )
      this.#sim.violate(
        `${attempt} is acknowledged with ${report.outcome.code} and written as ${JSON.stringify((late ?? row).outcome)}`,
      );
    else if (report.outcome.kind === 'exited' && row.state !== 'timed_out') {
      this.#mustHaveOutput(attempt);
      this.#mustHaveValues(attempt);
    }
  }

  #mustHaveValues(attempt: string): void {
    const key = parseAttemptId(attempt)!;
    const told = JSON.stringify(this.scripts.get(attempt)?.values);
    const kept = JSON.stringify(this.#tables.runs.get(key.runId)?.values.get(attemptKey(key))?.values);
    if (told !== kept) this.#sim.violate(`${attempt} is acknowledged, has told ${told}, and ${kept} is written`);
  }

  #mustHaveOutput(attempt: string): void {
    const output = this.scripts.get(attempt)?.output ?? Buffer.alloc(0);
    const kept = outputRead(this.#tables, parseAttemptId(attempt)!, 1, 0, output.length + 1) ?? Buffer.alloc(0);
    if (!output.equals(kept))
      this.#sim.violate(
        `${attempt} is acknowledged with ${output.length} bytes of output and ${kept.length} are written`,
      );
  }

  // — of what is final —

  /** The last script of each attempt, wherever it ran. */
  readonly scripts = new Map<string, Script>();

  #mustBeTrue(row: ExecutionRow): void {
    const attempt = `${row.runId}.${attemptKey(row)}`;
    const count = this.effects.get(attempt) ?? 0;
    const script = this.scripts.get(attempt);
    const exitCode = exitCodeOf(row.outcome);
    const { exitCodes } = this.#tables.runs.get(row.runId)!.tasks[row.task]!.spec.policy.success;
    const isSuccess = script !== undefined && exitCodes.includes(script.exitCode);
    const tell = (what: string): void =>
      this.#sim.violate(`${attempt} is ${row.state} (${exitCode ?? row.reason ?? ''}) and ${what}`);
    if (NEVER_RAN.includes(row.state) && count > 0) tell('has run');
    if (row.state === 'succeeded' && (count !== 1 || !isSuccess || script.killedFor !== undefined))
      tell('did not succeed');
    if (row.state === 'failed' && exitCode !== undefined && (isSuccess || script?.exitCode !== exitCode))
      tell(`ended with ${script?.exitCode}`);
    if (row.state === 'cancelled' && count > 0 && script?.killedFor !== 'cancelled') tell('was not ended');
    if (row.state === 'timed_out' && row.reason !== 'deadline-guard' && script?.killedFor !== 'timed_out')
      tell('was not ended for the time');
  }

  /** When all has come to rest. `held`: attempts that agents still hold. */
  atRest(held: readonly string[]): void {
    for (const row of this.#tables.runs.values()) {
      this.written(row);
      if (!isTerminalRun(row.run.state))
        this.#sim.violate(
          `run ${row.run.id} does not end: ${row.run.state}, ${row.executions.map(({ state }) => state).join(' ')}`,
        );
      if (row.isActive && isTerminalRun(row.run.state)) this.#sim.violate(`run ${row.run.id} is over and active`);
      for (const execution of [...row.executions, ...row.history]) this.#mustBeTrue(execution);
    }
    for (const attempt of held) this.#sim.violate(`${attempt} is over, and its agent still reports it`);
  }

  get unfinished(): number {
    return [...this.#tables.runs.values()].filter(({ run }) => !isTerminalRun(run.state)).length;
  }
}

/** Whether its owner has written, in this round, that what comes finally ends too. */
function isForcedToEnd({ timeline }: RunRow): boolean {
  const last = timeline.findLast(({ kind }) => kind === 'retried' || kind === 'cancel-forced');
  return last?.kind === 'cancel-forced';
}
