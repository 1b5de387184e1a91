/**
 * What is said of an attempt, held against the very shapes by which a server takes it, before it is recorded, when it is read again, and
 * before it is sent: a server ends the link of whoever sends it a frame that is none, and the attempt that this is about must not cost all
 * the others. Engines read what hosts say by shapes of their own; this is the fence behind them.
 */
import { given } from '../base/given.ts';
import type { AgentReport, StreamReport } from '../protocol/link/agent-v1.ts';
import { instant, pid, report as reportShape } from '../protocol/link/common-shapes.ts';
import { ShapeFault, type Shape } from '../protocol/link/shape.ts';
import type { AttemptStart } from './engine.ts';

/** None of it is told, rather than of what nobody can read. */
const NOTHING: StreamReport = { size: 0, head: 0, tail: 0 };

/** Whether a frame may hold it. */
export function fits<T>(shape: Shape<T>, value: T): boolean {
  return faultOf(shape, value) === undefined;
}

/** The report itself, or, where no server would take it, an end of which nobody knows how it came, with the reason. */
export function fittingReport(report: AgentReport, nowMs: number): AgentReport {
  const fault = faultOf(reportShape, report);
  if (fault === undefined) return report;
  const { a, startedAtMs, finishedAtMs, stdout, stderr } = report;
  const bare: AgentReport = {
    t: 'report',
    a,
    outcome: { kind: 'unknown', reason: 'status-unknown' },
    detail: `What was said of its end is none that can be recorded (${fault}). Look at what says so: the host may be another's by now.`,
    ...given({ startedAtMs: startedAtMs !== undefined && fits(instant, startedAtMs) ? startedAtMs : undefined }),
    finishedAtMs: fits(instant, finishedAtMs) ? finishedAtMs : nowMs,
    stdout: NOTHING,
    stderr: NOTHING,
  };
  const whole = { ...bare, stdout, stderr };
  return fits(reportShape, whole) ? whole : bare;
}

export function isFittingStart({ pid: number, atMs }: AttemptStart): boolean {
  return fits(pid, number) && fits(instant, atMs);
}

function faultOf<T>(shape: Shape<T>, value: T): string | undefined {
  try {
    shape.read(value, 'it');
    return undefined;
  } catch (error) {
    if (error instanceof ShapeFault) return error.message;
    throw error;
  }
}
