/**
 * What this worker's own engines say, held against the shapes of the frames that carry it to the servers: the last fence. One frame that
 * is none would end the worker's link, and with it those of all its agents.
 */
import { fittingReport, fits } from '../ledger/fitting-words.ts';
import { WORKER_FRAMES } from '../protocol/link/worker-frames.ts';
import type { AttemptEvent, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';

export function isFittingFrame(frame: WorkerToServerFrame): boolean {
  return fits(WORKER_FRAMES[frame.t]!, frame);
}

/** The event, with an end of unknown outcome for a report that does not fit; undefined for what is best not said at all. */
export function fittingEvent(event: AttemptEvent, nowMs: number): AttemptEvent | undefined {
  if (isFittingFrame({ t: 'events', events: [event] })) return event;
  return event.k === 'report' ? { ...event, report: fittingReport(event.report, nowMs) } : undefined;
}
