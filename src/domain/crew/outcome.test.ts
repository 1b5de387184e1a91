import { describe, expect, it } from 'vitest';
import {
  EXIT_ZERO,
  exitCodeOf,
  parseExitCodes,
  parseRows,
  parseStatuses,
  rowsOf,
  rowsText,
  signalOf,
  stateAfter,
  statusesText,
  statusOf,
  type EndState,
  type Outcome,
} from './outcome.ts';

const killed = { kind: 'signalled', signal: 'SIGKILL' } as const;

describe('an outcome', () => {
  it.each<[Outcome, boolean, EndState]>([
    [{ kind: 'exited', code: 0 }, true, 'succeeded'],
    [{ kind: 'exited', code: 137 }, true, 'failed'],
    [{ kind: 'exited', code: -1 }, true, 'failed'],
    [killed, true, 'failed'],
    [{ kind: 'signalled' }, true, 'failed'],
    [{ kind: 'timed_out', end: killed }, true, 'timed_out'],
    // However it then ended: it was ended.
    [{ kind: 'timed_out', end: { kind: 'exited', code: 0 } }, true, 'timed_out'],
    [{ kind: 'cancelled', end: { kind: 'exited', code: 0 } }, true, 'cancelled'],
    [{ kind: 'cancelled' }, false, 'cancelled'],
    [{ kind: 'refused' }, false, 'not_started'],
    [{ kind: 'refused' }, true, 'failed'],
    [{ kind: 'unknown' }, false, 'lost'],
    [{ kind: 'answered', status: 200 }, true, 'succeeded'],
    [{ kind: 'answered', status: 299 }, true, 'succeeded'],
    [{ kind: 'answered', status: 300 }, true, 'failed'],
    [{ kind: 'answered', status: 199 }, true, 'failed'],
    [{ kind: 'rows', rows: 0 }, true, 'succeeded'],
    [{ kind: 'rows', rows: 3 }, true, 'succeeded'],
    [{ kind: 'faulted' }, false, 'failed'],
    [{ kind: 'faulted' }, true, 'failed'],
  ])('%j, begun: %s, means %s', (outcome, hasBegun, state) => {
    expect(stateAfter(outcome, EXIT_ZERO, hasBegun)).toBe(state);
  });

  it('is success by the criteria of the work alone', () => {
    const criteria = { exitCodes: [0, 3] };
    expect(stateAfter({ kind: 'exited', code: 3 }, criteria, true)).toBe('succeeded');
    expect(stateAfter({ kind: 'exited', code: 3 }, { exitCodes: [] }, true)).toBe('failed');
  });

  it('of a statement is success by the rows of the work', () => {
    const rows = [parseRows('0')!, parseRows('3-5')!, parseRows('10-')!];
    const of = (count: number): EndState => stateAfter({ kind: 'rows', rows: count }, { exitCodes: [0], rows }, true);
    expect([0, 1, 3, 5, 6, 10, 999_999_999_999].map(of)).toEqual([
      'succeeded',
      'failed',
      'succeeded',
      'succeeded',
      'failed',
      'succeeded',
      'succeeded',
    ]);
    expect(rowsText(rows)).toBe('0, 3-5, 10-');
    expect(rowsText([parseRows('1-2')!])).toBe('1-2');
    for (const text of ['', '-1', '5-3', '1-x', '1.5', '1--', '1234567890']) expect(parseRows(text)).toBeUndefined();
    expect([rowsOf({ kind: 'rows', rows: 2 }), rowsOf({ kind: 'faulted' })]).toEqual([2, undefined]);
  });

  it('of a call is success by the statuses of the work', () => {
    const statuses = [parseStatuses('404')!, parseStatuses('200-204')!];
    const of = (status: number): EndState =>
      stateAfter({ kind: 'answered', status }, { exitCodes: [0], statuses }, true);
    expect([200, 204, 205, 404, 403].map(of)).toEqual(['succeeded', 'succeeded', 'failed', 'succeeded', 'failed']);
    expect(statusesText(statuses)).toBe('404, 200-204');
    for (const text of ['', '99', '600', '300-200', '200-', '2xx', '200-2000'])
      expect(parseStatuses(text)).toBeUndefined();
    expect(['answered', 'exited'].map((kind) => statusOf({ kind, status: 200, code: 1 } as Outcome))).toEqual([
      200,
      undefined,
    ]);
  });

  it('says how the process ended where there was one', () => {
    const ends = (outcome?: Outcome): unknown[] => [exitCodeOf(outcome), signalOf(outcome)];
    expect(ends({ kind: 'exited', code: 4 })).toEqual([4, undefined]);
    expect(ends({ kind: 'timed_out', end: { kind: 'exited', code: 0 } })).toEqual([0, undefined]);
    expect(ends({ kind: 'cancelled', end: killed })).toEqual([undefined, 'SIGKILL']);
    for (const outcome of [{ kind: 'refused' }, { kind: 'unknown' }, undefined] as const)
      expect(ends(outcome)).toEqual([undefined, undefined]);
  });
});

describe('exit codes that are success', () => {
  it.each<[string, number[] | undefined]>([
    ['0', [0]],
    [' 3, 0 ,3', [0, 3]],
    ['2147483647', [2_147_483_647]],
    ['2147483648', undefined],
    ['', undefined],
    ['0,', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['0-3', undefined],
    [Array.from({ length: 257 }, (_, n) => n).join(), undefined],
  ])('%j are read as %j', (text, codes) => expect(parseExitCodes(text)).toEqual(codes));
});
