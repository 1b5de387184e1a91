import { describe, expect, it } from 'vitest';
import { outcomeOf } from './remote-outcome.ts';

describe('the last line of a run', () => {
  it.each([
    ['E 200 ? 100 150 -', { outcome: 'unknown', reason: 'status-unknown' }],
    ['E 200 35072 100 150 -', { outcome: 'exited', exitCode: 137 }],
    ['E 200 9 100 150 -', { outcome: 'signaled', signal: 'SIGKILL' }],
    ['E 200 e255 100 150 -', { outcome: 'exited', exitCode: 255 }],
    ['E 200 s15 100 150 timed_out 7 8', { outcome: 'timed_out', signal: 'SIGTERM', survivors: [7, 8] }],
  ])('%s', (line, outcome) =>
    expect(outcomeOf(line.split(' '), 1_000, 10_000)).toMatchObject({ ...outcome, finishedAtMs: 9_500 }),
  );
});
