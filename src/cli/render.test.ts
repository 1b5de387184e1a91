import { describe, expect, it } from 'vitest';
import { EXECUTION_STATES } from '../domain/crew/execution-machine.ts';
import {
  carriedOut,
  countsLine,
  createPaint,
  leftOutText,
  progressLine,
  standingText,
  table,
  timeText,
  verdictLine,
} from './render.ts';
import { endingText, foldedText, Likenesses } from './runs/folded-text.ts';
import { runTookText } from './runs/run-text.ts';
import { cutText, plainText, terminalText, textWidth } from './text-width.ts';

const plain = createPaint(false);

describe('groups that look the same', () => {
  const of = (stdout: string, stderr = ''): Parameters<Likenesses['difference']>[1] => ({
    stdout: { bytes: Buffer.from(stdout), head: stdout.length, gap: 0 },
    stderr: { bytes: Buffer.from(stderr), head: stderr.length, gap: 0 },
  });

  it('say what sets them apart', () => {
    const likenesses = new Likenesses();
    expect(likenesses.difference('a', of('a'))).toBe(undefined);
    expect(likenesses.difference('a', of('a\n'))).toBe('as above, but with a newline at the end of its stdout');
    expect(likenesses.difference('b', of('b\n', 'x\n'))).toBe(undefined);
    expect(likenesses.difference('b', of('b\n', 'x'))).toBe('as above, but with no newline at the end of its stderr');
    expect(likenesses.difference('b', of('b\r\n', 'x\n'))).toContain('other bytes in its stdout');
  });
});

describe('a run on the terminal', () => {
  it('counts in a fixed order, only what there is', () =>
    expect(countsLine({ waiting: 1, failed: 2, succeeded: 3, lost: 0 }, plain)).toBe(
      '3 succeeded, 2 failed, 1 waiting',
    ));
  it.each([...EXECUTION_STATES])('counts those that are %s', (state) =>
    expect(countsLine({ [state]: 2 }, plain)).toBe(`2 ${state.replace('_', ' ')}`),
  );
  it('draws its progress', () =>
    expect(progressLine({ state: 'running', counts: { succeeded: 5, running: 5 }, hostCount: 10 }, 80, plain)).toMatch(
      /^█{10}░{10} 5\/10 {2}5 succeeded, 5 running$/,
    ));
  it.each([10, 20, 30, 40, 60, 80, 200])('keeps the progress within %i columns', (width) => {
    const counts = { succeeded: 12_345, failed: 67, timed_out: 8, lost: 9, running: 1_000, waiting: 86_571 };
    const run = { state: 'running', counts, hostCount: 100_000 } as const;
    for (const job of [undefined, {}])
      expect(textWidth(progressLine({ ...run, job, asks: true }, width, plain))).toBeLessThan(Math.max(width, 18));
  });
  it('shows equal output once and says what is left out, where it is', () => {
    const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
    const text = foldedText(
      {
        ending: { state: 'failed', outcome: { kind: 'exited', code: 3 } },
        hosts: ['a1', 'a2'],
        count: 5,
        stdout: { bytes: Buffer.from('x\ny\n'), head: 2, gap: 7 },
        stderr: { bytes: Buffer.from('oops\n'), head: 5, gap: 0 },
      },
      plain,
      decode,
    );
    expect(text).toBe(
      '── a[1,2] … and 3 more (5) failed, exit 3\nx\n… 7 bytes are not kept here; a host with an agent still has ' +
        'them: drover runs output RUN --host HOST --full\ny\nstderr:\noops',
    );
  });
  it('lines up columns, wide characters too, and obeys no cell', () => {
    expect(table(['A', 'LONG'], [['aaa', 'b']])).toBe('A    LONG\naaa  b');
    expect(
      table(
        ['A', 'B'],
        [
          ['主机一', 'x'],
          ['é\u0301a', 'y'],
          ['\x1b[2Jz', 'w'],
        ],
      ),
    ).toBe('A       B\n主机一  x\né\u0301a      y\n�[2Jz   w');
  });
  it('says times with their zone', () => {
    expect(timeText('2026-03-01T12:00:00.000Z', true)).toBe('2026-03-01 12:00:00 UTC');
    expect(timeText(undefined, true)).toBe('');
  });
});

