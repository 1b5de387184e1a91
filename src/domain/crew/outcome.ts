/**
 * How an attempt ended, as its executor tells it, and what that means. The outcome is what happened and nothing of what it means: success is
 * what the criteria of the work say it is. An engine whose work ends otherwise (an answer with a status, rows) adds its kind here, and what of
 * it is success to the criteria.
 */
import type { TerminalExecutionState } from './execution-machine.ts';

/** How a process ended. */
export type ProcessEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal?: string };

export type Outcome =
  | ProcessEnd
  /** Ended by its executor, at its deadline or because somebody asked; `end`: how it then ended, where that was seen. */
  | { readonly kind: 'timed_out' | 'cancelled'; readonly end?: ProcessEnd }
  /** Not begun; the reason is told beside it. */
  | { readonly kind: 'refused' }
  /** It was begun, or may have been, and how it ended is not known. */
  | { readonly kind: 'unknown' };

/** What of an outcome is success. */
export interface SuccessCriteria {
  readonly exitCodes: readonly number[];
}

export const EXIT_ZERO: SuccessCriteria = { exitCodes: [0] };

export type EndState = Exclude<TerminalExecutionState, 'skipped'>;

/** The state of an attempt with such an outcome. `hasBegun`: somebody has said that it was begun, which a refusal takes back in vain. */
export function stateAfter(outcome: Outcome, criteria: SuccessCriteria, hasBegun: boolean): EndState {
  switch (outcome.kind) {
    case 'exited':
      return criteria.exitCodes.includes(outcome.code) ? 'succeeded' : 'failed';
    case 'signalled':
      return 'failed';
    case 'timed_out':
    case 'cancelled':
      return outcome.kind;
    case 'refused':
      // Not started is said of what certainly never ran.
      return hasBegun ? 'failed' : 'not_started';
    case 'unknown':
      return 'lost';
  }
}

/** How its process ended, if it had one and that was seen. */
export function processEnd(outcome: Outcome | undefined): ProcessEnd | undefined {
  switch (outcome?.kind) {
    case 'exited':
    case 'signalled':
      return outcome;
    case 'timed_out':
    case 'cancelled':
      return outcome.end;
    default:
      return undefined;
  }
}
