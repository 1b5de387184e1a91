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
import type { Script } from './machine.ts';
import type { Simulation } from './simulation.ts';

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

  constructor(sim: Simulation, tables: MemoryTables) {
    this.#sim = sim;
    this.#tables = tables;
    tables.watcher = this;
  }

  // — with every write —

  moved({ run }: RunRow, execution: ExecutionRow, from: ExecutionState, to: ExecutionState): void {
    const what = `${run.id}.${attemptKey(execution)}: ${from} → ${to}`;
    this.#sim.note(`moved ${what}`);
    if (from !== to && !canExecutionMove(from, to)) this.#sim.violate(`no execution moves so: ${what}`);
    if (isTerminalExecution(from) && !(from === 'lost' && execution.settledLate))
      this.#sim.violate(`what was final has moved: ${what}`);
    if (isTerminalExecution(to)) this.#mustBeTrue(execution);
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

  written({ run, executions }: RunRow): void {
    for (const state of EXECUTION_STATES) {
      const count = executions.filter((execution) => execution.state === state).length;
      if (count !== run.counts[state])
        this.#sim.violate(`run ${run.id} counts ${run.counts[state]} ${state}, and has ${count}`);
    }
    if (isTerminalRun(run.state) && executions.some(({ state }) => !isTerminalExecution(state)))
      this.#sim.violate(`run ${run.id} is ${run.state} and has executions that are not over`);
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
    else if (report.outcome.kind === 'exited' && row.state !== 'timed_out') this.#mustHaveOutput(attempt);
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
    const { exitCodes } = this.#tables.runs.get(row.runId)!.spec.policy.success;
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
