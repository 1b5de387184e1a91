/** Which pieces of output a server takes: those of an attempt that is out with their very sender, and no more than the run keeps. The store looks again. */
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { AgentLocation } from '../fleet/fleet.ts';

export interface Piece {
  readonly workerId: WorkerId;
  readonly agentId: AgentId;
  readonly attempt: number;
  readonly seq: number;
}

export function isPieceOf(
  spec: { readonly outputKeptBytes: number },
  execution: { readonly hostId: HostId; readonly attempt: number; readonly agentId: AgentId | undefined },
  { workerId, agentId, attempt, seq }: Piece,
  fleet: { locate(hostId: HostId): AgentLocation | undefined },
): boolean {
  if (attempt > execution.attempt || seq >= Math.ceil(spec.outputKeptBytes / limits.outputChunkBytes)) return false;
  if (attempt === execution.attempt && execution.agentId !== agentId) return false;
  // Over SSH the worker is the executor; an agent speaks through the worker that holds its link.
  if (agentId === (workerId as string)) return true;
  const location = fleet.locate(execution.hostId);
  return location?.workerId === workerId && location.agentId === agentId;
}
