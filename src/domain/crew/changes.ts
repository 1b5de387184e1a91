/**
 * What is decided of executions and what is committed. `state` of an execution is what is decided, `dbState` what is
 * committed; several decisions about one before a commit fold into one write from dbState to state.
 */
import { assert } from '../../base/assert.ts';
import type { Execution } from './execution.ts';
import {
  canExecutionMove,
  emptyCounts,
  isTerminalExecution,
  type ExecutionCounts,
  type ExecutionState,
} from './execution-machine.ts';

export class Changes<Stream> {
  /** Executions as they are committed. */
  readonly written: ExecutionCounts = emptyCounts();
  /** As they are decided; what is tried again waits. */
  readonly decided: ExecutionCounts = emptyCounts();
  readonly #dirty = new Set<Execution<Stream>>();

  /** As it was read. */
  add({ state }: { readonly state: ExecutionState }): void {
    this.written[state]++;
    this.decided[state]++;
  }

  get count(): number {
    return this.#dirty.size;
  }

  /** Whether something waits for the commit; that a process runs is news, but short scripts end before it is told. */
  get hasUrgent(): boolean {
    for (const execution of this.#dirty) if (execution.state !== 'running') return true;
    return false;
  }

  has(execution: Execution<Stream>): boolean {
    return this.#dirty.has(execution);
  }

  move(execution: Execution<Stream>, to: ExecutionState): void {
    assert(canExecutionMove(execution.state, to), `no execution moves from ${execution.state} to ${to}`);
    this.decided[execution.state]--;
    this.decided[execution.retry ? 'waiting' : to]++;
    execution.state = to;
    this.#dirty.add(execution);
  }

  /** Up to `max` to write now. They stay decided; `committed` or a reload follows. */
  take(max: number): Execution<Stream>[] {
    const taken: Execution<Stream>[] = [];
    for (const execution of this.#dirty) {
      if (taken.length >= max) break;
      taken.push(execution);
    }
    return taken;
  }

  /** Executions by state once these are written. */
  countsAfter(changes: readonly Execution<Stream>[]): ExecutionCounts {
    const counts = { ...this.written };
    for (const execution of changes) {
      counts[execution.dbState]--;
      counts[execution.retry ? 'waiting' : execution.state]++;
    }
    return counts;
  }

  /** The write to `state` has landed. @returns whether it closed the attempt and opened the next, which waits. */
  committed(execution: Execution<Stream>, state: ExecutionState): boolean {
    const isRepeated = execution.retry && isTerminalExecution(state);
    if (execution.state === state) this.#dirty.delete(execution);
    this.written[execution.dbState]--;
    execution.dbState = isRepeated ? 'waiting' : state;
    this.written[execution.dbState]++;
    if (!isRepeated) return false;
    this.#dirty.delete(execution);
    execution.attempt++;
    [execution.state, execution.retry, execution.result] = ['waiting', false, undefined];
    [execution.startedAtMs, execution.dispatchedAtMs, execution.route] = [undefined, undefined, undefined];
    [execution.sends, execution.returns] = [0, 0];
    return true;
  }
}
