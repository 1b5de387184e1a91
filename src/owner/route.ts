/** The way to the host of an execution: for one that waits, which way it would take now; for one that is out, where its executor is. */
import type { HostId } from '../base/ids.ts';
import type { Execution } from '../domain/crew/execution.ts';
import { workerExecutor, type Route } from '../domain/run/executor.ts';
import type { Unreached } from '../domain/crew/crew-options.ts';
import type { Placement } from '../domain/placement/placement.ts';
import type { Fleet } from '../fleet/fleet.ts';

export type Ways = Pick<Fleet, 'locate' | 'sshRoute' | 'isLinked' | 'takesWork'>;
export type Obstacles = Pick<Fleet, 'locate' | 'sshObstacle' | 'hasWorker'>;

export function routeOf(
  execution: Pick<Execution<unknown>, 'state' | 'subject' | 'route'>,
  { via }: Pick<Placement, 'via'>,
  fleet: Ways,
): Route | undefined {
  if (execution.state !== 'waiting') {
    const executor = execution.route?.executor;
    if (executor?.kind !== 'worker') return fleet.locate(execution.subject.id);
    return fleet.isLinked(executor.id) ? { executor, workerId: executor.id } : undefined;
  }
  return (
    (via === 'ssh' ? undefined : byAgent(execution.subject.id, fleet)) ??
    (via === 'agent' ? undefined : bySsh(execution.subject.id, fleet))
  );
}

/** Why there is no way to a host now, by the ways that the run may take. */
export function unreachedBecause(hostId: HostId, { via }: Pick<Placement, 'via'>, fleet: Obstacles): Unreached {
  const obstacle = via === 'agent' ? undefined : fleet.sshObstacle(hostId);
  if (via === 'ssh' && obstacle === 'no-address') return WITHOUT_ADDRESS;
  const isHeldByDrained = via !== 'ssh' && fleet.locate(hostId) !== undefined;
  if (isHeldByDrained || obstacle === 'drained')
    return {
      reason: 'worker-drained',
      detail:
        `${isHeldByDrained ? 'The worker that holds the agent of the host' : "Every worker of the host's zone"} is ` +
        'being drained and takes no new work, and no other was there before the start deadline. See: drover ' +
        'workers list.',
    };
  if (obstacle === 'no-worker' || !fleet.hasWorker(hostId))
    return {
      reason: 'zone-without-worker',
      detail: "No worker of the host's zone was linked before the start deadline. See: drover workers list.",
    };
  return { reason: 'start-deadline', detail: UNREACHED[via] };
}

/**
 * Why there can be no way to a host, however long one waits: over SSH alone, without an address. A host may have been given one a moment
 * before the run was made, so the list of addresses counts that was read after the run was held here (`lookedBefore`: looks begun by then).
 */
export function neverReached(
  hostId: HostId,
  { via }: Pick<Placement, 'via'>,
  fleet: Pick<Fleet, 'sshObstacle' | 'accessLooks'>,
  lookedBefore: number,
): Unreached | 'unsure' | undefined {
  if (via !== 'ssh' || fleet.sshObstacle(hostId) !== 'no-address') return undefined;
  return fleet.accessLooks().done > lookedBefore ? WITHOUT_ADDRESS : 'unsure';
}

const WITHOUT_ADDRESS: Unreached = {
  reason: 'host-without-address',
  detail:
    'The run goes over SSH alone (--via ssh), and the host has no address. Give it one: drover hosts edit HOST ' +
    '--address ADDRESS; or leave out --via.',
};

const UNREACHED = {
  auto: 'The host did not come on line before the start deadline: its agent was not linked, and it has no address for SSH.',
  agent: 'The agent of the host was not linked before the start deadline.',
  ssh: 'The host could not be reached over SSH before the start deadline.',
} as const;

function byAgent(hostId: HostId, fleet: Ways): Route | undefined {
  const agent = fleet.locate(hostId);
  return agent && fleet.takesWork(agent.workerId) ? agent : undefined;
}

function bySsh(hostId: HostId, fleet: Ways): Route | undefined {
  const workerId = fleet.sshRoute(hostId);
  return workerId && { workerId, executor: workerExecutor(workerId, 'ssh') };
}
