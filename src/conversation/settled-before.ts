/** What is said of an attempt whose end was committed before, and of which only the tombstone is left. */
import type { AgentFrame } from '../protocol/link/agent-v1.ts';

export function settledBefore(attempt: string, nowMs: number): Extract<AgentFrame, { t: 'report' }> {
  const nothing = { size: 0, head: 0, tail: 0 };
  return {
    t: 'report',
    a: attempt,
    outcome: { kind: 'unknown', reason: 'status-unknown' },
    detail: 'The host has carried this attempt out before, and does not do it twice. How it ended was told then.',
    finishedAtMs: nowMs,
    stdout: nothing,
    stderr: nothing,
  };
}
