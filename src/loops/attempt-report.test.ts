import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentReport } from '../protocol/link/agent-v1.ts';
import { resultOf } from './attempt-report.ts';

const STREAM = { size: 3, head: 3, tail: 0, digest: new Uint8Array(32), inline: new Uint8Array(3) };
const REPORT: AgentReport = {
  t: 'report',
  a: 'x',
  outcome: 'exited',
  exitCode: 0,
  startedAtMs: 1,
  finishedAtMs: 2,
  stdout: STREAM,
  stderr: { size: 0, head: 0, tail: 0 },
};

describe('a report', () => {
  it('becomes a result', () => {
    expect(resultOf(REPORT)).toMatchObject({
      to: 'succeeded',
      exitCode: 0,
      startedAtMs: 1,
      finishedAtMs: 2,
      // The digest is the one of these bytes, whatever the agent says.
      stdout: {
        ...STREAM,
        digest: createHash('sha256')
          .update(Buffer.alloc(3 + 8))
          .digest(),
      },
    });
    expect(resultOf({ ...REPORT, exitCode: 7 })).toMatchObject({ to: 'failed', exitCode: 7 });
    expect(resultOf({ ...REPORT, outcome: 'refused', reason: 'spool-full' })).toMatchObject({ to: 'not_started' });
  });

  it.each<[string, Partial<Record<keyof AgentReport, unknown>>]>([
    ['an outcome that nobody knows', { outcome: 'exploded' }],
    [
      'success without an exit code',
      { exitCode: undefined, outcome: 'exited', stdout: { size: -1, head: 0, tail: 0 } },
    ],
    ['an exit code that is no whole number', { exitCode: 1.5 }],
    ['an exit code that no column holds', { exitCode: 2 ** 40 }],
    ['an instant that is no whole number', { finishedAtMs: 0.5 }],
    ['an instant before all time', { startedAtMs: -1 }],
    ['a size that is no whole number', { stdout: { ...STREAM, size: 3.5 } }],
    ['more kept than written', { stdout: { ...STREAM, size: 2 } }],
    ['other bytes than it says', { stdout: { ...STREAM, inline: new Uint8Array(4) } }],
    ['bytes that are none', { stdout: { ...STREAM, inline: 'abc' } }],
    ['a digest that is none', { stdout: { ...STREAM, digest: '\\x' } }],
  ])('with %s is not taken', (_what, change) => {
    expect(resultOf({ ...REPORT, ...change } as AgentReport)).toBeUndefined();
  });

  it('with both an exit code and a signal ends by its code', () => {
    const result = resultOf({ ...REPORT, exitCode: 3, signal: 'SIGKILL' });
    expect(result).toMatchObject({ to: 'failed', exitCode: 3 });
    expect(result).not.toHaveProperty('signal');
  });

  it('never carries text that the database would refuse, nor more than it keeps', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 5_000 }), (text) => {
        const { exitCode: _, ...report } = REPORT;
        const result = resultOf({
          ...report,
          outcome: 'refused',
          reason: text,
          detail: `\0${text}\ud800`,
          signal: text,
        })!;
        for (const kept of [result.reason, result.detail, result.signal]) {
          expect(kept!.includes('\0')).toBe(false);
          expect(kept!.isWellFormed()).toBe(true);
          expect(kept!.length).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });
});
