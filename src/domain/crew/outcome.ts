/**
 * How an attempt ended, as its executor tells it, and what that means. The outcome is what happened and nothing of what
 * it means: success is what the criteria of the work say it is. An engine whose work ends otherwise adds its kind here,
 * and what of it is success to the criteria.
 */
import { limits } from '../../base/limits.ts';
import type { TerminalExecutionState } from './execution-machine.ts';

/** How a process ended. */
export type ProcessEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal?: string };

export type Outcome =
  | ProcessEnd
  /** Ended by its executor, at its deadline or because somebody asked; `end`: how it then ended, where that was seen. */
  | { readonly kind: 'timed_out' | 'cancelled'; readonly end?: ProcessEnd }
  /** A call was answered with this status, of HTTP. */
  | { readonly kind: 'answered'; readonly status: number }
  /** A statement of a database was carried out: so many rows it has read or changed. */
  | { readonly kind: 'rows'; readonly rows: number }
  /** A call was begun, and ended without its whole answer; the reason is told beside it. */
  | { readonly kind: 'faulted' }
  /** Not begun; the reason is told beside it. */
  | { readonly kind: 'refused' }
  /** It was begun, or may have been, and how it ended is not known. */
  | { readonly kind: 'unknown' };

/** What of an outcome is success. */
export interface SuccessCriteria {
  readonly exitCodes: readonly number[];
  /** From and to, both included; those from 200 to 299 unless it is said. */
  readonly statuses?: readonly StatusRange[];
  /** From and to, both included; any number of rows unless it is said. */
  readonly rows?: readonly RowsRange[];
}
export type StatusRange = readonly [from: number, to: number];
/** `to`: null for as many as there are. */
export type RowsRange = readonly [from: number, to: number | null];
const STATUS_OK: readonly StatusRange[] = [[200, 299]];

/** Of whoever says nothing of it. */
export const EXIT_ZERO: SuccessCriteria = { exitCodes: [0] };

/** `0,3`: whole numbers, each once and in order. Undefined when it is not that, or more than a run may name. */
export function parseExitCodes(text: string): number[] | undefined {
  const words = text.split(',').map((word) => word.trim());
  if (!words.every((word) => /^\d{1,10}$/.test(word) && Number(word) <= limits.exitCodeMax)) return undefined;
  const codes = exitCodesOf(words.map(Number));
  return codes.length <= limits.successExitCodesMax ? codes : undefined;
}

/** `204`, or `200-299`. Undefined for what is none of HTTP. */
export function parseStatuses(text: string): StatusRange | undefined {
  const [, low = '', high = low] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(text) ?? [];
  const [from, to] = [Number(low), Number(high)];
  return low !== '' && from <= to ? [from, to] : undefined;
}

export function statusesText(ranges: readonly StatusRange[]): string {
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/** `3`, `1-10`, or `1-` for one and more. Undefined for what is none. */
export function parseRows(text: string): RowsRange | undefined {
  const [, low = '', dash, high = ''] = /^(\d{1,9})(?:(-)(\d{1,9})?)?$/.exec(text) ?? [];
  if (low === '') return undefined;
  const from = Number(low);
  const to = dash === undefined ? from : high === '' ? null : Number(high);
  return to === null || from <= to ? [from, to] : undefined;
}

export function rowsText(ranges: readonly RowsRange[]): string {
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to ?? ''}`)).join(', ');
}

/** Each once, in order: the same criteria are kept alike however they were asked for. */
export function exitCodesOf(codes: readonly number[]): number[] {
  return [...new Set(codes)].sort((one, other) => one - other);
}

export type EndState = Exclude<TerminalExecutionState, 'skipped'>;

/** The state of an attempt with such an outcome. `hasBegun`: somebody has said that it was begun, which a refusal takes back in vain. */
export function stateAfter(outcome: Outcome, criteria: SuccessCriteria, hasBegun: boolean): EndState {
  switch (outcome.kind) {
    case 'exited':
      return criteria.exitCodes.includes(outcome.code) ? 'succeeded' : 'failed';
    case 'answered':
      return (criteria.statuses ?? STATUS_OK).some(([from, to]) => from <= outcome.status && outcome.status <= to)
        ? 'succeeded'
        : 'failed';
    case 'rows':
      return criteria.rows?.some(([from, to]) => from <= outcome.rows && (to === null || outcome.rows <= to)) === false
        ? 'failed'
        : 'succeeded';
    case 'signalled':
    case 'faulted':
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

/** Of its process, if it had one and that exited. */
export function exitCodeOf(outcome: Outcome | undefined): number | undefined {
  const end = processEnd(outcome);
  return end?.kind === 'exited' ? end.code : undefined;
}

/** The name of the signal that ended its process, if one did. */
export function signalOf(outcome: Outcome | undefined): string | undefined {
  const end = processEnd(outcome);
  return end?.kind === 'signalled' ? end.signal : undefined;
}

/** What a call was answered with, if it was. */
export function statusOf(outcome: Outcome | undefined): number | undefined {
  return outcome?.kind === 'answered' ? outcome.status : undefined;
}

/** How many rows a statement has read or changed, if it was one. */
export function rowsOf(outcome: Outcome | undefined): number | undefined {
  return outcome?.kind === 'rows' ? outcome.rows : undefined;
}

/** How its process ended, if it had one and that was seen. */
function processEnd(outcome: Outcome | undefined): ProcessEnd | undefined {
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
