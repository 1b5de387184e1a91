/**
 * Ends as journals held them before an outcome was a value: its name, with whatever belonged to it beside. Read for
 * ever, never written.
 */
import { given } from '../base/given.ts';
import type { AgentReport, ProcessEnd, ReportedOutcome } from '../protocol/link/agent-v1.ts';

export type FlatReport = Omit<AgentReport, 'outcome'> & {
  readonly outcome: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly reason?: string;
};

/** A report as a journal holds it, in whichever form. */
export function reportIn(kept: AgentReport | FlatReport): AgentReport {
  return isFlat(kept) ? reportOfFlat(kept) : kept;
}

function isFlat(kept: AgentReport | FlatReport): kept is FlatReport {
  return typeof kept.outcome === 'string';
}

function reportOfFlat({ outcome, exitCode, signal, reason, ...same }: FlatReport): AgentReport {
  return { ...same, outcome: outcomeOf(outcome, endOf(exitCode, signal), signal, reason) };
}

/** A process ends by the one or the other. Of what tells both the code is believed: success and retries go by it. */
function endOf(exitCode: number | undefined, signal: string | undefined): ProcessEnd | undefined {
  if (exitCode !== undefined) return { kind: 'exited', code: exitCode };
  return signal === undefined ? undefined : { kind: 'signalled', signal };
}

function outcomeOf(
  name: string,
  end: ProcessEnd | undefined,
  signal: string | undefined,
  reason: string | undefined,
): ReportedOutcome {
  switch (name) {
    case 'exited':
      return end ?? { kind: 'unknown', reason: 'status-unknown' };
    case 'signaled':
      // Killed, whatever code is told with it.
      return {
        kind: 'signalled',
        ...given({ signal, reason }),
      };
    case 'timed_out':
    case 'cancelled':
      return { kind: name, ...given({ end }) };
    case 'refused':
      return { kind: 'refused', reason: reason ?? 'internal' };
    default:
      return { kind: 'unknown', reason: reason ?? 'status-unknown' };
  }
}
