/** What is made of a told end: whether it is news, what the server says to whoever told it, and whether another attempt follows. */
import { isTerminalExecution, type ExecutionState } from './execution-machine.ts';
import type { AttemptResult, Execution } from './execution.ts';
import type { EndState } from './outcome.ts';

/**
 * `settled`: already known (acknowledge), `taken`: will be committed, `superseded`: of an attempt that is history,
 * `ignored`: not ours to take.
 */
export type EndAnswer = 'settled' | 'taken' | 'superseded' | 'ignored';

type Standing = Pick<Execution<unknown>, 'attempt' | 'state' | 'dbState' | 'retry' | 'result'>;

/** `news`: it moves the execution. `to`: the state that the end means. */
export function endAnswer(execution: Standing, attempt: number, to: EndState): EndAnswer | 'news' {
  const { state } = execution;
  if (attempt > execution.attempt) return 'ignored';
  if (attempt < execution.attempt) return to === 'lost' ? 'settled' : 'superseded';
  if (execution.retry) return 'taken';
  // A loss that is being written is not what its agent says: that comes again, and settles it late.
  if (execution.result) return state === 'lost' && to !== 'lost' ? 'ignored' : 'taken';
  if (isTerminalExecution(state) && (state !== 'lost' || to === 'lost')) return 'settled';
  // Its executor had said that it did not take the order. It is asked again with the next order, or the attempt is settled without it.
  return state === 'waiting' ? 'ignored' : 'news';
}

/**
 * Nothing of what was told of its end can be understood, or written: told again it would be no better, and hold up the run for ever. As
 * with a result, `settled` may be acknowledged at once, `taken` once it is written. `lost`: taken, and the attempt is lost.
 */
export function notKeptAnswer(
  { attempt: present, state, dbState, retry }: Standing,
  attempt: number,
): 'settled' | 'taken' | 'ignored' | 'lost' {
  if (attempt > present || (attempt === present && state === 'waiting')) return 'ignored';
  if (attempt < present || (isTerminalExecution(dbState) && dbState === state)) return 'settled';
  return isTerminalExecution(state) || retry ? 'taken' : 'lost';
}

/** Whether the script or call failed and may be tried again: what is refused, lost, ended for a limit or known late is not. */
export function isRepeated(
  { dbState, failures }: { readonly dbState: ExecutionState; readonly failures: number },
  { to, reason, outcome }: Pick<AttemptResult<unknown>, 'to' | 'reason' | 'outcome'>,
  retries: number,
): boolean {
  const hasFailed = (to === 'failed' || to === 'timed_out') && (reason === undefined || outcome?.kind === 'faulted');
  return hasFailed && dbState !== 'lost' && failures < retries;
}
