/**
 * Runs that a fault of ours, or of what is stored, keeps from being decided on. Each is read anew, for the fault may be gone; where it is
 * met again and again it is told on the run's timeline, once for each owner, and looked at ever more rarely. What somebody asks of it, and
 * what is reported of it, has it read at once all the same. Kept with its partition: another owner begins anew.
 */
import type { RunId } from '../base/ids.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';

/** Of one run without anything of it being written in between. */
export interface RunFaults {
  readonly count: number;
  /** It is not looked at before this, by the monotonic clock. */
  readonly untilAt: number;
}

/** So many faults are met before it is told: at the owner's pace of looking about ten seconds. */
export const FAULTS_TOLD = 5;
const PAUSE_MS = 10_000;
const PAUSE_MS_MAX = 300_000;

export function faultsAfter(before: RunFaults | undefined, nowAt: number): RunFaults {
  const count = (before?.count ?? 0) + 1;
  if (count < FAULTS_TOLD) return { count, untilAt: nowAt };
  return { count, untilAt: nowAt + Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** Math.min(10, count - FAULTS_TOLD)) };
}

export function undecidedEntry(runId: RunId, seq: number, atMs: number): TimelineEntry {
  return { runId, seq, atMs, kind: 'undecided', detail: { faults: FAULTS_TOLD } };
}
