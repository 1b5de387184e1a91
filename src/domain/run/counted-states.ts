/** Ends of executions, as conditions count them and hosts are chosen by them. */
import type { ExecutionState } from '../crew/execution-machine.ts';

export const COUNTED_STATES = [
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'not_started',
  'lost',
] as const satisfies readonly ExecutionState[];
export type CountedState = (typeof COUNTED_STATES)[number];
