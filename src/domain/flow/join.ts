/**
 * When a stage has its turn, by the states of the stages that it needs. Each rule decides as soon as it can be decided: what can never be
 * met any more is skipped, and not waited for.
 */
import { isTerminalRun } from './run-machine.ts';
import type { TaskState } from './task-machine.ts';

export const JOIN_RULES = [
  /** Of all of them; with none, at once. */
  'all-succeeded',
  /** The first is enough. */
  'any-succeeded',
  /** The first that failed, or whose time ran out, is enough: for what sets things right. */
  'any-failed',
  'all-done',
] as const;
export type JoinRule = (typeof JOIN_RULES)[number];

export function isFailedState(state: TaskState): boolean {
  return state === 'failed' || state === 'timed_out';
}

/** A stage as it is to one that needs it. `isPassed`: skipped since its condition was not met, which is as good as a success to most. */
export interface Needed {
  readonly state: TaskState;
  readonly isPassed: boolean;
}

export function joined(rule: JoinRule, needs: readonly Needed[]): 'open' | 'skip' | 'wait' {
  const areOver = needs.every(({ state }) => isTerminalRun(state));
  const isWell = ({ state, isPassed }: Needed): boolean => state === 'succeeded' || isPassed;
  switch (rule) {
    case 'all-succeeded':
      if (needs.every(isWell)) return 'open';
      return needs.some((need) => isTerminalRun(need.state) && !isWell(need)) ? 'skip' : 'wait';
    case 'any-succeeded':
      return needs.some(({ state }) => state === 'succeeded') ? 'open' : areOver ? 'skip' : 'wait';
    case 'any-failed':
      return needs.some(({ state }) => isFailedState(state)) ? 'open' : areOver ? 'skip' : 'wait';
    case 'all-done':
      return areOver ? 'open' : 'wait';
  }
}
