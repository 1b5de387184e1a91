/**
 * What time alone does to an attempt that is out: it is lost when its host is away or silent for too long, and timed
 * out when nobody has told the end that its host should have seen. Clocks of two machines are never compared: all
 * instants are of the owner's monotonic clock.
 */
import { isSameExecutor, type Route } from '../run/executor.ts';
import { silenceMsMax } from './delivery-pace.ts';
import { isWithAgent, type Execution } from './execution.ts';

export interface GuardPolicy {
  /** From the start of the round: whoever cannot be reached until then is not started. */
  readonly startDeadlineMs: number;
  readonly lostAfterMs: number;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
}

export interface GuardedEnd {
  readonly to: 'lost' | 'timed_out';
  readonly reason: 'agent-replaced' | 'link-lost' | 'status-unknown' | 'deadline-guard';
  readonly detail: string;
}

type Watched = Pick<
  Execution<unknown>,
  'state' | 'subject' | 'route' | 'unlinkedAt' | 'silentSince' | 'heardFrom' | 'runningSinceAt'
>;

/** Since when it is out of reach, and since when its agent is here and silent: `route` is the way to it now. */
export function noteReach(execution: Execution<unknown>, route: Route | undefined, nowAt: number): void {
  if (route) execution.unlinkedAt = 0;
  else execution.unlinkedAt ||= nowAt;
  if (route && execution.state === 'dispatched' && isWithAgent(execution)) execution.silentSince ||= nowAt;
}

/** Undefined while it has its time. `guardMs`: how much later than the host's own deadline the server steps in. */
export function guardedEnd(
  execution: Watched,
  route: Route | undefined,
  policy: GuardPolicy,
  guardMs: number,
  nowAt: number,
): GuardedEnd | undefined {
  if (route && execution.route && !isSameExecutor(route.executor, execution.route.executor))
    return lost('agent-replaced', 'The host was enrolled anew while this attempt was out.');
  if (nowAt >= lossDueAt(execution, policy))
    return lost('link-lost', execution.subject.kind === 'none' ? WORKER_AWAY : HOST_AWAY);
  if (!route) return undefined;
  if (nowAt >= silenceDueAt(execution, policy))
    return lost('status-unknown', 'The host is linked, but nobody has told whether it took the order.');
  if (nowAt >= endDueAt(execution, policy, 2 * guardMs))
    return {
      to: 'timed_out',
      reason: 'deadline-guard',
      detail:
        'The host did not tell an end of the script at its deadline, nor when the server asked. It may still run there.',
    };
  return undefined;
}

/** When the first of these happens, if nothing is heard until then. */
export function guardDueAt(execution: Watched, policy: GuardPolicy, guardMs: number): number {
  if (execution.unlinkedAt > 0) return lossDueAt(execution, policy);
  return Math.min(silenceDueAt(execution, policy), endDueAt(execution, policy, 2 * guardMs));
}

/** By when the host should have told the end of what it runs, and so much later. */
export function endDueAt({ state, runningSinceAt }: Watched, policy: GuardPolicy, laterMs: number): number {
  return state === 'running'
    ? runningSinceAt + policy.timeoutMs + policy.killAfterMs + laterMs
    : Number.POSITIVE_INFINITY;
}

/**
 * From when on an agent that is here and has said nothing is asked whether it has the order, and not given it again: a worker may have told
 * all the while that it does not hand it on, and its word is not the agent's.
 */
export function askDueAt(execution: Watched, policy: GuardPolicy): number {
  return execution.heardFrom === 'nobody'
    ? execution.silentSince + (silenceDueAt(execution, policy) - execution.silentSince) / 2
    : Number.POSITIVE_INFINITY;
}

function lossDueAt({ unlinkedAt }: Watched, { lostAfterMs }: GuardPolicy): number {
  return unlinkedAt > 0 ? unlinkedAt + lostAfterMs : Number.POSITIVE_INFINITY;
}

function silenceDueAt(execution: Watched, policy: GuardPolicy): number {
  const { state, silentSince, heardFrom } = execution;
  return state === 'dispatched' && silentSince > 0 && isWithAgent(execution)
    ? silentSince + silenceMsMax(policy, heardFrom)
    : Number.POSITIVE_INFINITY;
}

const HOST_AWAY = 'The host was out of reach for too long; what it did is told as soon as it is back.';
const WORKER_AWAY = 'Its worker was out of reach for too long; what it did there is told as soon as that is back.';

function lost(reason: GuardedEnd['reason'], detail: string): GuardedEnd {
  return { to: 'lost', reason, detail };
}
