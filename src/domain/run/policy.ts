/** How a run goes about its work: for how long, how often, on how many hosts at once, and when it gives up. Nothing of what the work is. */
import type { SuccessCriteria } from '../crew/outcome.ts';
import type { Priority } from '../placement/queue-pick.ts';
import type { RolloutPolicy } from '../rollout/rollout.ts';

/** Fields of its rollout: how many hosts at once, in which batches, and what becomes of it when many fail. */
export interface Policy extends RolloutPolicy {
  /** Which of a worker's queues it waits in. */
  readonly priority: Priority;
  /** Counted on the host from the start of the process. */
  readonly timeoutMs: number;
  /** From TERM to KILL. */
  readonly killAfterMs: number;
  /** From the start of the run: a host that cannot be reached until then is `not_started`. */
  readonly startDeadlineMs: number;
  /** Link gone for longer: lost. */
  readonly lostAfterMs: number;
  /** What of an outcome is success. */
  readonly success: SuccessCriteria;
  /** Further attempts after a failure or time-out of the script; never after a loss. */
  readonly retries: number;
  /** Kept of each output stream, bytes: half head, half tail. */
  readonly outputKeptBytes: number;
}
