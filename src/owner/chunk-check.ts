/**
 * Which pieces of output a server takes: those of an attempt that is out with their very sender, and no more than the
 * run keeps. The store looks again.
 */
import type { HostId, WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { isOut } from '../domain/crew/execution-machine.ts';
import { isSameExecutor, type Executor, type RouteTaken } from '../domain/run/executor.ts';
import { hostOf, type Subject } from '../domain/run/subject.ts';
import type { AttemptStanding } from '../store/contract/owner-commit.ts';
import type { AgentLocation } from '../fleet/fleet.ts';

export interface Piece {
  readonly workerId: WorkerId;
  readonly executor: Executor;
  readonly attempt: number;
  readonly seq: number;
}

export function isPieceOf(
  spec: { readonly outputKeptBytes: number },
  execution: { readonly subject: Subject; readonly attempt: number; readonly route: RouteTaken | undefined },
  { workerId, executor, attempt, seq }: Piece,
  fleet: { locate(hostId: HostId): AgentLocation | undefined },
): boolean {
  if (attempt > execution.attempt || !isKept(spec, seq)) return false;
  if (attempt === execution.attempt && !isSameExecutor(execution.route?.executor, executor)) return false;
  // A worker speaks for itself; an agent through the worker that holds its link.
  if (executor.kind === 'worker') return executor.id === workerId;
  const host = hostOf(execution.subject);
  const location = host && fleet.locate(host.id);
  return location?.workerId === workerId && isSameExecutor(location.executor, executor);
}

/** Whether the run keeps so much of a stream. */
export function isKept({ outputKeptBytes }: { readonly outputKeptBytes: number }, seq: number): boolean {
  return seq < Math.ceil(outputKeptBytes / limits.outputChunkBytes);
}

/** Whether something may be told of the attempt still: it is out with its executor, or lost and its truth not known. */
export function isOpen({ state, isTold }: Pick<AttemptStanding, 'state' | 'isTold'>): boolean {
  return isOut(state) || (state === 'lost' && !isTold);
}
