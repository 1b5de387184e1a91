/** An execution in its owner's memory: what it was read from, where it stands, and what was sent and heard. No decision is taken here. */
import { type ExecutionState, isOut } from './execution-machine.ts';
import type { Route, RouteTaken } from '../run/executor.ts';
import type { Subject } from '../run/subject.ts';
import type { HeardFrom } from './delivery-pace.ts';
import type { EndState, Outcome } from './outcome.ts';
import type { OutputValues } from '../work/output-values.ts';

/**
 * For an execution that waits, the way that would be taken now; for one that is out, the way to its executor. Undefined
 * where there is none now.
 */
export type FindRoute<Stream> = (execution: Execution<Stream>) => Route | undefined;

export interface SeedExecution {
  readonly task: number;
  readonly ordinal: number;
  readonly attempt: number;
  readonly subject: Subject;
  readonly state: ExecutionState;
  readonly route?: RouteTaken;
  /** By the host's clock: shown, never compared. */
  readonly startedAtMs?: number;
  readonly dispatchedAtMs?: number;
  readonly failuresInRound: number;
}

/** The executions of a new task, in the order of its frozen subjects. */
export function firstAttempts(subjects: readonly Subject[], task = 0): SeedExecution[] {
  return subjects.map((subject, ordinal) => ({
    task,
    ordinal,
    attempt: 1,
    subject,
    state: 'waiting',
    failuresInRound: 0,
  }));
}

/** The end of an attempt, as its executor tells it. */
export interface ToldEnd<Stream> {
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly detail?: string;
  readonly startedAtMs?: number;
  readonly finishedAtMs: number;
  readonly stdout?: Stream;
  readonly stderr?: Stream;
  /** Absent where its script told none. */
  readonly values?: OutputValues;
}

/**
 * How an attempt ended: the state that follows from what was told, or that was decided without its executor, and then
 * without an outcome.
 */
export type AttemptResult<Stream> = Omit<ToldEnd<Stream>, 'outcome'> & {
  readonly to: EndState;
  readonly outcome?: Outcome;
};

export interface Execution<Stream> {
  readonly task: number;
  readonly ordinal: number;
  readonly subject: Subject;
  attempt: number;
  state: ExecutionState;
  dbState: ExecutionState;
  /** The way that the present attempt has gone; undefined while it waits. */
  route: RouteTaken | undefined;
  failures: number;
  dispatchedAtMs: number | undefined;
  startedAtMs: number | undefined;
  /** Since when the script is known here to run, by the owner's monotonic clock; 0 while it is not. */
  runningSinceAt: number;
  result: AttemptResult<Stream> | undefined;
  settledLate: boolean;
  /** The next commit closes this attempt and opens the next one. */
  retry: boolean;
  /** Orders that may have reached the agent. */
  sends: number;
  /** By the owner's monotonic clock; 0 while linked. */
  unlinkedAt: number;
  notBeforeAt: number;
  lastOrderAt: number;
  cancelSentAt: number;
  /** How often this attempt came back, and since when, by the owner's monotonic clock. */
  returns: number;
  returnedSince: number;
  /** Since when its agent is here and nobody has said what became of it, by the owner's monotonic clock; 0 while not known. */
  silentSince: number;
  /** The last order that went out for it: an answer to an earlier one settles nothing. */
  order: number;
  heardFrom: HeardFrom;
}

/** Whether the present attempt has been given to an agent, rather than to a worker itself. */
export function isWithAgent({ route }: { readonly route: RouteTaken | undefined }): boolean {
  return route?.executor.kind === 'agent';
}

/** An execution as its new owner reads it: `nowAt` is the owner's monotonic clock. */
export function executionOf<Stream>(seed: SeedExecution, nowAt: number): Execution<Stream> {
  const out = isOut(seed.state);
  return {
    task: seed.task,
    ordinal: seed.ordinal,
    subject: seed.subject,
    attempt: seed.attempt,
    state: seed.state,
    dbState: seed.state,
    route: seed.route,
    failures: seed.failuresInRound,
    dispatchedAtMs: seed.dispatchedAtMs,
    startedAtMs: seed.startedAtMs,
    // Another owner has heard of its start. Counted anew: too late a guard does less harm than one that kills what has its time still.
    runningSinceAt: seed.state === 'running' ? nowAt : 0,
    result: undefined,
    settledLate: false,
    retry: false,
    // How often another owner sent it is unknown here: one may have arrived, whatever is told of others.
    sends: out ? Number.POSITIVE_INFINITY : 0,
    unlinkedAt: out ? nowAt : 0,
    notBeforeAt: 0,
    lastOrderAt: 0,
    cancelSentAt: 0,
    order: 0,
    returns: 0,
    returnedSince: 0,
    silentSince: 0,
    heardFrom: 'nobody',
  };
}