describe('what a run took', () => {
  it('is its rounds, not the time between them, and nothing while it goes on', () => {
    expect(runTookText({ durationMs: 516 })).toBe('516ms');
    expect(runTookText({})).toBe('');
  });
});

describe('a run that has more to come', () => {
  const job = { id: 'r', hostCount: 3, job: {} };
  it('is not told as if all of it were there', () => {
    const between = { ...job, state: 'paused', counts: { succeeded: 1 }, asks: true } as const;
    expect(verdictLine(between, plain)).toBe('paused, asks: 1 succeeded so far  r');
    expect(standingText(between, plain)).toBe('asks; 1 succeeded so far');
    expect(progressLine(between, 80, plain)).toBe(`${'█'.repeat(19)}░ 1/1  asks; 1 succeeded so far`);
    expect(carriedOut({ ...between, state: 'running' }, plain)).toBe('1 succeeded so far');
  });
  it('is not told as done while nothing of it is carried out', () => {
    const asks = { ...job, hostCount: 0, state: 'paused', counts: {}, asks: true } as const;
    expect(verdictLine(asks, plain)).toBe('paused, asks: nothing carried out yet  r');
    expect(standingText(asks, plain)).toBe('asks; nothing carried out yet');
    expect(progressLine(asks, 80, plain)).toBe(`${'░'.repeat(20)}  asks; nothing carried out yet`);
  });
  it('has its own words where its hosts are known, and once it is over', () => {
    const command = { id: 'r', hostCount: 4, state: 'running', counts: { succeeded: 1, waiting: 3 } } as const;
    expect(standingText(command, plain)).toBe('1 succeeded, 3 waiting of 4');
    const over = { ...job, finishedAt: '2026-11-30T08:00:00Z' } as const;
    expect(verdictLine({ ...over, state: 'failed', counts: {}, durationMs: 5_000 }, plain)).toBe('failed in 5.0s  r');
    expect(verdictLine({ ...over, state: 'skipped', counts: {} }, plain)).toBe('skipped: nothing to do  r');
    expect(verdictLine({ ...over, state: 'succeeded', counts: { succeeded: 1 } }, plain)).toBe(
      'succeeded: 1 succeeded of 1 execution  r',
    );
  });
});

describe('what is left of a run', () => {
  const run = { id: 'r', hostCount: 3, job: {}, finishedAt: '2026-11-30T08:00:00Z' };
  it('is told beside a success that some steps did not need', () => {
    const line = verdictLine({ ...run, state: 'succeeded', counts: { succeeded: 4, failed: 1 } }, plain);
    expect(line).toBe(
      'succeeded: 4 succeeded, 1 failed of 5 executions; the job goes on where those of some steps do not succeed  r',
    );
    expect(verdictLine({ ...run, state: 'succeeded', counts: { succeeded: 5 } }, plain)).not.toContain('goes on');
    expect(verdictLine({ ...run, state: 'failed', counts: { failed: 5 } }, plain)).not.toContain('goes on');
  });
  it('by a new round is told with the options for it', () => {
    const counts = { succeeded: 1, waiting: 1, skipped: 2, not_started: 1 };
    expect(leftOutText(counts, ['failed'])).toBe(
      'not done again: 1 not started (--not-started), 2 skipped (--skipped)',
    );
    expect(leftOutText(counts, ['failed', 'not_started', 'skipped'])).toBe(undefined);
  });
});

describe('text for a terminal', () => {
  it('is cut by columns', () =>
    expect([cutText('主机一', 6), cutText('主机一', 5), cutText('abc', 2)]).toEqual(['主机一', '主机…', 'a…']));
  it('keeps colours and ends them, and obeys nothing else', () =>
    expect(terminalText('\x1b[31mred\x1b[2J\x07\tx\r\n')).toBe('\x1b[31mred�[2J�\tx\n\x1b[0m'));
  it('never turns the order of what stands around it', () =>
    expect([terminalText('a\u202eb\u2066c'), plainText('a\u202eb\u200f\u2028c')]).toEqual(['a�b�c', 'a�b��c']));
  it('is what a host says of how a script ended', () =>
    expect(
      endingText({
        state: 'failed',
        outcome: { kind: 'signalled', signal: '\x1b]0;t\x07\u009b2J' },
        reason: 'a\x1b[2J',
      }),
    ).toBe('failed, �]0;t��2J, a�[2J'));
});
