import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentReport } from '../protocol/link/agent-v1.ts';
import { toldEndOf } from './attempt-report.ts';

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
    expect(toldEndOf(REPORT)).toMatchObject({
      outcome: { kind: 'exited', code: 0 },
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
    expect(toldEndOf({ ...REPORT, exitCode: 7 })).toMatchObject({ outcome: { kind: 'exited', code: 7 } });
    expect(toldEndOf({ ...REPORT, outcome: 'refused', reason: 'spool-full' })).toMatchObject({
      outcome: { kind: 'refused' },
      reason: 'spool-full',
    });
  });

  it.each<[string, Partial<Record<keyof AgentReport, unknown>>]>([
    ['an outcome that nobody knows', { outcome: 'exploded' }],
    ['an exit without its code', { exitCode: undefined }],
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
    expect(toldEndOf({ ...REPORT, ...change } as AgentReport)).toBeUndefined();
  });

  it('with both an exit code and a signal ends by its code', () => {
    const result = toldEndOf({ ...REPORT, exitCode: 3, signal: 'SIGKILL' });
    expect(result?.outcome).toEqual({ kind: 'exited', code: 3 });
    const ended = toldEndOf({ ...REPORT, outcome: 'timed_out', exitCode: 3, signal: 'SIGKILL' });
    expect(ended?.outcome).toEqual({ kind: 'timed_out', end: { kind: 'exited', code: 3 } });
    // Killed, whatever code it tells: no success.
    const killed = toldEndOf({ ...REPORT, outcome: 'signaled', exitCode: 0, signal: 'SIGKILL' });
    expect(killed?.outcome).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
  });

  it('never carries text that the database would refuse, nor more than it keeps', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 5_000 }), (text) => {
        const { exitCode: _, ...report } = REPORT;
        const result = toldEndOf({
          ...report,
          outcome: 'signaled',
          reason: text,
          detail: `\0${text}\ud800`,
          signal: text,
        })!;
        for (const kept of [result.reason, result.detail, (result.outcome as { signal?: string }).signal]) {
          expect(kept!.includes('\0')).toBe(false);
          expect(kept!.isWellFormed()).toBe(true);
          expect(kept!.length).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });
});
