/** The way to the host of an execution: for one that waits, which way it would take now; for one that is out, where its executor is. */
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import { isOverSsh, type Execution, type Location } from '../domain/run/run-actor.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import type { Fleet } from '../fleet/fleet.ts';

export type Ways = Pick<Fleet, 'locate' | 'sshRoute' | 'isLinked' | 'takesWork'>;

export function routeOf(
  execution: Pick<Execution<unknown>, 'state' | 'hostId' | 'agentId' | 'workerId'>,
  spec: Pick<RunSpec, 'via'>,
  fleet: Ways,
): Location | undefined {
  if (execution.state !== 'waiting') {
    if (!isOverSsh(execution)) return fleet.locate(execution.hostId);
    return fleet.isLinked(execution.workerId!) ? overSsh(execution.workerId!) : undefined;
  }
  const via = spec.via ?? 'auto';
  return (
    (via === 'ssh' ? undefined : byAgent(execution.hostId, fleet)) ??
    (via === 'agent' ? undefined : bySsh(execution.hostId, fleet))
  );
}

function byAgent(hostId: HostId, fleet: Ways): Location | undefined {
  const agent = fleet.locate(hostId);
  return agent && fleet.takesWork(agent.workerId) ? agent : undefined;
}

function bySsh(hostId: HostId, fleet: Ways): Location | undefined {
  const workerId = fleet.sshRoute(hostId);
  return workerId && overSsh(workerId);
}

/** The worker is its own executor. */
function overSsh(workerId: WorkerId): Location {
  return { workerId, agentId: workerId as string as AgentId };
}
