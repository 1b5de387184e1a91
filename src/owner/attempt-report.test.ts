import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentReport, ReportedOutcome } from '../protocol/link/agent-v1.ts';
import { toldEndOf } from './attempt-report.ts';

const STREAM = { size: 3, head: 3, tail: 0, digest: new Uint8Array(32), inline: new Uint8Array(3) };
const REPORT: AgentReport = {
  t: 'report',
  a: 'x',
  outcome: { kind: 'exited', code: 0 },
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
  });

  const killed = { kind: 'signalled', signal: 'SIGKILL' } as const;
  it.each<[ReportedOutcome, object]>([
    [
      { kind: 'exited', code: 7 },
      { outcome: { kind: 'exited', code: 7 }, reason: undefined },
    ],
    [killed, { outcome: killed, reason: undefined }],
    [
      { ...killed, reason: 'output-limit' },
      { outcome: killed, reason: 'output-limit' },
    ],
    [
      { kind: 'signalled', reason: 'output-limit' },
      { outcome: { kind: 'signalled' }, reason: 'output-limit' },
    ],
    [
      { kind: 'timed_out', end: killed },
      { outcome: { kind: 'timed_out', end: killed }, reason: undefined },
    ],
    [{ kind: 'cancelled' }, { outcome: { kind: 'cancelled' }, reason: 'cancelled-by-user' }],
    [
      { kind: 'cancelled', end: { kind: 'exited', code: 0 } },
      { outcome: { kind: 'cancelled', end: { kind: 'exited', code: 0 } }, reason: 'cancelled-by-user' },
    ],
    [
      { kind: 'refused', reason: 'spool-full' },
      { outcome: { kind: 'refused' }, reason: 'spool-full' },
    ],
    [
      { kind: 'unknown', reason: 'host-rebooted' },
      { outcome: { kind: 'unknown' }, reason: 'host-rebooted' },
    ],
  ])('of %j tells what happened, and why', (outcome, told) => {
    const end = toldEndOf({ ...REPORT, outcome })!;
    expect({ outcome: end.outcome, reason: end.reason }).toEqual(told);
  });

  it.each<[string, Partial<Record<keyof AgentReport, unknown>>]>([
    ['an outcome that nobody knows', { outcome: { kind: 'exploded' } }],
    ['an exit without its code', { outcome: { kind: 'exited' } }],
    ['an exit code that is no whole number', { outcome: { kind: 'exited', code: 1.5 } }],
    ['an exit code that no column holds', { outcome: { kind: 'exited', code: 2 ** 40 } }],
    ['an end after its deadline that nobody knows', { outcome: { kind: 'timed_out', end: { kind: 'exploded' } } }],
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

  it('never carries text that the database would refuse, nor more than it keeps', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 5_000 }), (text) => {
        const result = toldEndOf({
          ...REPORT,
          outcome: { kind: 'signalled', signal: text, reason: text },
          detail: `\0${text}\ud800`,
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
