import { describe, expect, it } from 'vitest';
import { remoteEndOf } from './remote-end.ts';

describe('the last line of a run', () => {
  it.each([
    ['E 200 ? 100 150 -', { outcome: { kind: 'unknown', reason: 'status-unknown' } }],
    ['E 200 35072 100 150 -', { outcome: { kind: 'exited', code: 137 } }],
    ['E 200 9 100 150 -', { outcome: { kind: 'signalled', signal: 'SIGKILL' } }],
    ['E 200 e255 100 150 -', { outcome: { kind: 'exited', code: 255 } }],
    [
      'E 200 s15 100 150 timed_out 7 8',
      { outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } }, survivors: [7, 8] },
    ],
  ])('%s', (line, outcome) =>
    expect(remoteEndOf(line.split(' '), 1_000, 10_000)).toMatchObject({ ...outcome, finishedAtMs: 9_500 }),
  );
});
