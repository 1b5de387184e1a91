/**
 * The contract of everything that can carry out an execution attempt: the process driver on an agent's host today, SSH,
 * containers and others later. One conformance suite (test/conformance/driver.ts) proves all of them alike.
 *
 * An attempt handed to `start` runs at most once, whatever is killed: the driver journals before it acts, its children
 * outlive it, and after a restart `recover` finds them again. Its report stays until `forget`.
 */
import type { AttemptId } from '../base/ids.ts';
import type { AgentReport, ExecutionSpec } from '../protocol/link/agent-v1.ts';
import type { Service } from '../base/service.ts';

export type DriverAttemptState = 'accepted' | 'running' | 'finished';

export interface DriverEvents {
  /** The start is durable. */
  accepted(attempt: AttemptId): void;
  started(attempt: AttemptId, pid: number, atMs: number): void;
  /** Live output of a watched attempt, masked, best effort. */
  output(attempt: AttemptId, stream: 1 | 2, offset: number, bytes: Uint8Array, skipped: number): void;
  /** The final record is durable. Output larger than a frame is read with `readKept`. */
  finished(attempt: AttemptId): void;
}

export type StartAnswer =
  /** Taken now, or known already: a duplicate start is an `accepted` that changes nothing. */
  | 'accepted'
  /** Settled and acknowledged before: nothing happens, nothing is reported again. */
  | 'settled'
  /** Not taken, nothing journaled; the caller may try again later or elsewhere. */
  | 'busy';

/** The script's process, and when it began by the host's clock. */
export interface AttemptStart {
  readonly pid: number;
  readonly atMs: number;
}

/** Where to, for a driver that reaches many hosts. */
export interface AttemptTarget {
  readonly hostId: string;
  readonly accountId?: string;
}

export interface Driver extends Service {
  events: DriverEvents;
  /** `start` resolves when the decision is durable. Faults of the spec (no such user …) become a report of outcome `refused`. */
  startAttempt(attempt: AttemptId, spec: ExecutionSpec, target?: AttemptTarget): Promise<StartAnswer>;
  /** TERM, grace, KILL on the whole tree. An attempt that has not begun is reported cancelled. False when unknown. */
  cancel(attempt: AttemptId): boolean;
  watch(attempt: AttemptId, on: boolean): void;
  stateOf(attempt: AttemptId): DriverAttemptState | 'settled' | undefined;
  /** What `started` told, for as long as the attempt runs. */
  startOf(attempt: AttemptId): AttemptStart | undefined;
  /** Attempts not yet forgotten. */
  list(): readonly { attempt: AttemptId; state: DriverAttemptState }[];
  /** The report of a finished attempt; `inline` is set where it fits in `outputInlineBytesMax`. */
  report(attempt: AttemptId): Promise<AgentReport | undefined>;
  /** A range of the kept bytes (head and tail joined), masked. */
  readKept(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array>;
  /** A range of the whole spool, masked; undefined when it is not (any more) on this host. Also for forgotten attempts. */
  readWhole(
    attempt: AttemptId,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Uint8Array; size: number; eof: boolean } | undefined>;
  /** The server has committed the report: only a tombstone and the spool (for `spoolKeptMs`) remain. Durable when it resolves. */
  forget(attempts: readonly AttemptId[]): Promise<void>;
}
