/** Attempts of runs that nobody has heard of. */
import { systemClock } from '../../src/base/clock.ts';
import { attemptId, newRunId, type AttemptId } from '../../src/base/ids.ts';

export function newAttempt(): AttemptId {
  return attemptId({ runId: newRunId(systemClock.nowMs()), task: 0, ordinal: 0, attempt: 1 });
}
