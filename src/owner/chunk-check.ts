/** Which pieces of output a server takes: those of an attempt that is out with their very sender, and no more than the run keeps. The store looks again. */
import type { HostId, WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { isSameExecutor, type Executor, type RouteTaken } from '../domain/run/executor.ts';
import type { Subject } from '../domain/run/subject.ts';
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
  if (attempt > execution.attempt || seq >= Math.ceil(spec.outputKeptBytes / limits.outputChunkBytes)) return false;
  if (attempt === execution.attempt && !isSameExecutor(execution.route?.executor, executor)) return false;
  // A worker speaks for itself; an agent through the worker that holds its link.
  if (executor.kind === 'worker') return executor.id === workerId;
  const location = fleet.locate(execution.subject.id);
  return location?.workerId === workerId && isSameExecutor(location.executor, executor);
}
